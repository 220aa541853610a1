"""What would change it: for every reason the command, the licence step or the owner's own step, as text.

The product itself changes nothing in a tenant.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from atlas.domain.ews_commands import (
    IN_POWERSHELL,
    ORGANIZATION,
    SHOW_SETTINGS,
    commands_for,
    commands_for_user,
    format_commands,
    indented,
    mailbox_command,
)
from atlas.domain.findings import Finding
from atlas.domain.policy import Cause, EwsScope, Obstacle, OpenQuestion, PolicyVerdict, Scope, Verdict, judge_mailbox
from atlas.domain.statuses import Status
from atlas.domain.unknown import Reason
from atlas.domain.user_rows import UserRow
from atlas.domain.users import DELETED

EXAMPLE_UPN = "user@contoso.com"
GRANT_EXCHANGE = (
    "Let Exchange tell: set EXCHANGE_EVIDENCE to true, if it is false. If a right is missing, grant the app's identity "
    "Exchange.ManageAsApp of Office 365 Exchange Online, and the role Global Reader or an Exchange role group with "
    "View-Only Recipients and View-Only Configuration; `atlas doctor` tells which. If Exchange only throttled or did "
    "not answer, ask again later."
)
LICENSE = (
    "Give the user a licence that holds Microsoft Bookings: Microsoft 365 admin centre, Users, Active users, the user, "
    "Licenses and apps, Apps, Microsoft Bookings. A plan that is Suspended comes back when its subscription is paid "
    "again (Billing, Your products); one that is Deleted has to be assigned anew."
)
CAPABILITY = (
    "The licence has not reached the mailbox. If it is new, wait for a day. Else take Microsoft Bookings out of the "
    "user's licence, save, and put it back: Microsoft 365 admin centre, Users, Active users, the user, Licenses and "
    "apps, Apps."
)
MAILBOX = (
    "Give the user a mailbox in Exchange Online, which a personal page needs: assign a licence with Exchange Online, "
    "or migrate the mailbox if it is on premises. Or take the Bookings plan back."
)
ALLOW_ANONYMOUS_VISITORS = (
    f"{IN_POWERSHELL}, to let visitors in without signing in, on all pages of the organisation, shared ones too:\n"
    + indented("Set-OrganizationConfig -BookingsAuthEnabled $false")
    + "\nTo ask them to sign in again, the same with $true."
)
CHECK_IN_BROWSER = "Open the page with a browser: the service answered in a way that the app does not understand."
MAYBE_EWS = "If Bookings is then still not there, EwsEnabled may be why; Microsoft's documents disagree."
ORGANIZATION_FIRST = "While the organisation forbids it, a mailbox's settings change nothing, as far as is known."
RESTORE = "Nothing. A deleted user can be restored for 30 days: Entra admin centre, Users, Deleted users."


def advice_for_user(row: UserRow, bookings_url: str) -> str | None:
    """What would give this user a page that works for the public; ``None`` where there is one.

    Where a policy decides, both directions are told. ``bookings_url`` is the base of page addresses.
    """
    fix = ADVICE[row.status](row, f"{bookings_url}/bookwithme/")
    if row.policy_verdict is not Verdict.OFF or (row.status is not Status.PUBLISHED and not row.url):
        return fix
    doubt = "The page is there, though a policy forbids it: a new policy takes some hours. To make the two agree:"
    # A page that is there tells that EwsEnabled does not stop it.
    further = tuple(obstacle for obstacle in row.policy_further if obstacle.cause is not Cause.EWS_DISABLED)
    return "\n".join((*([fix] if fix else []), doubt, _policy(replace(row, policy_further=further))))


def advice_for_organization(verdict: PolicyVerdict) -> str:
    """What would change the organisation's verdict, in both directions, and how one user is switched."""
    if verdict.cause is Cause.NOT_KNOWN:
        return GRANT_EXCHANGE
    first = [] if verdict.verdict is Verdict.ON else [ORGANIZATION_FIRST]
    return "\n".join((_switches("", verdict), *first, commands_for_user(EXAMPLE_UPN)))


def commands_for_mailbox(upn: str, mailbox: EwsScope) -> str:
    """How this user alone is switched, whose mailbox has these settings."""
    return _switches(upn, judge_mailbox(mailbox))


def _no_public_types(row: UserRow, page: str) -> str:
    del row
    return f"The owner opens {page}, signed in, and makes a meeting type public, or adds a public one."


