"""What would change a user's status, as text: a command, a licence, or something that the page's owner does.

The app itself changes nothing in a tenant.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from atlas.domain.ews_commands import (
    IN_POWERSHELL,
    ORGANIZATION_COMMAND,
    SHOW_SETTINGS,
    commands_for,
    commands_for_user,
    format_commands,
    indent,
    mailbox_command,
)
from atlas.domain.ews_settings import EwsScope
from atlas.domain.policy import Cause, Obstacle, OpenQuestion, PolicyVerdict, Scope, Verdict, judge_mailbox
from atlas.domain.statuses import Status
from atlas.domain.unknown import Reason
from atlas.domain.user_rows import UserRow, url_to_try
from atlas.domain.users import DELETED

EXAMPLE_UPN = "user@contoso.com"
GRANT_EXCHANGE = (
    "To find out, let the app read Exchange: set EXCHANGE_EVIDENCE to true if it is false. If a permission is missing, "
    "grant the app's identity Exchange.ManageAsApp of Office 365 Exchange Online, and the role Global Reader or an "
    "Exchange role group with View-Only Recipients and View-Only Configuration; `atlas doctor` shows which. If "
    "Exchange only throttled or did not respond, try again later."
)
LICENSE = (
    "Give the user a licence that includes Microsoft Bookings: Microsoft 365 admin centre, Users, Active users, the "
    "user, Licenses and apps, Apps, Microsoft Bookings. A Suspended plan works again once its subscription is paid "
    "(Billing, Your products); a Deleted plan has to be assigned again."
)
CAPABILITY = (
    "The licence has not reached the mailbox. If it is new, wait a day. Otherwise remove Microsoft Bookings from "
    "the user's licence, save, and add it again: Microsoft 365 admin centre, Users, Active users, the user, Licenses "
    "and apps, Apps."
)
MAILBOX = (
    "A personal page needs a mailbox in Exchange Online: assign a licence with Exchange Online, or migrate the mailbox "
    "if it is on premises. Otherwise remove the Bookings plan."
)
ALLOW_ANONYMOUS_VISITORS = (
    f"{IN_POWERSHELL}, to let visitors open all of the organisation's pages, including shared ones, without signing "
    "in:\n" + indent("Set-OrganizationConfig -BookingsAuthEnabled $false") + "\nTo undo it, use $true."
)
MAYBE_EWS = "If Bookings is still not available to the owner, EwsEnabled may be why; Microsoft's articles disagree."
ORGANIZATION_FIRST = (
    "While the organisation blocks personal bookings, it is not known whether a mailbox's own settings have any effect."
)
RESTORE = "A deleted user can be restored for 30 days: Entra admin centre, Users, Deleted users."


def advice_for_user(row: UserRow, bookings_url: str) -> str | None:
    """How this user gets a page that anyone can book; ``None`` if there is one already.

    If a policy is the reason, the advice says how to turn personal bookings on and off. Page addresses begin with
    ``bookings_url``.
    """
    advice = ADVICE[row.status](row, bookings_url)
    if row.policy is None or row.policy.verdict is not Verdict.OFF:
        return advice
    if row.status is not Status.PUBLISHED and not row.url:
        return advice
    contradiction = (
        "The page exists although a policy forbids it: a new policy takes a few hours to take effect. To resolve this:"
    )
    # The page exists, so EwsEnabled does not block it.
    further = tuple(obstacle for obstacle in row.policy.further if obstacle.cause is not Cause.EWS_DISABLED)
    commands = _policy_commands(row.user.upn, replace(row.policy, further=further))
    return "\n".join((*([advice] if advice else []), contradiction, commands))


def advice_for_organization(verdict: PolicyVerdict) -> str:
    """How to turn personal bookings on and off, for the organisation and for a single user."""
    if verdict.cause is Cause.NOT_KNOWN:
        return GRANT_EXCHANGE
    first = [] if verdict.verdict is Verdict.ON else [ORGANIZATION_FIRST]
    return "\n".join((_commands("", verdict), *first, commands_for_user(EXAMPLE_UPN)))


def commands_for_mailbox(upn: str, mailbox: EwsScope) -> str:
    """How to turn personal bookings on and off for this user, given the settings of the user's mailbox."""
    return _commands(upn, judge_mailbox(mailbox))


def _no_public_types(row: UserRow, bookings_url: str) -> str:
    del row
    return (
        f"The owner opens {bookings_url}/bookwithme/, signed in, and makes a meeting type public, or adds a public one."
    )


