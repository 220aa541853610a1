"""``atlas user``: one user's page, checked now; nothing is stored."""

from collections.abc import Mapping

from atlas import wiring
from atlas.cli.connection import connect
from atlas.cli.screen import INVALID_ARGUMENT, Screen, facts, print_error, section, show, show_json
from atlas.cli.statuses import meaning_of
from atlas.cli.user_problems import USER_PROBLEMS, report_user_problem
from atlas.domain.advice import advice_for_user, commands_for_mailbox
from atlas.domain.findings import Finding
from atlas.domain.mailboxes import Mailbox
from atlas.domain.policy import OpenQuestion, PolicyVerdict, Verdict
from atlas.domain.statuses import Status
from atlas.domain.user_references import InvalidUserReference, UserReference, parse_user_reference
from atlas.domain.user_rows import UserRow
from atlas.pages.observation import Inspection, NoSuchUser, inspect
from atlas.report.documents import user_details_document
from atlas.resources import TenantClients

MIN_NAME_LENGTH = 2
MAX_SUGGESTIONS = 10
HAS_A_PAGE = frozenset({Status.PUBLISHED, Status.NO_PUBLIC_TYPES})
FINDINGS = {
    Finding.POLICY_CONTRADICTS_PAGE: "a policy turns personal bookings off, but there is a page",
    Finding.POLICY_CONFLICT: "the organisation blocks personal bookings, but the mailbox's policy allows them",
    Finding.CAPABILITY_CONTRADICTS_PAGE: "the page responds, but the mailbox lacks the Bookings capability",
    Finding.NOTHING_BOOKABLE: "there are public meeting types, but nothing can be booked in the next 7 days",
}
BOOKABLE = {True: "yes, in the next 7 days", False: "nothing in the next 7 days", None: None}


async def run(who: str, environment: Mapping[str, str], *, as_json: bool = False) -> int:
    """Show the user; returns 1 if there is no page or no such user."""
    connection = connect(environment)
    settings = connection.settings
    async with wiring.open_clients(settings, connection.sign_in) as (clients, _):
        try:
            inspection = await inspect(clients, await _identify(clients, who))
        except AmbiguousName as ambiguous:
            print_error(str(ambiguous))
            return INVALID_ARGUMENT
        except USER_PROBLEMS as problem:
            return report_user_problem(who, problem)
    if as_json:
        show_json(user_details_document(inspection.row, settings.bookings_url))
    else:
        show(user_screen(inspection, settings.bookings_url))
    return 0 if inspection.row.status in HAS_A_PAGE or inspection.row.url else 1


class AmbiguousName(Exception):
    """Several users have this name; the message lists them."""


async def _identify(clients: TenantClients, who: str) -> UserReference:
    """The user by UPN, object ID or page URL, or else the only user whose name begins with the text."""
    try:
        return parse_user_reference(who)
    except InvalidUserReference as invalid:
        name = " ".join(who.split())
        if len(name) < MIN_NAME_LENGTH or "@" in name:
            raise
        found = await clients.directory.search_accounts(name, MAX_SUGGESTIONS + 1)
        found = tuple([account for account in found if not await clients.exclusions.contains(account.user)])
        if len(found) == 1:
            return found[0].user.upn
        if not found:
            raise NoSuchUser(f"no user's name begins with this; {invalid}") from None
        lines = [f"  {account.user.upn}  {account.user.display_name or ''}" for account in found[:MAX_SUGGESTIONS]]
        more = ["  …"] if len(found) > MAX_SUGGESTIONS else []
        raise AmbiguousName("\n".join([f"Several users match {name!r}. Name one of them:", *lines, *more])) from None


def user_screen(inspection: Inspection, bookings_url: str) -> Screen:
    """Whether the user has a page, why not if there is none, and what would change that."""
    row, policy = inspection.row, inspection.evidence.policy if inspection.evidence else None
    screen: Screen = [
        facts(
            {
                "user": f"{row.user.display_name or ''} <{row.user.upn}>".strip(),
                "status": f"{row.status}: {meaning_of(row)}",
                "reason": row.reason,
                "meeting types": ", ".join(meeting_type.title for meeting_type in row.meeting_types or ()) or None,
                "bookable": BOOKABLE[row.bookable],
                "policy": _policy_without_repetition(policy, row) if policy else None,
                "findings": "; ".join(f"{finding}: {FINDINGS[finding]}" for finding in row.findings) or None,
            }
        )
    ]
    if row.url:  # outside the table, which would wrap it
        screen += section("Page", row.url)
    if advice := advice_for_user(row, bookings_url):
        screen += section("What would change it", advice)
    if commands := _commands_for_allowed_user(inspection):
        screen += section("Turning it on and off", commands, "For the whole organisation, run: atlas policy")
    return screen + section("What Microsoft's documentation leaves open", *_open_questions(policy, advice or ""))


def _policy_without_repetition(policy: PolicyVerdict, row: UserRow) -> str:
    return str(policy.verdict) if policy.reason == row.reason else f"{policy.verdict}: {policy.reason}"


def _commands_for_allowed_user(inspection: Inspection) -> str | None:
    """The commands for this mailbox if its settings are known and the advice does not include them already."""
    mailbox = inspection.evidence and inspection.evidence.mailbox
    if not isinstance(mailbox, Mailbox) or mailbox.ews is None or not inspection.row.policy:
        return None
    if inspection.row.policy.verdict is not Verdict.ON:
        return None
    return commands_for_mailbox(inspection.row.user.upn, mailbox.ews)


def _open_questions(policy: PolicyVerdict | None, advice: str) -> list[str]:
    """The questions that matter for this user and that the advice does not mention already."""
    if policy is None:
        return []
    return [
        question.text
        for question in policy.questions
        if question.text not in advice
        and (question is not OpenQuestion.END_OF_EWS or policy.verdict is Verdict.EWS_DISABLED)
    ]
