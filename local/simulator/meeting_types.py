"""The meeting types on a simulated page, as `services` lists them: docs/microsoft-365.md, section 5.3."""

from typing import Any

from local.simulator import ids
from local.simulator.pages import MALFORMED_TYPE
from local.simulator.user_kinds import OUTCOMES, Outcome, Page
from local.simulator.users import SimulatedUser

_DEFAULTS = (("30 minutes meeting", 30, True), ("60 minutes meeting", 60, False), ("15 minutes meeting", 15, True))
_TITLES = (("Coffee & questions", 20, False), ("Sprechstunde für Studierende", 45, True), ("Erstgespräch", 50, True))
_PUBLIC_COUNTS = {Page.PUBLIC_ONE: 1, Page.PUBLIC_AND_PRIVATE: 2, Page.NOTHING_FREE: 1}


def public_count(page: Page) -> int:
    """How many public meeting types a page of this kind offers."""
    return _PUBLIC_COUNTS.get(page, len(_DEFAULTS)) if OUTCOMES[page] is Outcome.PUBLIC else 0


class MeetingTypes:
    """Creates the list of a user; the IDs are the user's own."""

    def __init__(self, seed: int, bookings_url: str) -> None:
        self._key = ids.key_of(seed, "meeting types")
        self._bookings_url = bookings_url

    def of(self, user: SimulatedUser) -> list[dict[str, Any]]:
        """Everything that `services` lists for a page that works."""
        if OUTCOMES[user.page] is Outcome.PUBLIC:
            return self._public(user)
        hidden = {Page.PRIVATE_ONLY: {"isPrivate": True}, Page.HIDDEN_ONLY: {"isHiddenFromCustomers": True}}
        return [self._one(user, 0, **hidden[user.page])] if user.page in hidden else []

    def ids_of(self, user: SimulatedUser) -> set[str]:
        """IDs of everything that is listed."""
        return {meeting_type["serviceId"] for meeting_type in self.of(user) if meeting_type["serviceId"]}

    def _public(self, user: SimulatedUser) -> list[dict[str, Any]]:
        listed = [self._one(user, number) for number in range(public_count(user.page))]
        if user.page is Page.PUBLIC_AND_PRIVATE:
            return [
                self._one(user, 2, isPrivate=True),
                *listed,
                self._one(user, 3, isHiddenFromCustomers=True),
            ]
        return [*listed, MALFORMED_TYPE] if user.page is Page.PUBLIC_AND_MALFORMED else listed

    def _one(self, user: SimulatedUser, number: int, **flags: bool) -> dict[str, Any]:
        titles = _TITLES if user.random_bytes[24] % 4 == 0 else _DEFAULTS
        title, minutes, is_online = titles[number % len(titles)]
        service_id = ids.guid_of(self._key, user.index, number)
        iso = f"PT{minutes // 60}H" if minutes % 60 == 0 else f"PT{minutes}M"
        is_private = flags.get("isPrivate", False)
        page = f"{user.mailbox_guid.replace('-', '')}@{user.primary_smtp.rpartition('@')[2].lower()}"
        return {
            "serviceId": service_id,
            "title": title,
            "description": "",
            "defaultDuration": iso,
            "formattedDuration": f"{minutes} minutes",
            "staffMemberIds": [STAFF_ID],
            "isLocationOnline": is_online,
            "isPrivate": is_private,
            "isHiddenFromCustomers": flags.get("isHiddenFromCustomers", False),
            "restrictionType": f"BOOKING_SERVICE_RESTRICTION_{'PRIVATE' if is_private else 'PUBLIC'}",
            "defaultPrice": 0,
            "defaultPriceType": "SERVICEDEFAULTPRICETYPES_FREE",
            "webUrl": f"{self._bookings_url}/bookwithme/user/{page}/meetingtype/{service_id}?anonymous",
            "bookingsSchedulingPolicy": {"minimumLeadTime": "PT1H", "maximumAdvance": "P60D"},
        }


STAFF_ID = "1c1c7887-e0fc-479b-ac7d-6983d0f026ff"
"""The same for every personal page."""