def _not_set_up(row: UserRow, bookings_url: str) -> str:
    owner = (
        f"The owner opens {bookings_url}/bookwithme/ once, signed in, or Bookings in Outlook. That creates the page, "
        "with public meeting types of 15 and 30 minutes, within a few minutes."
    )
    match row.policy:
        case PolicyVerdict(verdict=Verdict.EWS_DISABLED) as policy:
            doubt = "If Bookings is not available to the owner, EwsEnabled may be why; Microsoft's articles disagree."
            return f"{owner}\n{doubt}\n{_policy_commands(row.user.upn, policy)}"
        case PolicyVerdict(verdict=Verdict.UNKNOWN, cause=Cause.UNRECOGNIZED) as policy:
            return f"{owner}\nIf Bookings is not available to the owner: {_policy_commands(row.user.upn, policy)}"
        case PolicyVerdict(verdict=Verdict.UNKNOWN):
            doubt = "If Bookings is not available to the owner, a policy may forbid it; that is not known."
            return f"{owner}\n{doubt} {GRANT_EXCHANGE}"
        case _:
            return owner


def _switched_off(row: UserRow, bookings_url: str) -> str:
    del bookings_url
    return _policy_commands(row.user.upn, row.policy) if row.policy else GRANT_EXCHANGE


def _sign_in_required(row: UserRow, bookings_url: str) -> str:
    del bookings_url
    if row.url:
        first = (
            "If visitors are meant to sign in, change nothing. Otherwise, BookingsAuthEnabled may be why they have to: "
            "`atlas policy` shows its value. If it is already False, the command below changes nothing."
        )
    else:
        first = (
            "Without signing in, the app cannot determine whether there is a page: ask the owner, sign in and open it, "
            "or change the setting."
        )
    return f"{first}\n{ALLOW_ANONYMOUS_VISITORS}"


def _unknown(row: UserRow, bookings_url: str) -> str:
    page = row.url or url_to_try(row, bookings_url) or "the page"
    check = f"Open {page} in a browser: the app does not understand the service's response."
    match (row.reason or "").partition(":")[0]:
        case Reason.THROTTLED:
            return "Try again later, or scan with a smaller PROBE_CONCURRENCY: the service limits the app's requests."
        case Reason.UNREACHABLE:
            return "Try again later. If it persists, check the app's network: the service did not respond."
        case Reason.REFUSED:
            return f"If the reason names a permission, grant it: `atlas doctor` shows which. If not: {check}"
        case _:
            return f"{check} If there is no page, `atlas doctor --calibrate` shows which marker is missing."


def _gone(row: UserRow, bookings_url: str) -> str:
    del bookings_url
    return RESTORE if row.reason == DELETED else LICENSE


def _always(text: str | None) -> Callable[[UserRow, str], str | None]:
    return lambda _row, _bookings_url: text


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


def _policy_commands(upn: str, policy: PolicyVerdict) -> str:
    """How to change the policy that applies to this user, and any doubts about it."""
    conflict = [OpenQuestion.WHICH_SCOPE_WINS.text] if policy.is_conflict else []
    return "\n".join((_commands(upn, policy), *conflict))


def _commands(upn: str, verdict: PolicyVerdict) -> str:
    """How to remove every obstacle, in order of precedence."""
    policy = verdict.value if isinstance(verdict.value, str) else None
    return "\n".join((_command(upn, verdict.deciding, policy), *_further_commands(upn, verdict.further)))


def _further_commands(upn: str, further: Iterable[Obstacle]) -> Iterator[str]:
    is_ews_doubted = False
    for obstacle in further:
        match obstacle.cause:
            case Cause.NOT_KNOWN:
                yield f"It is not known whether {obstacle.scope.noun} allows it."
                continue
            case Cause.EWS_DISABLED:
                yield f"The same is true of EwsEnabled of {obstacle.scope.noun}." if is_ews_doubted else MAYBE_EWS
                is_ews_doubted = True
            case _:
                yield "That alone is not enough. Then:"
        yield _command(upn, obstacle)


def _command(upn: str, obstacle: Obstacle, policy: str | None = None) -> str:
    cmdlet, target = (
        (ORGANIZATION_COMMAND, "the whole organisation")
        if obstacle.scope is Scope.ORGANIZATION
        else (mailbox_command(upn), "this user")
    )
    commands = commands_for(cmdlet, obstacle, policy)
    if commands:
        return format_commands(commands, target, is_on=obstacle.cause is Cause.NOTHING)
    show = f"{cmdlet.replace('Set-', 'Get-', 1)} | {SHOW_SETTINGS}"
    return f"Check the setting, and find out what its value means, before you change it:\n{indent(show)}"
