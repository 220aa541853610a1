"""Whether the EWS settings of organisation and mailbox turn personal bookings off (docs/microsoft-365.md, section 4.3).

What Microsoft's documents leave open is named beside the verdict and never guessed: see `OpenQuestion`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

AGENT = "MicrosoftOWSPersonalBookings"
"""The entry of an EWS list that stands for personal bookings."""
IN_FORCE_AFTER = timedelta(hours=4)
"""How long Microsoft says that a change of these settings takes to work."""
MAX_RAW_VALUE_LENGTH = 100
MAX_ENTRY_LENGTH = 256
MAX_ENTRIES = 40


class Access(StrEnum):
    """What a scope's policy and list make of the agent."""

    ALLOW = "allow"
    BLOCK = "block"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """Names are fixed: docs/administrator.md lists them."""

    ON = "on"
    OFF = "off"
    EWS_DISABLED = "ewsDisabled"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """Whose setting it is."""

    ORGANIZATION = "organization"
    MAILBOX = "mailbox"

    @property
    def told(self) -> str:
        """As it is called in a sentence."""
        return "the organisation" if self is Scope.ORGANIZATION else "the mailbox"


class Cause(StrEnum):
    """What decides, and so what would change it."""

    NOT_KNOWN = "notKnown"
    """The scope's settings were not learned."""
    ALLOW_LIST = "allowList"
    BLOCK_LIST = "blockList"
    UNRECOGNIZED = "unheardOf"
    """A policy of a value that nobody documented."""
    EWS_DISABLED = "ewsDisabled"
    NOTHING = "nothing"


class OpenQuestion(StrEnum):
    """What Microsoft's documents leave open: docs/microsoft-365.md, sections 4.2, 4.3 and 8. People read them."""

    LIST_WITHOUT_POLICY = (
        f"EwsBlockList names {AGENT}, and EwsApplicationAccessPolicy is empty. Microsoft's present article lets such a "
        "list not count, and so does this verdict; its older article lets it count. What the page answers tells."
    )
    WHICH_SCOPE_WINS = (
        "The organisation blocks, and no document says whether a mailbox with a policy of its own that allows is "
        "blocked too. This verdict takes it to be: both have to allow. Such users have the finding policyConflict."
    )
    END_OF_EWS = (
        "Since 1 October 2026 Microsoft sets an empty EwsEnabled to False, and on 1 April 2027 EWS and the setting go "
        "away. One article says that personal bookings needs EwsEnabled not to be False, the reference of the cmdlet "
        "says that EwsEnabled does not concern REST. So False is told as ewsDisabled and never as off."
    )


LISTS = frozenset({Cause.ALLOW_LIST, Cause.BLOCK_LIST})


@dataclass(frozen=True, slots=True)
class EwsScope:
    """The EWS settings of the organisation, or of one mailbox, as far as they decide."""

    access: Access
    policy: str | None = None
    """``EwsApplicationAccessPolicy`` as Exchange gives it."""
    ews_enabled: bool | None = None
    entries: tuple[str, ...] = ()
    """Entries that name the agent, by wildcard perhaps, on the list that counts, or else on the block list."""
    changed_at: datetime | None = None
    """When a setting of the scope last changed, whichever it was; ``None``: not told."""

    @property
    def has_list_without_policy(self) -> bool:
        """Whether a block list names the agent, and no policy enforces it."""
        return self.policy is None and bool(self.entries)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that decides, or would once what stands before it is gone."""

    scope: Scope
    cause: Cause
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """The verdict with what decides it; ``reason`` says it in words, doubts included."""

    verdict: Verdict
    cause: Cause
    scope: Scope
    reason: str
    setting: str | None = None
    """The deciding setting, by Exchange's name."""
    value: str | bool | None = None
    """Its raw value."""
    entries: tuple[str, ...] = ()
    """Entries of the deciding list that name the agent."""
    is_conflict: bool = False
    questions: tuple[OpenQuestion, ...] = ()
    further: tuple[Obstacle, ...] = ()
    """What decides next, in order; a scope that was not learned is one as well."""

    @property
    def decides(self) -> Obstacle:
        """What decides."""
        return Obstacle(self.scope, self.cause, self.entries)


