"""Whether the EWS settings of the organisation and the mailbox turn personal bookings off.

See docs/microsoft-365.md, section 4. Where Microsoft's articles contradict each other, the verdict names the open
question instead of guessing: see `OpenQuestion`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from atlas.domain.ews_settings import AGENT, Access, EwsScope

EFFECTIVE_AFTER = timedelta(hours=4)
"""How long a change to these settings takes to take effect, according to Microsoft."""


class Verdict(StrEnum):
    """The values are a contract, listed in docs/administrator.md."""

    ON = "on"
    OFF = "off"
    EWS_DISABLED = "ewsDisabled"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """Who a setting belongs to."""

    ORGANIZATION = "organization"
    MAILBOX = "mailbox"

    @property
    def noun(self) -> str:
        """The scope in a sentence."""
        return "the organisation" if self is Scope.ORGANIZATION else "the mailbox"


class Cause(StrEnum):
    """What determines a verdict, and therefore what would have to change."""

    NOT_KNOWN = "notKnown"
    """The settings of the scope could not be read."""
    ALLOW_LIST = "allowList"
    BLOCK_LIST = "blockList"
    UNRECOGNIZED = "unrecognized"
    """The policy has a value that Microsoft does not document."""
    EWS_DISABLED = "ewsDisabled"
    NOTHING = "nothing"


class OpenQuestion(StrEnum):
    """What Microsoft's documentation leaves open (docs/microsoft-365.md, section 4.3)."""

    LIST_WITHOUT_POLICY = "listWithoutPolicy"
    WHICH_SCOPE_WINS = "whichScopeWins"
    END_OF_EWS = "endOfEws"

    @property
    def text(self) -> str:
        """The question as administrators read it."""
        return QUESTION_TEXTS[self]


QUESTION_TEXTS = {
    OpenQuestion.LIST_WITHOUT_POLICY: (
        f"EwsBlockList contains {AGENT}, but EwsApplicationAccessPolicy is empty. According to Microsoft's current "
        "article, such a list has no effect, and this verdict follows it; an older article says that it has. Whether "
        "the page exists settles it."
    ),
    OpenQuestion.WHICH_SCOPE_WINS: (
        "The organisation blocks personal bookings. No document says whether a mailbox whose own policy allows them is "
        "blocked too. This verdict assumes that it is: both have to allow them. Such users have the finding "
        "policyConflict."
    ),
    OpenQuestion.END_OF_EWS: (
        "Since 1 October 2026, Microsoft sets an empty EwsEnabled to False, and on 1 April 2027 it removes EWS and the "
        "setting. One article says that personal bookings requires EwsEnabled not to be False; the cmdlet's reference "
        "says that EwsEnabled does not affect REST. So False is reported as ewsDisabled, never as off."
    ),
}
LISTS = frozenset({Cause.ALLOW_LIST, Cause.BLOCK_LIST})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One setting that blocks personal bookings, or would once the obstacles before it are removed."""

    scope: Scope
    cause: Cause
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """The verdict and the setting that determines it; ``reason`` explains it, including any doubts."""

    verdict: Verdict
    cause: Cause
    scope: Scope
    reason: str
    setting: str | None = None
    """The name of that setting in Exchange."""
    value: str | bool | None = None
    """The value of that setting."""
    entries: tuple[str, ...] = ()
    """The entries of the list that match the agent, if a list determines the verdict."""
    is_conflict: bool = False
    questions: tuple[OpenQuestion, ...] = ()
    further: tuple[Obstacle, ...] = ()
    """What would block personal bookings next, in order; a scope whose settings are not known is an obstacle too."""

    @property
    def deciding(self) -> Obstacle:
        """The obstacle that determines the verdict; its cause is ``NOTHING`` if personal bookings is allowed."""
        return Obstacle(self.scope, self.cause, self.entries)


def judge_policy(organization: EwsScope | None, mailbox: EwsScope | None, at: datetime | None = None) -> PolicyVerdict:
    """The verdict of the first rule that applies; ``None``: the scope is not known. ``at`` is the time of the check."""
    first, *others = *_obstacles(organization, mailbox), _unrestricted_verdict(organization)
    doubts = tuple(_doubts(organization, mailbox, first, at))
    return replace(
        first,
        reason="; ".join((first.reason, *doubts)),
        is_conflict=first.scope is Scope.ORGANIZATION and first.cause in LISTS and _has_allowing_policy(mailbox),
        questions=_questions(organization, mailbox),
        further=tuple(other.deciding for other in others[:-1]),
    )


def judge_organization(organization: EwsScope | None, at: datetime | None = None) -> PolicyVerdict:
    """The verdict for a mailbox without settings of its own."""
    return judge_policy(organization, EwsScope(Access.ALLOW), at)


def judge_mailbox(mailbox: EwsScope) -> PolicyVerdict:
    """The verdict of the mailbox's own settings, whatever the organisation's are."""
    judged = judge_policy(EwsScope(Access.ALLOW), mailbox)
    if judged.cause is not Cause.NOTHING:
        return judged
    return replace(judged, scope=Scope.MAILBOX, value=mailbox.policy, entries=mailbox.entries)


def with_last_change(judged: PolicyVerdict, changed_at: datetime | None, at: datetime) -> PolicyVerdict:
    """Add when the organisation's settings last changed, unless the reason already doubts them for that."""
    if changed_at is None or _is_recent(changed_at, at):
        return judged
    return replace(judged, reason=f"{judged.reason}; the organisation's settings last changed at {_utc(changed_at)}")


