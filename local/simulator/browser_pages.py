"""The page that a browser shows for the address of a simulated booking page."""

from html import escape

from local.simulator.http_messages import Response
from local.simulator.meeting_types import MeetingTypes
from local.simulator.user_kinds import Outcome
from local.simulator.users import SimulatedUser

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 2em auto">
<h1>{title}</h1>
{text}
<p><small>This is a simulated tenant. Nothing can be booked here. In Microsoft 365, this address is the user's Personal
Bookings page.</small></p>
</body>
</html>
"""


def browser_page(user: SimulatedUser | None, outcome: Outcome, meeting_types: MeetingTypes) -> Response:
    """The page of this user; ``None``: the address belongs to no user."""
    if user is None or outcome is Outcome.NO_PAGE:
        return _html(404, "No such page", "<p>There is no Bookings page at this address.</p>")
    name = escape(user.display_name)
    if outcome is Outcome.SIGN_IN:
        return _html(200, f"Bookings page of {name}", "<p>This page requires its visitors to sign in.</p>")
    if outcome not in {Outcome.PUBLIC, Outcome.NONE_PUBLIC}:
        return _html(503, f"Bookings page of {name}", f"<p>The simulated service fails here ({outcome}).</p>")
    titles = [
        escape(meeting_type["title"])
        for meeting_type in meeting_types.of(user)
        if meeting_type["isPrivate"] is False and not meeting_type["isHiddenFromCustomers"]
    ]
    items = "".join(f"<li>{title}</li>" for title in titles)
    text = f"<p>Public meeting types:</p><ul>{items}</ul>" if titles else "<p>There are no public meeting types.</p>"
    return _html(200, f"Bookings page of {name}", text)


def _html(status: int, title: str, text: str) -> Response:
    return Response(status, _PAGE.format(title=title, text=text), {"Content-Type": "text/html; charset=utf-8"})
