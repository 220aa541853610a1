"""The rules of docs/administrator.md in their order, and the findings beside them."""

from itertools import product
from uuid import UUID

import pytest

from atlas.domain.findings import Finding, findings_of
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.pages import NoPage, PageFound, PublicType, SignInRequired
from atlas.domain.statuses import Evidence, Status, decide
from atlas.domain.unknown import Reason, Unknown

GUID = UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11")
ABLE = Mailbox(GUID, has_capability=True)
UNABLE = Mailbox(GUID, has_capability=False)
PUBLIC = PageFound((PublicType("a1", "30 min", 30, True),))
NOT_LEARNED = Unknown(Reason.THROTTLED, "asked too often")
MAILBOXES = (NoMailbox(), NOT_LEARNED, ABLE, UNABLE, Mailbox(GUID))
PAGES = (PUBLIC, PageFound(()), SignInRequired(), NOT_LEARNED, NoPage(404))


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (Evidence(NoMailbox(), PUBLIC), Status.NO_MAILBOX),
        (Evidence(NoMailbox()), Status.NO_MAILBOX),
        (Evidence(NOT_LEARNED), Status.UNKNOWN),
        (Evidence(NOT_LEARNED, PUBLIC), Status.UNKNOWN),
        (Evidence(UNABLE, PUBLIC, sign_in_forced=True), Status.PUBLISHED),
        (Evidence(UNABLE, PageFound(()), sign_in_forced=True), Status.NO_PUBLIC_TYPES),
        (Evidence(UNABLE, SignInRequired(), sign_in_forced=True), Status.SIGN_IN_REQUIRED),
        (Evidence(UNABLE, NOT_LEARNED, sign_in_forced=True), Status.UNKNOWN),
        (Evidence(UNABLE, NoPage(404), sign_in_forced=True), Status.NO_CAPABILITY),
        (Evidence(ABLE, NoPage(404), sign_in_forced=True), Status.SIGN_IN_REQUIRED),
        (Evidence(ABLE, NoPage(404), sign_in_forced=False), Status.NOT_SET_UP),
        (Evidence(ABLE, NoPage(500)), Status.NOT_SET_UP),
        (Evidence(Mailbox(GUID), NoPage(404)), Status.NOT_SET_UP),
    ],
)
def test_the_first_rule_that_holds_is_the_status(evidence, status):
    assert decide(evidence).status is status


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("mailbox", MAILBOXES)
@pytest.mark.parametrize("forced", [None, False, True])
def test_a_question_that_failed_is_never_said_to_be_a_page_that_is_not_set_up(mailbox, page, forced):
    status = decide(Evidence(mailbox, page, forced)).status

    assert (NOT_LEARNED in (mailbox, page) and not isinstance(mailbox, NoMailbox)) == (status is Status.UNKNOWN)


def test_every_status_of_evidence_is_reachable():
    reached = {
        decide(Evidence(mailbox, page, forced)).status
        for mailbox, page, forced in product(MAILBOXES, PAGES, (None, True))
    }

    assert set(Status) - reached == {Status.SWITCHED_OFF, Status.NOT_LICENSED, Status.GONE}


def test_the_names_of_the_statuses_are_those_of_the_contract():
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
def test_the_reason_of_an_unknown_is_one_word_and_then_a_sentence(reason, detail):
    verdict = decide(Evidence(ABLE, Unknown(reason, detail)))

    assert verdict.reason in (f"{reason}: {detail}", str(reason))
    assert Unknown.parse(verdict.reason) == Unknown(reason, detail)
    assert str(reason) in ("throttled", "unreachable", "refused", "notUnderstood")


def test_a_text_without_a_known_reason_is_no_unknown():
    with pytest.raises(ValueError, match="tired"):
        Unknown.parse("tired: of asking")


@pytest.mark.parametrize("status", [404, 410, 500])
def test_a_page_that_is_not_set_up_tells_the_answer_it_was_told_by(status):
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
        (Evidence(NOT_LEARNED), ()),
    ],
)
def test_findings_stand_beside_the_status_and_never_change_it(evidence, findings):
    assert findings_of(evidence) == findings