def _obstacles(organization: EwsScope | None, mailbox: EwsScope | None) -> Iterator[PolicyVerdict]:
    """Every rule that applies, in order (docs/microsoft-365.md, section 4.3)."""
    if organization is None:
        yield _not_known(Scope.ORGANIZATION)
    else:
        yield from _list_obstacles(Scope.ORGANIZATION, organization)
    if mailbox is None:
        yield _not_known(Scope.MAILBOX)
    else:
        if mailbox.ews_enabled is False:  # its lists have no effect then
            yield _ews_disabled(Scope.MAILBOX)
        yield from _list_obstacles(Scope.MAILBOX, mailbox)
    if organization and organization.ews_enabled is False:
        yield _ews_disabled(Scope.ORGANIZATION)


def _list_obstacles(scope: Scope, settings: EwsScope) -> Iterator[PolicyVerdict]:
    if settings.access is Access.BLOCK:
        yield _blocks(scope, settings)
    elif settings.access is Access.UNKNOWN:
        yield _unrecognized_verdict(scope, settings)


def _unrestricted_verdict(organization: EwsScope | None) -> PolicyVerdict:
    return PolicyVerdict(
        Verdict.ON,
        Cause.NOTHING,
        Scope.ORGANIZATION,
        "no known setting turns personal bookings off",
        "EwsApplicationAccessPolicy",
        organization.policy if organization else None,
        organization.entries if organization else (),
    )


def _has_allowing_policy(mailbox: EwsScope | None) -> bool:
    """Whether the mailbox has a policy of its own, and that policy allows personal bookings."""
    return (
        mailbox is not None
        and mailbox.policy is not None
        and mailbox.access is Access.ALLOW
        and mailbox.ews_enabled is not False
    )


def _not_known(scope: Scope) -> PolicyVerdict:
    return PolicyVerdict(Verdict.UNKNOWN, Cause.NOT_KNOWN, scope, f"the EWS settings of {scope.noun} are not known")


def _blocks(scope: Scope, settings: EwsScope) -> PolicyVerdict:
    if (settings.policy or "").lower() == "enforceallowlist":
        cause, why = Cause.ALLOW_LIST, f"EwsAllowList does not contain {AGENT}"
    else:
        cause, why = Cause.BLOCK_LIST, f"EwsBlockList contains {AGENT}{_by_wildcard(settings.entries)}"
    return PolicyVerdict(
        Verdict.OFF,
        cause,
        scope,
        f"EwsApplicationAccessPolicy of {scope.noun} is {settings.policy}, and {why}",
        "EwsApplicationAccessPolicy",
        settings.policy,
        settings.entries,
    )


def _by_wildcard(entries: Iterable[str]) -> str:
    """The entries that match the agent without naming it."""
    others = [entry for entry in entries if entry.lower() != AGENT.lower()]
    return f" through {', '.join(others)}" if others else ""


def _unrecognized_verdict(scope: Scope, settings: EwsScope) -> PolicyVerdict:
    return PolicyVerdict(
        Verdict.UNKNOWN,
        Cause.UNRECOGNIZED,
        scope,
        f"EwsApplicationAccessPolicy of {scope.noun} is {settings.policy}, a value that Microsoft does not document",
        "EwsApplicationAccessPolicy",
        settings.policy,
    )


def _ews_disabled(scope: Scope) -> PolicyVerdict:
    return PolicyVerdict(
        Verdict.EWS_DISABLED,
        Cause.EWS_DISABLED,
        scope,
        f"EwsEnabled of {scope.noun} is False; it is not known whether that turns personal bookings off",
        "EwsEnabled",
        value=False,
    )


def _doubts(
    organization: EwsScope | None, mailbox: EwsScope | None, judged: PolicyVerdict, at: datetime | None
) -> Iterable[str]:
    if judged.verdict is Verdict.ON:
        for scope, settings in ((Scope.ORGANIZATION, organization), (Scope.MAILBOX, mailbox)):
            if settings and settings.has_list_without_policy:
                found = f"EwsBlockList of {scope.noun} contains {AGENT}, but no policy enforces the list"
                yield f"{found}; it is not known whether it has an effect"
    if organization and organization.changed_at and _is_recent(organization.changed_at, at):
        yield (
            f"a setting of the organisation was changed at {_utc(organization.changed_at)}, "
            "less than 4 hours before this check, and may not be in force yet"
        )


def _is_recent(changed_at: datetime, at: datetime | None) -> bool:
    return at is not None and at - changed_at < EFFECTIVE_AFTER


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _questions(organization: EwsScope | None, mailbox: EwsScope | None) -> tuple[OpenQuestion, ...]:
    """The questions that matter for these settings; the end of EWS matters for every tenant."""
    matters = {
        OpenQuestion.LIST_WITHOUT_POLICY: any(
            settings and settings.has_list_without_policy for settings in (organization, mailbox)
        ),
        OpenQuestion.WHICH_SCOPE_WINS: organization is not None and organization.access is Access.BLOCK,
        OpenQuestion.END_OF_EWS: True,
    }
    return tuple(question for question, it_matters in matters.items() if it_matters)
