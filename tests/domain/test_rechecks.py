"""A page that has been ``notSetUp`` for long is requested less often, and every condition of that counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.pages import NoPage, PageFound
from atlas.domain.policy import judge_policy
from atlas.domain.rechecks import CONDITIONS, SETTLED_AFTER, Known, may_keep
from atlas.domain.statuses import Evidence, Status
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.user_rows import Observation, UserRow, kept_row, next_row
from atlas.domain.users import LicensedUser

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
GUID = UUID(int=7)
USER = LicensedUser("00000007-0000-4000-8000-000000000000", "ada@contoso.com")
ALLOWED = EwsScope(Access.ALLOW)
BLOCKED = EwsScope(Access.BLOCK, policy="EnforceAllowList")
MAILBOX = Mailbox(GUID, "ada@contoso.com", "UserMailbox", has_capability=True)
ROW = UserRow(
    USER,
    Status.NOT_SET_UP,
    NOW - timedelta(days=3),
    mailbox_guid=str(GUID),
    policy=judge_policy(ALLOWED, None, NOW - timedelta(days=3)),
    status_since=NOW - timedelta(days=20),
)
KNOWN = Known(
    ROW,
    Evidence(MAILBOX, sign_in_forced=False, policy=judge_policy(ALLOWED, None, NOW)),
    NOW,
    timedelta(days=7),
)


def with_row(**changes):
    return replace(KNOWN, row=replace(ROW, **changes))


def with_evidence(**changes):
    return replace(KNOWN, evidence=replace(KNOWN.evidence, **changes))


def test_a_settled_row_is_kept():
    assert may_keep(KNOWN)


@pytest.mark.parametrize(
    ("known", "condition"),
    [
        (replace(KNOWN, recheck_after=timedelta(0)), "the row is not old enough"),
        (with_row(status=Status.UNKNOWN), "the row is notSetUp"),
        (with_row(status=Status.PUBLISHED), "the row is notSetUp"),
        (with_row(status_since=NOW - SETTLED_AFTER + timedelta(seconds=1)), "it has been for 14 days"),
        (with_row(status_since=None), "it has been for 14 days"),
        (with_row(checked_at=NOW - timedelta(days=7)), "the row is not old enough"),
        (with_row(checked_at=NOW + timedelta(hours=1)), "the clock did not go back"),
        (with_evidence(exchange_incomplete=True), "Exchange was read completely"),
        (with_evidence(mailbox=NoMailbox(None)), "the mailbox is the same"),
        (with_evidence(mailbox=Unknown(Reason.REFUSED)), "the mailbox is the same"),
        (with_evidence(mailbox=replace(MAILBOX, guid=UUID(int=8))), "the mailbox is the same"),
        (with_evidence(policy=judge_policy(BLOCKED, None, NOW)), "the policy is the same"),
        (with_evidence(policy=judge_policy(None, None, NOW)), "the policy is the same"),
        (with_evidence(mailbox=replace(MAILBOX, has_capability=False)), "no other rule applies"),
        (with_evidence(sign_in_forced=True), "no other rule applies"),
    ],
)
def test_a_page_is_requested_if_one_condition_does_not_hold(known, condition):
    assert not dict(CONDITIONS)[condition](known)
    assert not may_keep(known)


ONE_BROKEN = [
    with_row(status=Status.PUBLISHED),
    with_row(status_since=NOW),
    with_row(checked_at=NOW - timedelta(days=8)),
    with_row(checked_at=NOW + timedelta(hours=1)),
    with_evidence(exchange_incomplete=True),
    with_evidence(mailbox=replace(MAILBOX, guid=UUID(int=8))),
    with_evidence(policy=judge_policy(None, None, NOW)),
    with_evidence(mailbox=replace(MAILBOX, has_capability=False)),
]


def test_no_condition_is_redundant():
    """For each condition, there is a case that it alone decides."""
    broken = [[name for name, holds in CONDITIONS if not holds(known)] for known in ONE_BROKEN]

    assert broken == [[name] for name, _ in CONDITIONS]


@given(st.integers(1, 60), st.integers(0, 200))
def test_no_row_becomes_older_than_the_bound(days, start):
    """Scans every day: a row is never older than the setting and one interval."""
    row = replace(ROW, checked_at=NOW - timedelta(days=start))
    for day in range(100):
        now = NOW + timedelta(days=day)
        known = replace(KNOWN, row=row, now=now, recheck_after=timedelta(days=days))
        if may_keep(known):
            row = kept_row(row, USER, f"scan-{day}")
        else:
            observation = Observation(
                USER, replace(KNOWN.evidence, page=NoPage(404)), now, "https://outlook.office.com"
            )
            row = next_row(row, observation, f"scan-{day}")
        assert now - row.checked_at < timedelta(days=days)
        assert row.status is Status.NOT_SET_UP


def observe(previous, page, at):
    evidence = replace(KNOWN.evidence, page=page)
    return next_row(previous, Observation(USER, evidence, at, "https://outlook.office.com"), "scan")


def test_the_start_of_a_status_survives_unknown_and_ends_with_another_status():
    first = observe(None, NoPage(404), NOW)
    again = observe(first, Unknown(Reason.UNREACHABLE), NOW + timedelta(days=1))
    back = observe(again, NoPage(404), NOW + timedelta(days=2))
    page = observe(back, PageFound(()), NOW + timedelta(days=3))

    assert [one.status_since for one in (first, again, back)] == [NOW, NOW, NOW]
    assert page.status_since == NOW + timedelta(days=3)


def test_a_row_of_an_older_version_starts_with_its_last_observation():
    older = replace(observe(None, NoPage(404), NOW), status_since=None)

    assert observe(older, NoPage(404), NOW + timedelta(days=1)).status_since == NOW


def test_a_kept_row_changes_only_the_user_and_the_scan():
    renamed = replace(USER, upn="ada.lovelace@contoso.com")

    assert kept_row(ROW, renamed, "scan-2") == replace(ROW, user=renamed, scan_id="scan-2")
