"""What makes a shared page a risk or useless: one rule per finding, with its evidence and its fix as text."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from atlas.domain.ews_commands import quote_literal
from atlas.domain.shared_pages.businesses import EXTERNAL_GUEST
from atlas.domain.shared_pages.holders import HolderKind, largest_group, people_with_full_access
from atlas.domain.shared_pages.names import LookAlike, reserved_part
from atlas.domain.shared_pages.rows import FoundRisk, SharedFinding, SharedPageRow, Source


class Severity(StrEnum):
    """The values are a contract, listed in docs/administrator.md."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class FindingContext:
    """What the rules need besides the row of the page."""

    max_full_access: int
    exchange_complete: bool
    """Exchange was listed completely."""
    same_name: tuple[str, ...] = ()
    """The addresses of other pages with the same display name."""
    look_alikes: tuple[LookAlike, ...] = ()
    """People whose address or name the page resembles."""
    has_excluded_holders: bool = False
    """EXCLUDE_USERS excludes some people with access, so ``holders`` lacks them."""
    has_excluded_staff: bool = False
    """EXCLUDE_USERS excludes some of the staff, so ``staff`` lacks them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One finding: ``evidence`` returns a sentence if the page has it."""

    name: SharedFinding
    severity: Severity
    evidence: Callable[[SharedPageRow, FindingContext], str | None]
    fix: str
    """What an administrator does about it; ``{address}`` and ``{account}`` are PowerShell literals of the page."""


@dataclass(frozen=True, slots=True)
class FindingDetail:
    """A finding as it is shown."""

    name: SharedFinding
    severity: Severity
    evidence: str
    fix: str


def findings_of(row: SharedPageRow, context: FindingContext) -> tuple[FoundRisk, ...]:
    """What the row shows, in the order of the rules. What is not known is never a finding."""
    evidence = ((rule, rule.evidence(row, context)) for rule in RULES)
    return tuple(FoundRisk(rule.name, sentence) for rule, sentence in evidence if sentence)


def finding_details(row: SharedPageRow) -> tuple[FindingDetail, ...]:
    """The findings of a row with their severity and fix."""
    return tuple(
        FindingDetail(
            name=rule.name,
            severity=rule.severity,
            evidence=found.evidence,
            fix=rule.fix.format(
                address=quote_literal(row.address), account=quote_literal(row.account_id or row.address)
            ),
        )
        for found in row.findings
        for rule in RULES
        if rule.name is found.name
    )


def worst_first(rows: Iterable[SharedPageRow]) -> list[SharedPageRow]:
    """The pages with the highest severity first, then those with the most findings, then by name.

    report.js sorts in the same way what it reads from the API.
    """
    severities = list(Severity)
    ranks = {rule.name: severities.index(rule.severity) for rule in RULES}

    def place(row: SharedPageRow) -> tuple[int, int, str, str]:
        rank = min((ranks[found.name] for found in row.findings), default=len(severities))
        return rank, -len(row.findings), (row.display_name or row.address).casefold(), row.key

    return sorted(rows, key=place)


def _sign_in_enabled(row: SharedPageRow, _: FindingContext) -> str | None:
    return "The page's own account can sign in." if row.account_enabled else None


def _reserved_address(row: SharedPageRow, _: FindingContext) -> str | None:
    address = reserved_part((row.address.lower(), *row.addresses))
    return f"{address} is, or looks like, an address that other people trust." if address else None


def _look_alike_address(row: SharedPageRow, context: FindingContext) -> str | None:
    own = {holder.object_id for holder in row.holders or () if holder.can_open}
    people = [person for person in context.look_alikes if person.user_id != row.account_id]
    if not people or any(person.user_id in own and not person.has_left for person in people):
        return None  # people may give a page that is theirs their own name
    person = next((person for person in people if person.has_left), people[0])
    if person.has_left:
        return f"The page's address or name looks like that of {person.upn}, who no longer has a licence."
    return f"The page's address or name looks like that of {person.upn}, who has no access to it."


def _duplicate_name(row: SharedPageRow, context: FindingContext) -> str | None:
    if not context.same_name:
        return None
    others = ", ".join(sorted(context.same_name)[:3])
    return f"{row.display_name!r} is also the name of {others}."


