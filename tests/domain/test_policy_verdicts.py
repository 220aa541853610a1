"""The truth table of docs/microsoft-365.md, section 4.3; and every other setting yields a verdict with a reason."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from atlas.domain.ews_settings import AGENT, Access, EwsScope, ews_scope
from atlas.domain.organization import OrganizationSettings
from atlas.domain.policy import (
    EFFECTIVE_AFTER,
    Cause,
    OpenQuestion,
    Scope,
    Verdict,
    judge_mailbox,
    judge_organization,
    judge_policy,
)
from tests.domain.moments import MOMENTS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ALLOW, BLOCK = "EnforceAllowList", "EnforceBlockList"
MATCHING = (
    AGENT,
    AGENT.lower(),
    f"  {AGENT}\t",
    "*",
    "MicrosoftOWS*",
    "*personalbookings",
    "*OWS*Book*",
    "M**s",
    "*o*" * 6,
)
NOT_MATCHING = (
    "",
    " ",
    "MicrosoftOWS",
    f"{AGENT}/1",
    "?" * len(AGENT),
    f"[{AGENT}]",
    "*Other*",
    f"{AGENT[:-1]}.",
    "Microsoft *",
    "*o*" * 60,
)


def scope(policy=None, entries=None, enabled=None, **more):
    """A scope with one list: the one that its policy enforces, or the block list if there is no policy."""
    lists = (entries, None) if policy == ALLOW else (None, entries)
    return ews_scope(policy, *lists, ews_enabled=enabled, **more)


UNRESTRICTED = scope(enabled=True)


@pytest.mark.parametrize(
    ("organization", "mailbox", "verdict", "decides", "cause"),
    [
        (scope(), UNRESTRICTED, "on", Scope.ORGANIZATION, Cause.NOTHING),
        (scope(None, [AGENT]), UNRESTRICTED, "on", Scope.ORGANIZATION, Cause.NOTHING),
        (scope(BLOCK, [AGENT]), UNRESTRICTED, "off", Scope.ORGANIZATION, Cause.BLOCK_LIST),
        (scope(BLOCK, ["other"], True), UNRESTRICTED, "on", Scope.ORGANIZATION, Cause.NOTHING),
        (scope(ALLOW, None, True), UNRESTRICTED, "off", Scope.ORGANIZATION, Cause.ALLOW_LIST),
        (scope(ALLOW, ["MicrosoftOWS*"], True), UNRESTRICTED, "on", Scope.ORGANIZATION, Cause.NOTHING),
        (
            scope(ALLOW, [AGENT.lower()], True),
            scope(BLOCK, [AGENT], True),
            "off",
            Scope.MAILBOX,
            Cause.BLOCK_LIST,
        ),
        (
            scope(BLOCK, [AGENT], True),
            scope(ALLOW, [AGENT], True),
            "off",
            Scope.ORGANIZATION,
            Cause.BLOCK_LIST,
        ),
        (scope(enabled=False), UNRESTRICTED, "ewsDisabled", Scope.ORGANIZATION, Cause.EWS_DISABLED),
        (scope(enabled=True), scope(BLOCK, [AGENT], False), "ewsDisabled", Scope.MAILBOX, Cause.EWS_DISABLED),
        (scope(), None, "unknown", Scope.MAILBOX, Cause.NOT_KNOWN),
        (None, UNRESTRICTED, "unknown", Scope.ORGANIZATION, Cause.NOT_KNOWN),
        (None, scope(BLOCK, [AGENT], True), "unknown", Scope.ORGANIZATION, Cause.NOT_KNOWN),
        (scope("EnforceNew"), scope(BLOCK, [AGENT], True), "unknown", Scope.ORGANIZATION, Cause.UNRECOGNIZED),
        (scope(), scope("EnforceNew", enabled=True), "unknown", Scope.MAILBOX, Cause.UNRECOGNIZED),
        (scope(BLOCK, [AGENT]), None, "off", Scope.ORGANIZATION, Cause.BLOCK_LIST),
        (scope(enabled=False), scope(BLOCK, [AGENT], True), "off", Scope.MAILBOX, Cause.BLOCK_LIST),
        (scope(enabled=False), scope(ALLOW, [], True), "off", Scope.MAILBOX, Cause.ALLOW_LIST),
        (scope(enabled=False), None, "unknown", Scope.MAILBOX, Cause.NOT_KNOWN),
        (scope(BLOCK, [AGENT], False), scope(enabled=False), "off", Scope.ORGANIZATION, Cause.BLOCK_LIST),
    ],
    ids=[*(f"row {number}" for number in range(1, 12)), *(f"beyond the table {number}" for number in range(12, 21))],
)
def test_the_first_applicable_rule_is_the_verdict(organization, mailbox, verdict, decides, cause):
    judged = judge_policy(organization, mailbox)

    assert (str(judged.verdict), judged.scope, judged.cause) == (verdict, decides, cause)


@pytest.mark.parametrize("entry", MATCHING)
def test_entries_match_in_any_case_with_wildcards_and_spaces(entry):
    assert scope(ALLOW, ["other", entry]).access is Access.ALLOW
    assert scope(BLOCK, ["other", entry]).access is Access.BLOCK
    assert scope(BLOCK, ["other", entry]).entries == (entry.strip(),)


@pytest.mark.parametrize("entry", NOT_MATCHING)
def test_other_entries_do_not_match(entry):
    assert scope(ALLOW, [entry]).access is Access.BLOCK
    assert scope(BLOCK, [entry]).access is Access.ALLOW
    assert not scope(None, [entry]).has_list_without_policy


@pytest.mark.parametrize("policy", ["enforceblocklist", "ENFORCEBLOCKLIST", " EnforceBlockList "])
def test_policies_are_recognised_in_any_case(policy):
    assert scope(policy, [AGENT]).access is Access.BLOCK


@pytest.mark.parametrize(
    ("mailbox", "is_conflict"),
    [
        (scope(ALLOW, [AGENT], True), True),
        (scope(BLOCK, ["other"], None), True),
        (scope(ALLOW, [AGENT], False), False),
        (scope(BLOCK, [AGENT], True), False),
        (scope("EnforceNew", None, True), False),
        (UNRESTRICTED, False),
        (None, False),
    ],
)
def test_a_conflict_needs_a_mailbox_policy_that_allows(mailbox, is_conflict):
    assert judge_policy(scope(BLOCK, [AGENT]), mailbox).is_conflict is is_conflict
    assert not judge_policy(scope(BLOCK, ["other"]), mailbox).is_conflict


POLICIES = st.sampled_from([None, "", "  ", ALLOW, BLOCK, ALLOW.upper(), BLOCK.lower(), "EnforceNew"]) | st.text()
LISTS = st.none() | st.lists(st.sampled_from(MATCHING) | st.sampled_from(NOT_MATCHING), max_size=8)
SETTINGS = st.none() | st.tuples(POLICIES, LISTS, LISTS, st.none() | st.booleans())
AGES = st.none() | st.timedeltas(timedelta(hours=-30), timedelta(hours=30))


def documented_access(settings):
    """The access of a scope by the pseudo-code of section 4.3: ``ALLOW``, ``BLOCK``, ``UNKNOWN`` or ``None``."""
    if settings is None:
        return None
    policy, allowed, blocked, _ = settings
    match (policy or "").strip().lower():
        case "":
            return "ALLOW"
        case "enforceallowlist":
            return "ALLOW" if set(MATCHING) & set(allowed or ()) else "BLOCK"
        case "enforceblocklist":
            return "BLOCK" if set(MATCHING) & set(blocked or ()) else "ALLOW"
        case _:
            return "UNKNOWN"


def documented_verdict(organization, mailbox):
    """The verdict by an independent implementation of section 4.3."""
    rules = (
        (organization is None, "unknown"),
        (documented_access(organization) == "BLOCK", "off"),
        (documented_access(organization) == "UNKNOWN", "unknown"),
        (mailbox is None, "unknown"),
        (mailbox is not None and mailbox[3] is False, "ewsDisabled"),
        (documented_access(mailbox) == "BLOCK", "off"),
        (documented_access(mailbox) == "UNKNOWN", "unknown"),
        (organization is not None and organization[3] is False, "ewsDisabled"),
    )
    return next((verdict for holds, verdict in rules if holds), "on")


@given(SETTINGS, SETTINGS, AGES)
def test_any_settings_have_the_documented_verdict(organization, mailbox, age):
    changed_at = None if age is None else NOW - age
    organization_scope, mailbox_scope = (
        settings and ews_scope(*settings[:3], ews_enabled=settings[3], changed_at=changed_at)
        for settings in (organization, mailbox)
    )

    judged = judge_policy(organization_scope, mailbox_scope, NOW)

    assert str(judged.verdict) == documented_verdict(organization, mailbox)
    assert judged.reason
    assert OpenQuestion.END_OF_EWS in judged.questions
    doubtful = [one for one in (organization_scope, mailbox_scope) if one and one.has_list_without_policy]
    assert (OpenQuestion.LIST_WITHOUT_POLICY in judged.questions) == bool(doubtful)
    if judged.verdict is Verdict.ON:
        assert judged.reason.startswith("no known setting turns")
        assert judged.reason.count("it is not known whether it has an effect") == len(doubtful)
    elif judged.verdict is not Verdict.UNKNOWN:
        assert judged.setting in ("EwsApplicationAccessPolicy", "EwsEnabled")
        assert judged.setting in judged.reason


@given(SETTINGS, SETTINGS)
def test_further_obstacles_are_complete_and_in_order(organization, mailbox):
    organization_scope, mailbox_scope = (
        settings and ews_scope(*settings[:3], ews_enabled=settings[3]) for settings in (organization, mailbox)
    )
    judged = judge_policy(organization_scope, mailbox_scope)
    reported = [(judged.scope, judged.cause), *((one.scope, one.cause) for one in judged.further)]

    obstacles = []
    while judged.verdict is not Verdict.ON:
        obstacles.append((judged.scope, judged.cause))
        organization_scope, mailbox_scope = without_deciding_setting(judged, organization_scope, mailbox_scope)
        judged = judge_policy(organization_scope, mailbox_scope)
    assert reported == (obstacles or [(Scope.ORGANIZATION, Cause.NOTHING)])


def without_deciding_setting(judged, organization_scope, mailbox_scope):
    """The two scopes after the setting that decides the verdict is corrected."""
    settings = (organization_scope if judged.scope is Scope.ORGANIZATION else mailbox_scope) or EwsScope(Access.ALLOW)
    if judged.cause is Cause.EWS_DISABLED:
        corrected = replace(settings, ews_enabled=True)
    else:
        corrected = replace(settings, access=Access.ALLOW)
    return (corrected, mailbox_scope) if judged.scope is Scope.ORGANIZATION else (organization_scope, corrected)


@given(SETTINGS.filter(bool), st.none() | MOMENTS)
def test_the_organisations_settings_survive_serialization(settings, changed_at):
    scope = ews_scope(*settings[:3], ews_enabled=settings[3], changed_at=changed_at)

    settings, codec = OrganizationSettings(scope), TypeAdapter(OrganizationSettings)
    text = json.dumps(codec.dump_python(settings, mode="json"))
    assert codec.validate_python(json.loads(text)) == settings


@given(SETTINGS)
def test_organisation_and_mailbox_can_be_judged_separately(settings):
    judged = settings and ews_scope(*settings[:3], ews_enabled=settings[3])

    assert judge_organization(judged).verdict == documented_verdict(settings, (None, None, None, None))
    if judged:
        assert judge_mailbox(judged).verdict == documented_verdict((None, None, None, None), settings)
        assert judge_mailbox(judged).scope is Scope.MAILBOX


@pytest.mark.parametrize(
    ("ago", "is_mentioned"),
    [
        (timedelta(0), True),
        (timedelta(hours=3, minutes=59), True),
        (EFFECTIVE_AFTER, False),
        (timedelta(days=30), False),
        (None, False),
    ],
)
@pytest.mark.parametrize("settings", [scope(), scope(BLOCK, [AGENT]), scope(enabled=False), scope("EnforceNew")])
def test_a_recent_change_is_mentioned_as_a_doubt(settings, ago, is_mentioned):
    changed = replace(settings, changed_at=None if ago is None else NOW - ago)

    reason = judge_organization(changed, NOW).reason

    assert ("less than 4 hours before" in reason) is is_mentioned
    assert ("2026-11-23" in reason) is is_mentioned


def test_the_reason_names_a_blocking_wildcard():
    assert "through MicrosoftOWS*" in judge_organization(scope(BLOCK, ["MicrosoftOWS*", AGENT])).reason
    assert judge_organization(scope(BLOCK, [AGENT])).reason.endswith(f"EwsBlockList contains {AGENT}")


@pytest.mark.parametrize(
    ("organization", "mailbox", "specific"),
    [
        (scope(), UNRESTRICTED, []),
        (scope(None, [AGENT]), UNRESTRICTED, [OpenQuestion.LIST_WITHOUT_POLICY]),
        (scope(), scope(None, [AGENT]), [OpenQuestion.LIST_WITHOUT_POLICY]),
        (scope(BLOCK, [AGENT]), UNRESTRICTED, [OpenQuestion.WHICH_SCOPE_WINS]),
        (scope(ALLOW), scope(None, [AGENT]), [OpenQuestion.LIST_WITHOUT_POLICY, OpenQuestion.WHICH_SCOPE_WINS]),
        (None, None, []),
    ],
)
def test_only_relevant_open_questions_are_listed(organization, mailbox, specific):
    assert judge_policy(organization, mailbox).questions == (*specific, OpenQuestion.END_OF_EWS)


@given(st.text(min_size=1).filter(str.strip), st.lists(st.integers(0, 600), max_size=90))
def test_stored_settings_are_bounded_and_keep_their_meaning(policy, lengths):
    entries = ["*" * length + AGENT for length in lengths]
    stored = ews_scope("EnforceBlockList", None, entries, ews_enabled=None)

    assert stored.access is (Access.BLOCK if entries else Access.ALLOW)
    assert sum(map(len, stored.entries)) <= 12_000
    assert set(stored.entries) <= set(entries)
    assert len(ews_scope(policy * 500, None, None, ews_enabled=None).policy or "") <= 100
