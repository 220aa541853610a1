"""Mixes of user kinds: which kinds a tenant has, and in which shares."""

from collections.abc import Mapping
from itertools import accumulate

from local.simulator.user_kinds import Mailbox, MailboxPolicy, Page, Record, UserKind

type Mix = Mapping[UserKind, float]
"""Share of the licensed users per kind. The first kind takes what rounding leaves."""

DEFAULT: Mix = {
    UserKind(Page.PUBLIC_SEVERAL): 0.25,
    UserKind(Page.MISSING_404): 0.24,
    UserKind(Page.PUBLIC_ONE): 0.13,
    UserKind(Page.MISSING_500_MARKER): 0.08,
    UserKind(Page.PUBLIC_AND_PRIVATE): 0.06,
    UserKind(Page.MISSING_404, Mailbox.WITHOUT_CAPABILITY): 0.04,
    UserKind(Page.PRIVATE_ONLY): 0.025,
    UserKind(Page.EMPTY): 0.025,
    UserKind(Page.MISSING_404, policy=MailboxPolicy.BLOCKED): 0.015,
    UserKind(mailbox=Mailbox.NONE): 0.015,
    UserKind(mailbox=Mailbox.ON_PREMISES): 0.01,
    UserKind(Page.SIGN_IN_401): 0.01,
    UserKind(Page.NOTHING_FREE): 0.01,
    UserKind(Page.MISSING_404, policy=MailboxPolicy.EWS_DISABLED): 0.01,
    UserKind(Page.MISSING_404, policy=MailboxPolicy.LIST_WITHOUT_POLICY): 0.005,
    UserKind(Page.MISSING_500_MARKER, policy=MailboxPolicy.NOT_ON_ALLOW_LIST): 0.005,
    UserKind(Page.MISSING_404, policy=MailboxPolicy.ALLOWED_BY_WILDCARD): 0.005,
    UserKind(Page.MISSING_404, policy=MailboxPolicy.BLOCKS_ANOTHER): 0.005,
    UserKind(Page.MISSING_400): 0.005,
    UserKind(Page.MISSING_410): 0.005,
    UserKind(mailbox=Mailbox.EMPTY_GUID): 0.005,
    UserKind(Page.PUBLIC_SEVERAL, Mailbox.WITHOUT_CAPABILITY): 0.005,
    UserKind(Page.PUBLIC_SEVERAL, policy=MailboxPolicy.BLOCKED): 0.005,
    UserKind(Page.HIDDEN_ONLY): 0.005,
    UserKind(Page.SIGN_IN_REDIRECT): 0.003,
    UserKind(Page.SIGN_IN_REDIRECT_PUBLIC): 0.002,
    UserKind(Page.SIGN_IN_HTML): 0.002,
    UserKind(Page.SIGN_IN_HTML_403): 0.002,
    UserKind(Page.REDIRECT_SAME_ORIGIN): 0.001,
    UserKind(Page.AVAILABILITY_FAILS): 0.001,
    UserKind(Page.PUBLIC_SEVERAL, Mailbox.GUID_NOT_IN_GRAPH): 0.001,
    UserKind(Page.REFUSED_403): 0.0005,
    UserKind(Page.THROTTLED_429): 0.0005,
    UserKind(Page.TIMEOUT_408): 0.0005,
    UserKind(Page.UNRECOGNISED_500): 0.0005,
    UserKind(Page.BAD_GATEWAY_502): 0.0005,
    UserKind(Page.OTHER_HTML): 0.0005,
    UserKind(Page.BROKEN_JSON): 0.0005,
    UserKind(Page.OTHER_JSON): 0.0005,
    UserKind(Page.REDIRECT_AWAY): 0.0005,
}
"""A realistic tenant. From a hundred users on it has every status; failures stay rare at any size."""

EVERY: Mix = dict.fromkeys(
    [
        *(UserKind(page) for page in Page if page is not Page.SLOW),
        *(UserKind(mailbox=mailbox) for mailbox in Mailbox if mailbox is not Mailbox.NORMAL),
        *(UserKind(policy=policy) for policy in MailboxPolicy if policy is not MailboxPolicy.INHERIT),
        *(UserKind(Page.PUBLIC_ONE, policy=policy) for policy in MailboxPolicy if policy is not MailboxPolicy.INHERIT),
        UserKind(Page.PUBLIC_ONE, Mailbox.WITHOUT_CAPABILITY),
        UserKind(Page.EMPTY, Mailbox.WITHOUT_CAPABILITY),
        UserKind(Page.SIGN_IN_401, Mailbox.WITHOUT_CAPABILITY, MailboxPolicy.BLOCKED),
        UserKind(Page.MISSING_404, Mailbox.WITHOUT_CAPABILITY, MailboxPolicy.BLOCKED),
        UserKind(Page.REFUSED_403, Mailbox.WITHOUT_CAPABILITY),
        UserKind(Page.PUBLIC_ONE, Mailbox.GUID_NOT_IN_GRAPH),
    ],
    1.0,
)
"""Every kind in equal shares, except the 15 s page and malformed records."""

HEALTHY: Mix = {
    UserKind(Page.PUBLIC_SEVERAL): 0.40,
    UserKind(Page.MISSING_404): 0.40,
    UserKind(Page.PUBLIC_ONE): 0.10,
    UserKind(Page.EMPTY): 0.05,
    UserKind(Page.MISSING_404, Mailbox.WITHOUT_CAPABILITY): 0.05,
}
"""No failing page and no retries: for measuring."""

PUBLISHED: Mix = {UserKind(Page.PUBLIC_SEVERAL): 1.0}
"""Every user has a page with public meeting types."""

MALFORMED: Mix = {
    UserKind(Page.PUBLIC_SEVERAL): 0.5,
    **{
        UserKind(page, record=record): 0.02
        for record in Record
        if record not in {Record.VALID, Record.NULL_UPN}
        for page in (Page.PUBLIC_ONE, Page.MISSING_404)
    },
    UserKind(Page.PUBLIC_AND_MALFORMED): 0.02,
    UserKind(Page.ONLY_MALFORMED): 0.02,
    UserKind(Page.MALFORMED_AVAILABILITY): 0.02,
}
"""Half of the users are ordinary; each of the others has a malformed record, which must not affect any other user."""

MIXES: dict[str, Mix] = {
    "malformed": MALFORMED,
    "default": DEFAULT,
    "every": EVERY,
    "healthy": HEALTHY,
    "published": PUBLISHED,
}


def shares(mix: Mix, users: int) -> tuple[tuple[UserKind, ...], tuple[int, ...]]:
    """Kinds, and the running totals of their users: at least one each if the tenant has room."""
    kinds = tuple(mix)
    whole = sum(mix.values())
    least = 1 if users >= len(kinds) else 0
    counts = [max(least, int(users * mix[kind] / whole + 1e-9)) for kind in kinds]
    counts[0] = 0
    for place in reversed(range(1, len(counts))):
        if sum(counts) < users:
            break
        counts[place] = least if counts[place] > least else counts[place]
    counts[0] = users - sum(counts)
    return kinds, tuple(accumulate(counts))