def _not_set_up(row: UserRow, page: str) -> str:
    owner = (
        f"The owner opens {page} once, signed in, or Bookings in Outlook. That makes the page, with public meeting "
        "types of 15 and 30 minutes; it answers some minutes later."
    )
    match row.policy_verdict, row.policy_cause:
        case Verdict.EWS_DISABLED, _:
            doubt = "If Bookings is not there for the owner, EwsEnabled may be why; Microsoft's documents disagree."
            return f"{owner}\n{doubt}\n{_policy(row)}"
        case Verdict.UNKNOWN, Cause.UNRECOGNIZED:
            return f"{owner}\nIf Bookings is not there for the owner: {_policy(row)}"
        case Verdict.UNKNOWN, _:
            doubt = "If Bookings is not there for the owner, a policy may forbid it, which is not known."
            return f"{owner}\n{doubt} {GRANT_EXCHANGE}"
        case _:
            return owner


def _switched_off(row: UserRow, page: str) -> str:
    del page
    return _policy(row)


def _sign_in_required(row: UserRow, page: str) -> str:
    del page
    if row.url:
        doubt = "Nothing, if visitors are meant to sign in. Else BookingsAuthEnabled may ask them to."
    else:
        doubt = "From outside nobody can tell whether there is a page: ask the owner, open it signed in, or do this."
    return f"{doubt}\n{ALLOW_ANONYMOUS_VISITORS}"


def _unknown(row: UserRow, page: str) -> str:
    del page
    match (row.reason or "").partition(":")[0]:
        case Reason.THROTTLED:
            return "Ask again later, or scan with a smaller PROBE_CONCURRENCY: the service asked to be left alone."
        case Reason.UNREACHABLE:
            return "Ask again later. If it stays so, look at the network of the app: the service did not answer."
        case Reason.REFUSED:
            return f"If the reason names a permission, grant it: `atlas doctor` tells which. Else: {CHECK_IN_BROWSER}"
        case _:
            return f"{CHECK_IN_BROWSER} If there is no page, `atlas doctor --calibrate` shows which marker is missing."


def _gone(row: UserRow, page: str) -> str:
    del page
    return RESTORE if row.reason == DELETED else LICENSE


def _always(text: str | None) -> Callable[[UserRow, str], str | None]:
    return lambda _row, _page: text


ADVICE: dict[Status, Callable[[UserRow, str], str | None]] = {
    Status.PUBLISHED: _always(None),
    Status.NO_PUBLIC_TYPES: _no_public_types,
    Status.NOT_SET_UP: _not_set_up,
    Status.SWITCHED_OFF: _switched_off,
    Status.NO_CAPABILITY: _always(CAPABILITY),
    Status.NO_MAILBOX: _always(MAILBOX),
    Status.SIGN_IN_REQUIRED: _sign_in_required,
    Status.UNKNOWN: _unknown,
    Status.NOT_LICENSED: _always(LICENSE),
    Status.GONE: _gone,
}


def _policy(row: UserRow) -> str:
    """How the policy that decides for this user is changed, as the row tells it."""
    scope, cause = row.policy_scope or Scope.ORGANIZATION, row.policy_cause or Cause.NOT_KNOWN
    decides = Obstacle(scope, cause, row.policy_entries)
    conflict = [OpenQuestion.WHICH_SCOPE_WINS] if Finding.POLICY_CONFLICT in row.findings else []
    return "\n".join((_switch(row.user.upn, decides), *_next_switches(row.user.upn, row.policy_further), *conflict))


def _switches(upn: str, verdict: PolicyVerdict) -> str:
    """How everything is changed that stands in the way, in the order in which it decides."""
    policy = verdict.value if isinstance(verdict.value, str) else None
    return "\n".join((_switch(upn, verdict.decides, policy), *_next_switches(upn, verdict.further)))


def _next_switches(upn: str, further: Iterable[Obstacle]) -> Iterator[str]:
    for obstacle in further:
        if obstacle.cause is Cause.NOT_KNOWN:
            yield f"Whether {obstacle.scope.told} allows it is not known."
        else:
            yield MAYBE_EWS if obstacle.cause is Cause.EWS_DISABLED else "That is not all. Then also:"
            yield _switch(upn, obstacle)


def _switch(upn: str, decides: Obstacle, policy: str | None = None) -> str:
    command, whom = (
        (ORGANIZATION, "the whole organisation")
        if decides.scope is Scope.ORGANIZATION
        else (mailbox_command(upn), "this user")
    )
    switch = commands_for(command, decides, policy)
    if switch:
        return format_commands(switch, whom, is_on=decides.cause is Cause.NOTHING)
    look = f"{command.replace('Set-', 'Get-', 1)} | {SHOW_SETTINGS}"
    return f"Look at the setting, and look up what its value means, before you change it:\n{indented(look)}"
