"""Which stories a tenant is made of, and how many users live each."""

from collections.abc import Mapping
from itertools import accumulate

from local.simulator.stories import Mailbox, MailboxPolicy, Page, Story

type Mix = Mapping[Story, float]
"""Share of the licensed users per story. The first story takes what rounding leaves over."""

DEFAULT: Mix = {
    Story(Page.PUBLIC_SEVERAL): 0.25,
    Story(Page.MISSING_404): 0.24,
    Story(Page.PUBLIC_ONE): 0.13,
    Story(Page.MISSING_500_MARKER): 0.08,
    Story(Page.PUBLIC_AND_PRIVATE): 0.06,
    Story(Page.MISSING_404, Mailbox.WITHOUT_CAPABILITY): 0.04,
    Story(Page.PRIVATE_ONLY): 0.025,
    Story(Page.EMPTY): 0.025,
    Story(Page.MISSING_404, policy=MailboxPolicy.BLOCKED): 0.015,
    Story(mailbox=Mailbox.NONE): 0.015,
    Story(mailbox=Mailbox.ON_PREMISES): 0.01,
    Story(Page.SIGN_IN_401): 0.01,
    Story(Page.NOTHING_FREE): 0.01,
    Story(Page.MISSING_404, policy=MailboxPolicy.EWS_DISABLED): 0.01,
    Story(Page.MISSING_404, policy=MailboxPolicy.LIST_WITHOUT_POLICY): 0.005,
    Story(Page.MISSING_500_MARKER, policy=MailboxPolicy.NOT_ON_ALLOW_LIST): 0.005,
    Story(Page.MISSING_404, policy=MailboxPolicy.ALLOWED_BY_WILDCARD): 0.005,
    Story(Page.MISSING_404, policy=MailboxPolicy.BLOCKS_ANOTHER): 0.005,
    Story(Page.MISSING_400): 0.005,
    Story(Page.MISSING_410): 0.005,
    Story(mailbox=Mailbox.EMPTY_GUID): 0.005,
    Story(Page.PUBLIC_SEVERAL, Mailbox.WITHOUT_CAPABILITY): 0.005,
    Story(Page.PUBLIC_SEVERAL, policy=MailboxPolicy.BLOCKED): 0.005,
    Story(Page.HIDDEN_ONLY): 0.005,
    Story(Page.SIGN_IN_REDIRECT): 0.003,
    Story(Page.SIGN_IN_REDIRECT_PUBLIC): 0.002,
    Story(Page.SIGN_IN_HTML): 0.002,
    Story(Page.SIGN_IN_HTML_403): 0.002,
    Story(Page.REDIRECT_SAME_ORIGIN): 0.001,
    Story(Page.AVAILABILITY_FAILS): 0.001,
    Story(Page.PUBLIC_SEVERAL, Mailbox.UNTOLD): 0.001,
    Story(Page.REFUSED_403): 0.0005,
    Story(Page.THROTTLED_429): 0.0005,
    Story(Page.TIMEOUT_408): 0.0005,
    Story(Page.UNRECOGNISED_500): 0.0005,
    Story(Page.BAD_GATEWAY_502): 0.0005,
    Story(Page.OTHER_HTML): 0.0005,
    Story(Page.BROKEN_JSON): 0.0005,
    Story(Page.OTHER_JSON): 0.0005,
    Story(Page.REDIRECT_AWAY): 0.0005,
}
"""A sensible tenant that shows every status from a hundred users on; trouble stays rare at any size."""

EVERY: Mix = dict.fromkeys(
    [
        *(Story(page) for page in Page if page is not Page.SLOW),
        *(Story(mailbox=mailbox) for mailbox in Mailbox if mailbox is not Mailbox.NORMAL),
        *(Story(policy=policy) for policy in MailboxPolicy if policy is not MailboxPolicy.INHERIT),
        *(Story(Page.PUBLIC_ONE, policy=policy) for policy in MailboxPolicy if policy is not MailboxPolicy.INHERIT),
        Story(Page.PUBLIC_ONE, Mailbox.WITHOUT_CAPABILITY),
        Story(Page.EMPTY, Mailbox.WITHOUT_CAPABILITY),
        Story(Page.SIGN_IN_401, Mailbox.WITHOUT_CAPABILITY, MailboxPolicy.BLOCKED),
        Story(Page.MISSING_404, Mailbox.WITHOUT_CAPABILITY, MailboxPolicy.BLOCKED),
        Story(Page.REFUSED_403, Mailbox.WITHOUT_CAPABILITY),
        Story(Page.PUBLIC_ONE, Mailbox.UNTOLD),
    ],
    1.0,
)
"""Every story in equal shares, but for the 15 s page."""

HEALTHY: Mix = {
    Story(Page.PUBLIC_SEVERAL): 0.40,
    Story(Page.MISSING_404): 0.40,
    Story(Page.PUBLIC_ONE): 0.10,
    Story(Page.EMPTY): 0.05,
    Story(Page.MISSING_404, Mailbox.WITHOUT_CAPABILITY): 0.05,
}
"""No page that fails and no retries: for measuring."""

PUBLISHED: Mix = {Story(Page.PUBLIC_SEVERAL): 1.0}
"""Everybody has a page with public types."""

MIXES: dict[str, Mix] = {"default": DEFAULT, "every": EVERY, "healthy": HEALTHY, "published": PUBLISHED}


def shares(mix: Mix, users: int) -> tuple[tuple[Story, ...], tuple[int, ...]]:
    """Stories and the running totals of their users: at least one each when the tenant has room for it."""
    stories = tuple(mix)
    whole = sum(mix.values())
    least = 1 if users >= len(stories) else 0
    counts = [max(least, int(users * mix[story] / whole + 1e-9)) for story in stories]
    counts[0] = 0
    for place in reversed(range(1, len(counts))):
        if sum(counts) < users:
            break
        counts[place] = least if counts[place] > least else counts[place]
    counts[0] = users - sum(counts)
    return stories, tuple(accumulate(counts))
