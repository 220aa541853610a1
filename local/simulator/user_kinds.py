"""The kinds of users in a tenant. The pages cover every row of the table in docs/microsoft-365.md, section 5.6."""

from dataclasses import dataclass
from enum import StrEnum


class Plan(StrEnum):
    """State of the Bookings plan in Graph's `assignedPlans` (assignedPlan.capabilityStatus)."""

    ENABLED = "Enabled"
    WARNING = "Warning"
    SUSPENDED = "Suspended"
    DELETED = "Deleted"
    LOCKED_OUT = "LockedOut"
    UNINDEXED = "unindexed"
    """In the result of the filter without having the plan: the index is eventually consistent."""
    NONE = "none"
    """Neither in the filter's result nor licensed."""


USABLE_PLANS = frozenset({Plan.ENABLED, Plan.WARNING})


class Mailbox(StrEnum):
    """The mailbox of a user in Exchange."""

    NORMAL = "normal"
    WITHOUT_CAPABILITY = "withoutCapability"
    NONE = "none"
    ON_PREMISES = "onPremises"
    EMPTY_GUID = "emptyGuid"
    """Listed by Get-Mailbox with an all-zero ExchangeGuid."""
    GUID_NOT_IN_GRAPH = "guidNotInGraph"
    """A normal mailbox, but Graph's settings/exchange omits `primaryMailboxId`."""


MAILBOXES_IN_EXCHANGE = frozenset(
    {Mailbox.NORMAL, Mailbox.WITHOUT_CAPABILITY, Mailbox.EMPTY_GUID, Mailbox.GUID_NOT_IN_GRAPH}
)
MAILBOXES_WITH_GUID = MAILBOXES_IN_EXCHANGE - {Mailbox.EMPTY_GUID}


class MailboxPolicy(StrEnum):
    """What Get-CASMailbox returns for a mailbox. The verdict depends on organisation and mailbox."""

    INHERIT = "inherit"
    BLOCKED = "blocked"
    BLOCKS_ANOTHER = "blocksAnother"
    LIST_WITHOUT_POLICY = "listWithoutPolicy"
    NOT_ON_ALLOW_LIST = "notOnAllowList"
    ALLOWED_BY_WILDCARD = "allowedByWildcard"
    EWS_DISABLED = "ewsDisabled"
    UNRECOGNIZED = "unrecognized"
    """A policy value that no document names."""


class Record(StrEnum):
    """How well Microsoft's records of a user are formed. One that is malformed must affect this user only."""

    VALID = "valid"
    NULL_UPN = "nullUpn"
    """Graph's user has no UPN, on its own either; a scan can only keep the row that it already has."""
    NULL_UPN_IN_LISTING = "nullUpnInListing"
    NULL_PLANS = "nullPlans"
    PLAN_WITHOUT_STATE = "planWithoutState"
    NULL_GUID = "nullGuid"
    """`ExchangeGuid` of Get-Mailbox is null; Graph still knows the GUID."""
    INVALID_GUID = "invalidGuid"
    NULL_GUID_IN_LISTING = "nullGuidInListing"
    INVALID_POLICY = "invalidPolicy"
    """Get-CASMailbox returns a string for EwsBlockList."""
    INVALID_BATCH_PART = "invalidBatchPart"
    """In a batch of Graph, the part of this user has no valid status."""


UNREADABLE_USERS = frozenset({Record.NULL_UPN, Record.NULL_PLANS, Record.PLAN_WITHOUT_STATE})
UNREADABLE_MAILBOXES = frozenset({Record.NULL_GUID, Record.INVALID_GUID})


class Page(StrEnum):
    """How the Bookings service responds for a mailbox."""

    PUBLIC_ONE = "publicOne"
    PUBLIC_SEVERAL = "publicSeveral"
    PUBLIC_AND_PRIVATE = "publicAndPrivate"
    PUBLIC_AND_MALFORMED = "publicAndMalformed"
    """Public meeting types, and one that cannot be read."""
    MALFORMED_AVAILABILITY = "malformedAvailability"
    """One item of the availability cannot be read."""
    NOTHING_FREE = "nothingFree"
    AVAILABILITY_FAILS = "availabilityFails"
    REDIRECT_SAME_ORIGIN = "redirectSameOrigin"
    SLOW = "slow"
    PRIVATE_ONLY = "privateOnly"
    HIDDEN_ONLY = "hiddenOnly"
    EMPTY = "empty"
    SIGN_IN_401 = "signIn401"
    SIGN_IN_REDIRECT = "signInRedirect"
    SIGN_IN_REDIRECT_PUBLIC = "signInRedirectPublic"
    SIGN_IN_REDIRECT_CONSUMER = "signInRedirectConsumer"
    SIGN_IN_HTML = "signInHtml"
    SIGN_IN_HTML_403 = "signInHtml403"
    MISSING_404 = "missing404"
    MISSING_400 = "missing400"
    MISSING_410 = "missing410"
    MISSING_500_MARKER = "missing500Marker"
    REFUSED_403 = "refused403"
    THROTTLED_429 = "throttled429"
    TIMEOUT_408 = "timeout408"
    UNRECOGNISED_500 = "unrecognised500"
    BAD_GATEWAY_502 = "badGateway502"
    UNAVAILABLE_503 = "unavailable503"
    UNAVAILABLE_503_RETRY_AFTER = "unavailable503RetryAfter"
    DROPPED = "dropped"
    """The connection is closed without a response."""
    OTHER_HTML = "otherHtml"
    BROKEN_JSON = "brokenJson"
    OTHER_JSON = "otherJson"
    ONLY_MALFORMED = "onlyMalformed"
    """One meeting type, which cannot be read."""
    DEEPLY_NESTED = "deeplyNested"
    STACKED_GZIP = "stackedGzip"
    TOO_LARGE = "tooLarge"
    REDIRECT_AWAY = "redirectAway"


