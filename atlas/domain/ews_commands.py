"""PowerShell commands that turn personal bookings on and off, as text (docs/microsoft-365.md, section 4.1).

The commands are those of Microsoft's article, with the errors of its older version corrected. They run in Exchange
Online PowerShell. The app runs none of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from atlas.domain.ews_settings import AGENT
from atlas.domain.policy import Cause, Obstacle, Scope

IN_POWERSHELL = "In Exchange Online PowerShell"
TAKES_HOURS = "A change takes about 4 hours to take effect."
TAKES_AN_HOUR = "A change to EwsEnabled takes about an hour to take effect."
QUOTES = "'\u2018\u2019\u201a\u201b"
"""Characters that end a single-quoted string in PowerShell, and are literal when doubled."""
ORGANIZATION_COMMAND = "Set-OrganizationConfig"
SHOW_SETTINGS = "Format-List EwsEnabled,EwsApplicationAccessPolicy,Ews*List"


ABOUT_EWS_OF_MAILBOX = "This affects every app that uses EWS with this mailbox."
ABOUT_EWS = (
    "This affects every app that uses EWS. If it is True for the organisation, EwsAllowedAppIDs takes effect: only the "
    "apps on that list may use EWS, and Microsoft's articles disagree on what an empty list means."
)
ABOUT_MAILBOXES = "A mailbox's own policy may override the organisation's; that is not documented."


@dataclass(frozen=True, slots=True)
class EwsCommands:
    """The commands that turn personal bookings on and off through one setting."""

    on: str
    off: str
    warning: str | None = None
    what: str = "personal bookings"
    takes: str = TAKES_HOURS


def commands_for(cmdlet: str, obstacle: Obstacle, policy: str | None = None) -> EwsCommands | None:
    """How this cmdlet changes the setting behind an obstacle; ``None`` if that is not documented.

    If nothing blocks personal bookings, ``policy`` determines which list could.
    """
    agent, entries = quote_literal(AGENT), ",".join(map(quote_literal, obstacle.entries)) or quote_literal(AGENT)
    allow, block = f"{cmdlet} -EwsAllowList", f"{cmdlet} -EwsBlockList"
    warning = _wildcard_warning(obstacle.entries)
    match obstacle.cause, (policy or "").lower():
        case Cause.ALLOW_LIST, _:
            return EwsCommands(f"{allow} @{{Add={agent}}}", f"{allow} @{{Remove={agent}}}")
        case Cause.BLOCK_LIST, _:
            return EwsCommands(f"{block} @{{Remove={entries}}}", f"{block} @{{Add={entries}}}", warning)
        case Cause.EWS_DISABLED, _:
            about = ABOUT_EWS if obstacle.scope is Scope.ORGANIZATION else ABOUT_EWS_OF_MAILBOX
            return EwsCommands(
                f"{cmdlet} -EwsEnabled $true", f"{cmdlet} -EwsEnabled $false", about, "EWS", TAKES_AN_HOUR
            )
        case Cause.NOTHING, "enforceallowlist":
            return EwsCommands(f"{allow} @{{Add={entries}}}", f"{allow} @{{Remove={entries}}}", warning)
        case Cause.NOTHING, "enforceblocklist":
            return EwsCommands(f"{block} @{{Remove={entries}}}", f"{block} @{{Add={agent}}}")
        case Cause.NOTHING, "":
            enforced = f"{cmdlet} -EwsApplicationAccessPolicy EnforceBlockList"
            off = enforced if obstacle.entries else f"{enforced} -EwsBlockList @{{Add={agent}}}"
            others = (
                "EnforceBlockList puts every other entry of EwsBlockList into effect too, and stays set when this is "
                "undone."
            )
            return EwsCommands(f"{block} @{{Remove={entries}}}", off, others)
        case _:
            return None


def mailbox_command(upn: str) -> str:
    """The cmdlet that changes one user's mailbox."""
    return f"Set-CASMailbox -Identity {quote_literal(upn)}"


def format_commands(commands: EwsCommands, target: str, *, is_on: bool) -> str:
    """How to turn personal bookings on and off. The command that changes the current state comes first."""
    ways = [
        (f"to turn {commands.what} on for {target}", commands.on),
        (f"to turn {commands.what} off for {target}", commands.off),
    ]
    (first, command), (_, back) = reversed(ways) if is_on else ways
    return "\n".join(
        (
            f"{IN_POWERSHELL}, {first}:",
            indent(command),
            "To undo it:",
            indent(back),
            f"{commands.warning} {commands.takes}" if commands.warning else commands.takes,
        )
    )


def commands_for_user(upn: str) -> str:
    """How to turn personal bookings on and off for one user, whatever policy the mailbox has."""
    show = f"Get-CASMailbox -Identity {quote_literal(upn)} | {SHOW_SETTINGS}"
    lines = [f"For one user, here {upn}, first check which policy the mailbox has:", indent(show)]
    for policy, words in (
        ("EnforceAllowList", "With EnforceAllowList, on and off:"),
        ("EnforceBlockList", "With EnforceBlockList, on and off:"),
        (None, "Without a policy, on and off:"),
    ):
        if commands := commands_for(mailbox_command(upn), Obstacle(Scope.MAILBOX, Cause.NOTHING), policy):
            lines += [words, indent(commands.on), indent(commands.off)]
            lines += [commands.warning] if commands.warning else []
    lines += [
        "While EwsEnabled is False, the lists have no effect:",
        indent(f"{mailbox_command(upn)} -EwsEnabled $true"),
    ]
    return "\n".join([*lines, ABOUT_MAILBOXES])


def quote_literal(text: str) -> str:
    """Return the text as a single-quoted PowerShell string, in which nothing is expanded."""
    return "'" + "".join(character * 2 if character in QUOTES else character for character in text) + "'"


def indent(command: str) -> str:
    """Indent a command that is on a line of its own."""
    return f"    {command}"


def _wildcard_warning(entries: Iterable[str]) -> str | None:
    wide = [entry for entry in entries if "*" in entry]
    return f"{', '.join(wide)} matches other apps too: the command affects them as well." if wide else None
