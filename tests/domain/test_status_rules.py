"""The rules of docs/administrator.md in order, and the findings."""

from itertools import product
from uuid import UUID

import pytest

from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.findings import Finding, findings_of
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.pages import NoPage, PageFound, PublicType, SignInRequired
from atlas.domain.policy import Verdict, judge_policy
from atlas.domain.statuses import NOT_SET_UP_REASONS, Evidence, Status, decide
from atlas.domain.unknown import Reason, Unknown

GUID = UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11")
ABLE = Mailbox(GUID, has_capability=True)
UNABLE = Mailbox(GUID, has_capability=False)
PUBLIC = PageFound((PublicType("a1", "30 min", 30, True),))
NOT_KNOWN = Unknown(Reason.THROTTLED, "too many requests")
MAILBOXES = (NoMailbox(), NOT_KNOWN, ABLE, UNABLE, Mailbox(GUID))
PAGES = (PUBLIC, PageFound(()), SignInRequired(), NOT_KNOWN, NoPage(404))


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (Evidence(NoMailbox(), PUBLIC), Status.NO_MAILBOX),
        (Evidence(NoMailbox()), Status.NO_MAILBOX),
        (Evidence(NOT_KNOWN), Status.UNKNOWN),
        (Evidence(NOT_KNOWN, PUBLIC), Status.UNKNOWN),
        (Evidence(UNABLE, PUBLIC, sign_in_forced=True), Status.PUBLISHED),
        (Evidence(UNABLE, PageFound(()), sign_in_forced=True), Status.NO_PUBLIC_TYPES),
        (Evidence(UNABLE, SignInRequired(), sign_in_forced=True), Status.SIGN_IN_REQUIRED),
        (Evidence(UNABLE, NOT_KNOWN, sign_in_forced=True), Status.UNKNOWN),
        (Evidence(UNABLE, NoPage(404), sign_in_forced=True), Status.NO_CAPABILITY),
        (Evidence(ABLE, NoPage(404), sign_in_forced=True), Status.SIGN_IN_REQUIRED),
        (Evidence(ABLE, NoPage(404), sign_in_forced=False), Status.NOT_SET_UP),
        (Evidence(ABLE, NoPage(500)), Status.NOT_SET_UP),
        (Evidence(Mailbox(GUID), NoPage(404)), Status.NOT_SET_UP),
    ],
)
def test_the_first_applicable_rule_is_the_status(evidence, status):
    assert decide(evidence).status is status


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("mailbox", MAILBOXES)
@pytest.mark.parametrize("forced", [None, False, True])
def test_a_failed_request_is_never_not_set_up(mailbox, page, forced):
    status = decide(Evidence(mailbox, page, forced)).status

    assert (NOT_KNOWN in (mailbox, page) and not isinstance(mailbox, NoMailbox)) == (status is Status.UNKNOWN)


def test_every_status_of_evidence_is_reachable():
    reached = {
        decide(Evidence(mailbox, page, forced)).status
        for mailbox, page, forced in product(MAILBOXES, PAGES, (None, True))
    }

    assert set(Status) - reached == {Status.SWITCHED_OFF, Status.NOT_LICENSED, Status.GONE}


def test_the_names_of_the_statuses_are_fixed():
    assert {str(status) for status in Status} == {
        "published",
        "noPublicTypes",
        "notSetUp",
        "switchedOff",
        "noCapability",
        "noMailbox",
        "signInRequired",
        "unknown",
        "notLicensed",
        "gone",
    }


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("detail", ["", "a sentence", "one: two: three"])
def test_the_reason_of_an_unknown_starts_with_one_word(reason, detail):
    verdict = decide(Evidence(ABLE, Unknown(reason, detail)))

    assert verdict.reason in (f"{reason}: {detail}", str(reason))
    assert Unknown.parse(verdict.reason) == Unknown(reason, detail)
    assert str(reason) in ("throttled", "unreachable", "refused", "notUnderstood")


def test_a_text_without_a_reason_is_not_parsed():
    with pytest.raises(ValueError, match="tired"):
        Unknown.parse("tired: of asking")


@pytest.mark.parametrize("status", [404, 410, 500])
def test_the_reason_of_not_set_up_contains_the_response(status):
    assert str(status) in (decide(Evidence(ABLE, NoPage(status))).reason or "")


@pytest.mark.parametrize(
    ("evidence", "findings"),
    [
        (Evidence(ABLE, PUBLIC, bookable=True), ()),
        (Evidence(ABLE, PUBLIC), ()),
        (Evidence(ABLE, PUBLIC, bookable=False), (Finding.NOTHING_BOOKABLE,)),
        (Evidence(ABLE, PageFound(()), bookable=False), ()),
        (Evidence(UNABLE, PUBLIC), (Finding.CAPABILITY_CONTRADICTS_PAGE,)),
        (Evidence(UNABLE, PageFound(())), (Finding.CAPABILITY_CONTRADICTS_PAGE,)),
        (Evidence(UNABLE, PUBLIC, bookable=False), (Finding.CAPABILITY_CONTRADICTS_PAGE, Finding.NOTHING_BOOKABLE)),
        (Evidence(UNABLE, SignInRequired()), ()),
        (Evidence(UNABLE, NoPage(404)), ()),
        (Evidence(Mailbox(GUID), PUBLIC), ()),
        (Evidence(NoMailbox()), ()),
        (Evidence(NOT_KNOWN), ()),
    ],
)
def test_findings_follow_from_the_evidence(evidence, findings):
    assert findings_of(evidence) == findings


UNKNOWN_POLICY = judge_policy(None, None)
ALLOWING = judge_policy(EwsScope(Access.ALLOW), EwsScope(Access.ALLOW))
WITHOUT_EWS = judge_policy(EwsScope(Access.ALLOW, ews_enabled=False), EwsScope(Access.ALLOW))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (ALLOWING, "the owner has not opened Bookings yet"),
        (WITHOUT_EWS, "it is not known whether that forbids a page"),
        (UNKNOWN_POLICY, "it is not known whether a policy forbids one"),
    ],
)
def test_only_an_allowing_policy_blames_the_owner(policy, words):
    """A cause that was not observed is never stated."""
    reason = decide(Evidence(ABLE, NoPage(404), policy=policy)).reason

    assert reason.startswith("no page was found (response 404)")
    assert words in reason
    assert ("the owner" in reason) == (policy is ALLOWING)


def test_every_verdict_without_a_page_has_a_reason():
    assert set(NOT_SET_UP_REASONS) == set(Verdict) - {Verdict.OFF}