class Outcome(StrEnum):
    """What the response to `services` means."""

    PUBLIC = "public"
    NONE_PUBLIC = "nonePublic"
    SIGN_IN = "signIn"
    NO_PAGE = "noPage"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    NOT_UNDERSTOOD = "notUnderstood"


OUTCOMES: dict[Page, Outcome] = {
    Page.PUBLIC_ONE: Outcome.PUBLIC,
    Page.PUBLIC_SEVERAL: Outcome.PUBLIC,
    Page.PUBLIC_AND_PRIVATE: Outcome.PUBLIC,
    Page.PUBLIC_AND_MALFORMED: Outcome.PUBLIC,
    Page.MALFORMED_AVAILABILITY: Outcome.PUBLIC,
    Page.NOTHING_FREE: Outcome.PUBLIC,
    Page.AVAILABILITY_FAILS: Outcome.PUBLIC,
    Page.REDIRECT_SAME_ORIGIN: Outcome.PUBLIC,
    Page.SLOW: Outcome.PUBLIC,
    Page.PRIVATE_ONLY: Outcome.NONE_PUBLIC,
    Page.HIDDEN_ONLY: Outcome.NONE_PUBLIC,
    Page.EMPTY: Outcome.NONE_PUBLIC,
    Page.SIGN_IN_401: Outcome.SIGN_IN,
    Page.SIGN_IN_REDIRECT: Outcome.SIGN_IN,
    Page.SIGN_IN_REDIRECT_PUBLIC: Outcome.SIGN_IN,
    Page.SIGN_IN_REDIRECT_CONSUMER: Outcome.SIGN_IN,
    Page.SIGN_IN_HTML: Outcome.SIGN_IN,
    Page.SIGN_IN_HTML_403: Outcome.SIGN_IN,
    Page.MISSING_404: Outcome.NO_PAGE,
    Page.MISSING_400: Outcome.NO_PAGE,
    Page.MISSING_410: Outcome.NO_PAGE,
    Page.MISSING_500_MARKER: Outcome.NO_PAGE,
    Page.REFUSED_403: Outcome.REFUSED,
    Page.THROTTLED_429: Outcome.THROTTLED,
    Page.TIMEOUT_408: Outcome.UNREACHABLE,
    Page.UNRECOGNISED_500: Outcome.UNREACHABLE,
    Page.BAD_GATEWAY_502: Outcome.UNREACHABLE,
    Page.UNAVAILABLE_503: Outcome.UNREACHABLE,
    Page.UNAVAILABLE_503_RETRY_AFTER: Outcome.THROTTLED,
    Page.DROPPED: Outcome.UNREACHABLE,
    Page.OTHER_HTML: Outcome.NOT_UNDERSTOOD,
    Page.BROKEN_JSON: Outcome.NOT_UNDERSTOOD,
    Page.OTHER_JSON: Outcome.NOT_UNDERSTOOD,
    Page.ONLY_MALFORMED: Outcome.NOT_UNDERSTOOD,
    Page.DEEPLY_NESTED: Outcome.NOT_UNDERSTOOD,
    Page.STACKED_GZIP: Outcome.NOT_UNDERSTOOD,
    Page.TOO_LARGE: Outcome.NOT_UNDERSTOOD,
    Page.REDIRECT_AWAY: Outcome.NOT_UNDERSTOOD,
}
"""The outcome of each kind of page: the table of docs/microsoft-365.md, section 5.6."""

UNDETERMINED = frozenset({Outcome.THROTTLED, Outcome.UNREACHABLE, Outcome.REFUSED, Outcome.NOT_UNDERSTOOD})


@dataclass(frozen=True, slots=True)
class UserKind:
    """A kind of licensed user: page, mailbox, mailbox policy and records."""

    page: Page = Page.MISSING_404
    mailbox: Mailbox = Mailbox.NORMAL
    policy: MailboxPolicy = MailboxPolicy.INHERIT
    record: Record = Record.VALID