def ews_scope(
    policy: str | None,
    allowed: Iterable[str] | None,
    blocked: Iterable[str] | None,
    *,
    ews_enabled: bool | None,
    changed_at: datetime | None = None,
) -> EwsScope:
    """What one scope's settings mean. A list counts only with the policy that enforces it."""
    raw = (policy or "").strip()[:MAX_RAW_VALUE_LENGTH]
    match raw.lower():
        case "":
            access, naming = Access.ALLOW, _naming_entries(blocked)
        case "enforceallowlist":
            naming = _naming_entries(allowed)
            access = Access.ALLOW if naming else Access.BLOCK
        case "enforceblocklist":
            naming = _naming_entries(blocked)
            access = Access.BLOCK if naming else Access.ALLOW
        case _:
            access, naming = Access.UNKNOWN, []
    # What is kept travels through Durable history and is shown.
    entries = tuple(entry for entry in naming if len(entry) <= MAX_ENTRY_LENGTH)[:MAX_ENTRIES]
    return EwsScope(access, raw or None, ews_enabled, entries, changed_at)


def judge_policy(organization: EwsScope | None, mailbox: EwsScope | None, at: datetime | None = None) -> PolicyVerdict:
    """The verdict of the first rule that holds; ``None`` is a scope that was not learned, ``at`` the time of asking."""
    deciding, *others = *_obstacles(organization, mailbox), _nothing(organization)
    doubts = tuple(_doubts(organization, mailbox, deciding, at))
    return replace(
        deciding,
        reason="; ".join((deciding.reason, *doubts)),
        is_conflict=deciding.scope is Scope.ORGANIZATION and deciding.cause in LISTS and _allows_for_itself(mailbox),
        questions=_questions(organization, mailbox),
        further=tuple(other.decides for other in others[:-1]),
    )


def judge_organization(organization: EwsScope | None, at: datetime | None = None) -> PolicyVerdict:
    """The verdict for a mailbox that has no settings of its own."""
    return judge_policy(organization, EwsScope(Access.ALLOW), at)


def with_last_change(judged: PolicyVerdict, changed_at: datetime | None, at: datetime) -> PolicyVerdict:
    """The verdict, whose reason tells when the organisation's settings changed last, where it does not doubt them."""
    if changed_at is None or _is_new(changed_at, at):
        return judged
    changed = f"a setting of the organisation was changed last at {_format_moment(changed_at)}"
    return replace(judged, reason=f"{judged.reason}; {changed}")


def judge_mailbox(mailbox: EwsScope) -> PolicyVerdict:
    """What the mailbox's own settings say, whatever the organisation's are."""
    judged = judge_policy(EwsScope(Access.ALLOW), mailbox)
    if judged.cause is not Cause.NOTHING:
        return judged
    return replace(judged, scope=Scope.MAILBOX, value=mailbox.policy, entries=mailbox.entries)


def _obstacles(organization: EwsScope | None, mailbox: EwsScope | None) -> Iterator[PolicyVerdict]:
    """Every rule that holds, in the order of docs/microsoft-365.md, section 4.3."""
    if organization is None:
        yield _not_known(Scope.ORGANIZATION)
    else:
        yield from _obstacles_of_list(Scope.ORGANIZATION, organization)
    if mailbox is None:
        yield _not_known(Scope.MAILBOX)
    else:
        if mailbox.ews_enabled is False:  # its lists do not count then
            yield _disabled(Scope.MAILBOX)
        yield from _obstacles_of_list(Scope.MAILBOX, mailbox)
    if organization and organization.ews_enabled is False:
        yield _disabled(Scope.ORGANIZATION)


def _obstacles_of_list(scope: Scope, settings: EwsScope) -> Iterator[PolicyVerdict]:
    if settings.access is Access.BLOCK:
        yield _blocks(scope, settings)
    elif settings.access is Access.UNKNOWN:
        yield _unrecognized(scope, settings)


def _nothing(organization: EwsScope | None) -> PolicyVerdict:
    return PolicyVerdict(
        Verdict.ON,
        Cause.NOTHING,
        Scope.ORGANIZATION,
        "nothing known turns personal bookings off",
        "EwsApplicationAccessPolicy",
        organization.policy if organization else None,
        organization.entries if organization else (),
    )


