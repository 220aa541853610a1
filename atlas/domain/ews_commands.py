"""PowerShell that turns personal bookings on and off, as text (docs/microsoft-365.md, section 4.1).

The commands are those of Microsoft's article, with the slips of its older version mended. They run in Exchange Online
PowerShell. The product runs none of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from atlas.domain.policy import AGENT, Cause, Obstacle, Scope

IN_POWERSHELL = "In Exchange Online PowerShell"
TAKES_HOURS = "A change takes about 4 hours to work."
TAKES_AN_HOUR = "A change of EwsEnabled takes about an hour to work."
QUOTES = "'\u2018\u2019\u201a\u201b"
"""Characters that end a text in single quotes in PowerShell, and stand for themselves when written twice."""
ORGANIZATION = "Set-OrganizationConfig"
SHOW_SETTINGS = "Format-List EwsEnabled,EwsApplicationAccessPolicy,Ews*List"


ABOUT_EWS_OF_MAILBOX = "This concerns every app that uses EWS with this mailbox."
ABOUT_EWS = (
    "This concerns every app that uses EWS. With True in the organisation, EwsAllowedAppIDs counts: only the apps on "
    "it use EWS, and Microsoft's documents disagree on what an empty one means."
)
ABOUT_MAILBOXES = "A policy of the mailbox's own may take the place of the organisation's: that is not documented."


@dataclass(frozen=True, slots=True)
class EwsCommands:
    """One setting, and the commands that turn personal bookings on and off by it."""

    on: str
    off: str
    warning: str | None = None
    what: str = "personal bookings"
    takes: str = TAKES_HOURS


def commands_for(command: str, decides: Obstacle, policy: str | None = None) -> EwsCommands | None:
    """How what decides is changed by this cmdlet; ``None`` where nobody documented it.

    Where nothing is in the way, ``policy`` tells which list would be.
    """
    agent, entries = quoted(AGENT), ",".join(map(quoted, decides.entries)) or quoted(AGENT)
    allow, block = f"{command} -EwsAllowList", f"{command} -EwsBlockList"
    warning = _wildcard_warning(decides.entries)
    match decides.cause, (policy or "").lower():
        case Cause.ALLOW_LIST, _:
            return EwsCommands(f"{allow} @{{Add={agent}}}", f"{allow} @{{Remove={agent}}}")
        case Cause.BLOCK_LIST, _:
            return EwsCommands(f"{block} @{{Remove={entries}}}", f"{block} @{{Add={entries}}}", warning)
        case Cause.EWS_DISABLED, _:
            about = ABOUT_EWS if decides.scope is Scope.ORGANIZATION else ABOUT_EWS_OF_MAILBOX
            return EwsCommands(
                f"{command} -EwsEnabled $true", f"{command} -EwsEnabled $false", about, "EWS", TAKES_AN_HOUR
            )
        case Cause.NOTHING, "enforceallowlist":
            return EwsCommands(f"{allow} @{{Add={entries}}}", f"{allow} @{{Remove={entries}}}", warning)
        case Cause.NOTHING, "enforceblocklist":
            return EwsCommands(f"{block} @{{Remove={agent}}}", f"{block} @{{Add={agent}}}")
        case Cause.NOTHING, "":
            enforced = f"{command} -EwsApplicationAccessPolicy EnforceBlockList"
            off = enforced if decides.entries else f"{enforced} -EwsBlockList @{{Add={agent}}}"
            others = "EnforceBlockList makes all other entries of EwsBlockList count too, also when this is taken back."
            return EwsCommands(f"{block} @{{Remove={entries}}}", off, others)
        case _:
            return None


def mailbox_command(upn: str) -> str:
    """The cmdlet that changes one user's mailbox."""
    return f"Set-CASMailbox -Identity {quoted(upn)}"


def format_commands(switch: EwsCommands, whom: str, *, is_on: bool) -> str:
    """Both directions, in words: first the one that changes something."""
    ways = [(f"to turn {switch.what} on for {whom}", switch.on), (f"to turn {switch.what} off for {whom}", switch.off)]
    (first, command), (_, back) = reversed(ways) if is_on else ways
    return "\n".join(
        (
            f"{IN_POWERSHELL}, {first}:",
            indented(command),
            "To take that back:",
            indented(back),
            f"{switch.warning} {switch.takes}" if switch.warning else switch.takes,
        )
    )


def commands_for_user(upn: str) -> str:
    """How one user is switched whose mailbox may have any policy."""
    look = f"Get-CASMailbox -Identity {quoted(upn)} | {SHOW_SETTINGS}"
    lines = [f"For one user, {upn} here, look first which policy the mailbox has:", indented(look)]
    for policy, words in (
        ("EnforceAllowList", "With EnforceAllowList, on and off:"),
        ("EnforceBlockList", "With EnforceBlockList, on and off:"),
        (None, "Without a policy, on and off:"),
    ):
        if switch := commands_for(mailbox_command(upn), Obstacle(Scope.MAILBOX, Cause.NOTHING), policy):
            lines += [words, indented(switch.on), indented(switch.off), *([switch.warning] if switch.warning else [])]
    lines += ["With EwsEnabled False the lists do not count:", indented(f"{mailbox_command(upn)} -EwsEnabled $true")]
    return "\n".join([*lines, ABOUT_MAILBOXES])


def quoted(text: str) -> str:
    """A text in single quotes, as PowerShell takes it literally."""
    return "'" + "".join(character * 2 if character in QUOTES else character for character in text) + "'"


def indented(command: str) -> str:
    """A command on a line of its own."""
    return f"    {command}"


def _wildcard_warning(entries: Iterable[str]) -> str | None:
    wide = [entry for entry in entries if "*" in entry]
    return f"{', '.join(wide)} stands for other apps too: they are switched with it." if wide else None