def _nobody_left(row: SharedPageRow, context: FindingContext) -> str | None:
    if row.holders is None or context.has_excluded_holders:
        return None
    holders = [holder for holder in row.holders if holder.can_open]
    for holder in holders:
        if holder.kind is HolderKind.GROUP:
            if not holder.lists_members and holder.member_count != 0:
                return None  # one of its members may be able to
        elif not (holder.enabled is False or holder.licensed is False):
            return None
    if not holders:
        return "Nobody has full access to the page."
    return "Nobody with full access to the page has both an enabled account and a licence for Bookings."


def _too_many_holders(row: SharedPageRow, context: FindingContext) -> str | None:
    if row.holders is None:
        return None
    people = people_with_full_access(row.holders)
    limit = context.max_full_access
    if people <= limit:
        return None
    group = largest_group(row.holders)
    through = f", {group.people} of them through the group {group.name}" if group else ""
    return f"{people} people have full access{through}; MAX_FULL_ACCESS is {limit}."


def _external_staff(row: SharedPageRow, _: FindingContext) -> str | None:
    guests = [member for member in row.staff or () if member.role == EXTERNAL_GUEST]
    names = ", ".join(guest.email_address or guest.display_name or "a guest without a name" for guest in guests[:3])
    return f"External guests are on the staff: {names}." if guests else None


def _published_empty(row: SharedPageRow, context: FindingContext) -> str | None:
    if not row.published:
        return None
    staff = None if context.has_excluded_staff else row.staff
    missing = [what for what, items in (("services", row.services), ("staff", staff)) if items == ()]
    return f"The page is published without {' or '.join(missing)}." if missing else None


def _not_in_exchange(row: SharedPageRow, context: FindingContext) -> str | None:
    if not context.exchange_complete or row.known_to != (Source.GRAPH,):
        return None
    return "Microsoft Graph lists the page, and Exchange has no scheduling mailbox with its address."


def _hidden_but_published(row: SharedPageRow, _: FindingContext) -> str | None:
    if not (row.published and row.hidden_from_address_lists):
        return None
    return "The page is published for everybody with its address, and hidden from the organisation's address lists."


RULES: Sequence[Rule] = (
    Rule(
        SharedFinding.SIGN_IN_ENABLED,
        Severity.MEDIUM,
        _sign_in_enabled,
        "Block sign-in of the account, which the page does not need: "
        "Update-MgUser -UserId {account} -AccountEnabled:$false",
    ),
    Rule(
        SharedFinding.RESERVED_ADDRESS,
        Severity.HIGH,
        _reserved_address,
        "Ask who created the page, then give it another address (Set-Mailbox {address} -EmailAddresses …) or delete "
        "it, and set a naming policy for Bookings in the admin centre.",
    ),
    Rule(
        SharedFinding.LOOK_ALIKE_ADDRESS,
        Severity.HIGH,
        _look_alike_address,
        "Ask who created the page, and whether that person knows of it; rename or delete it, and set a naming policy "
        "for Bookings in the admin centre.",
    ),
    Rule(
        SharedFinding.DUPLICATE_NAME,
        Severity.LOW,
        _duplicate_name,
        "Rename one of the pages, so that people book on the page they mean.",
    ),
    Rule(
        SharedFinding.NOBODY_LEFT,
        Severity.MEDIUM,
        _nobody_left,
        "Give access to a colleague, or delete the page: "
        "Add-MailboxPermission {address} -User … -AccessRights FullAccess",
    ),
    Rule(
        SharedFinding.TOO_MANY_HOLDERS,
        Severity.MEDIUM,
        _too_many_holders,
        "Remove those who do not manage the page; staff need no full access: "
        "Remove-MailboxPermission {address} -User … -AccessRights FullAccess",
    ),
    Rule(
        SharedFinding.EXTERNAL_STAFF,
        Severity.MEDIUM,
        _external_staff,
        "Remove the guests from the staff of the page, or turn off external staff in the settings of Bookings in the "
        "admin centre.",
    ),
    Rule(
        SharedFinding.PUBLISHED_EMPTY,
        Severity.LOW,
        _published_empty,
        "Add a service and a member of staff to the page, or unpublish it.",
    ),
    Rule(
        SharedFinding.NOT_IN_EXCHANGE,
        Severity.HIGH,
        _not_in_exchange,
        "Look for the mailbox with Get-Mailbox {address} -SoftDeletedMailbox and Get-Recipient {address}; if it is "
        "gone, the page is a remainder that only Microsoft support can remove.",
    ),
    Rule(
        SharedFinding.HIDDEN_BUT_PUBLISHED,
        Severity.LOW,
        _hidden_but_published,
        "Unpublish the page, or show it again: Set-Mailbox {address} -HiddenFromAddressListsEnabled $false",
    ),
)