def _allows_for_itself(mailbox: EwsScope | None) -> bool:
    """Whether a mailbox has a policy of its own that lets personal bookings through."""
    return (
        mailbox is not None
        and mailbox.policy is not None
        and mailbox.access is Access.ALLOW
        and mailbox.ews_enabled is not False
    )


def _not_known(scope: Scope) -> PolicyVerdict:
    return PolicyVerdict(Verdict.UNKNOWN, Cause.NOT_KNOWN, scope, f"{scope.told}'s EWS settings are not known")


def _blocks(scope: Scope, settings: EwsScope) -> PolicyVerdict:
    enforced = f"EwsApplicationAccessPolicy of {scope.told} is {settings.policy}"
    if (settings.policy or "").lower() == "enforceallowlist":
        cause, told = Cause.ALLOW_LIST, f"EwsAllowList does not name {AGENT}"
    else:
        cause, told = Cause.BLOCK_LIST, f"EwsBlockList names {AGENT}{_by(settings.entries)}"
    return PolicyVerdict(
        Verdict.OFF,
        cause,
        scope,
        f"{enforced}, and {told}",
        "EwsApplicationAccessPolicy",
        settings.policy,
        settings.entries,
    )


def _by(entries: Iterable[str]) -> str:
    """Which entries name the agent, where they do not do so by its own name."""
    others = [entry for entry in entries if entry.lower() != AGENT.lower()]
    return f" by {', '.join(others)}" if others else ""


def _unrecognized(scope: Scope, settings: EwsScope) -> PolicyVerdict:
    return PolicyVerdict(
        Verdict.UNKNOWN,
        Cause.UNRECOGNIZED,
        scope,
        f"EwsApplicationAccessPolicy of {scope.told} is {settings.policy}, which is not known",
        "EwsApplicationAccessPolicy",
        settings.policy,
    )


def _disabled(scope: Scope) -> PolicyVerdict:
    return PolicyVerdict(
        Verdict.EWS_DISABLED,
        Cause.EWS_DISABLED,
        scope,
        f"EwsEnabled of {scope.told} is False; whether that stops personal bookings is an open question",
        "EwsEnabled",
        value=False,
    )


def _doubts(
    organization: EwsScope | None, mailbox: EwsScope | None, judged: PolicyVerdict, at: datetime | None
) -> Iterable[str]:
    if judged.verdict is Verdict.ON:
        for scope, settings in ((Scope.ORGANIZATION, organization), (Scope.MAILBOX, mailbox)):
            if settings and settings.has_list_without_policy:
                lists = f"EwsBlockList of {scope.told} names {AGENT} without a policy"
                yield f"{lists}; whether it counts is an open question"
    if organization and organization.changed_at and _is_new(organization.changed_at, at):
        yield (
            f"a setting of the organisation was changed at {_format_moment(organization.changed_at)}, "
            "less than 4 hours before, and may not be in force yet"
        )


def _is_new(changed_at: datetime, at: datetime | None) -> bool:
    return at is not None and at - changed_at < IN_FORCE_AFTER


def _format_moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _questions(organization: EwsScope | None, mailbox: EwsScope | None) -> tuple[OpenQuestion, ...]:
    """Those that bear on these settings; the end of EWS bears on every tenant."""
    bears = {
        OpenQuestion.LIST_WITHOUT_POLICY: any(
            settings and settings.has_list_without_policy for settings in (organization, mailbox)
        ),
        OpenQuestion.WHICH_SCOPE_WINS: organization is not None and organization.access is Access.BLOCK,
        OpenQuestion.END_OF_EWS: True,
    }
    return tuple(question for question, holds in bears.items() if holds)


def _naming_entries(entries: Iterable[str] | None) -> list[str]:
    return [entry.strip() for entry in entries or () if _names_agent(entry)]


def _names_agent(entry: str) -> bool:
    """An entry names the agent in any case, with ``*`` for any text."""
    pattern = ".*".join(re.escape(part) for part in re.split(r"\*+", entry.strip()))
    return re.fullmatch(pattern, AGENT, re.IGNORECASE) is not None
