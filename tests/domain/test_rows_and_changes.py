"""How a look turns the old row into the next, and what of it is a change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.changes import ChangeKind, change_between
from atlas.domain.findings import Finding
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.pages import NoPage, PageFound, PublicType, SignInRequired
from atlas.domain.policy import Cause, PolicyVerdict, Scope, Verdict
from atlas.domain.scans import new_scan_id
from atlas.domain.statuses import Evidence, Status
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.user_rows import Observation, UserRow, gone_row, kept_row, next_row
from atlas.domain.users import LicensedUser

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
BASE = "https://outlook.office.com"
GUID = UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11")
OTHER_GUID = UUID("3ce92a50-0c6b-4d1e-8a61-3f1f5a0c7e22")
ADELE = LicensedUser(
    "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "AdeleV@login.example", "Adele Vance", mail="Adele@Mail.Example"
)
WHOLE = Mailbox(GUID, "Adele@Contoso.com", "UserMailbox", has_capability=True)
BARE = Mailbox(GUID)
PUBLIC = PageFound((PublicType("a1", "30 min", 30, True),))
SILENT = Unknown(Reason.UNREACHABLE, "no connection")
URL = f"{BASE}/bookwithme/user/{GUID.hex}@contoso.com"


def look(mailbox=WHOLE, page=PUBLIC, at=NOW, user=ADELE, **more):
    return Observation(user, Evidence(mailbox, page, **more), at, BASE)


def row_of(previous=None, scan_id="s1", **what):
    return next_row(previous, look(**what), scan_id)


def change(previous, row, *, scanned_before=True):
    return change_between(previous, row, LATER, scanned_before=scanned_before)


def kind(previous, row, **more):
    found = change(previous, row, **more)
    return found and found.kind


def test_a_page_that_responds_has_address_and_types():
    row = row_of(bookable=False)

    assert (row.status, row.url, row.bookable, row.scan_id) == (Status.PUBLISHED, URL, False, "s1")
    assert row.meeting_types is not None
    assert row.meeting_types[0].url == f"{URL}/meetingtype/a1?anonymous&ep=mlink"
    assert (row.last_known_status, row.last_known_at, row.checked_at) == (Status.PUBLISHED, NOW, NOW)
    assert row.findings == (Finding.NOTHING_BOOKABLE,)
    assert row.mailbox_guid == str(GUID)


@pytest.mark.parametrize(
    ("mailbox", "user", "domain"),
    [
        (WHOLE, ADELE, "contoso.com"),
        (BARE, ADELE, "mail.example"),
        (BARE, replace(ADELE, mail=None), "login.example"),
        (BARE, replace(ADELE, mail=""), "login.example"),
    ],
)
def test_the_domain_comes_from_smtp_mail_or_upn(mailbox, user, domain):
    assert row_of(mailbox=mailbox, user=user).url == URL.replace("contoso.com", domain)


@pytest.mark.parametrize("forced", [None, True])
def test_only_a_page_that_responded_has_an_address(forced):
    assert row_of(page=SignInRequired(), sign_in_forced=forced).url == URL
    assert row_of(page=PageFound(())).url == URL
    assert row_of(page=NoPage(404), sign_in_forced=forced).url is None
    assert row_of(mailbox=NoMailbox(), page=None).url is None


@pytest.mark.parametrize("silence", [{"page": SILENT}, {"mailbox": SILENT, "page": None}])
def test_an_unknown_keeps_what_was_known(silence):
    before = row_of()

    row = row_of(before, scan_id="s2", at=LATER, **silence)

    assert row.status is Status.UNKNOWN
    assert row.reason == "unreachable: no connection"
    assert (row.last_known_status, row.last_known_at) == (Status.PUBLISHED, NOW)
    assert (row.url, row.meeting_types) == (before.url, before.meeting_types)
    assert (row.mailbox_guid, row.primary_smtp_address) == (str(GUID), "Adele@Contoso.com")
    assert (row.checked_at, row.scan_id) == (LATER, "s2")


def test_an_unknown_after_an_unknown_still_keeps_it():
    row = row_of(row_of(row_of(), page=SILENT), mailbox=SILENT, page=None)

    assert (row.last_known_status, row.url) == (Status.PUBLISHED, URL)


def test_a_first_unknown_knows_nothing():
    row = row_of(page=SILENT)

    assert (row.status, row.last_known_status, row.url, row.meeting_types) == (Status.UNKNOWN, None, None, None)


def test_graph_alone_keeps_the_address_of_the_same_mailbox():
    row = row_of(row_of(), mailbox=BARE)

    assert (row.primary_smtp_address, row.recipient_type, row.url) == ("Adele@Contoso.com", "UserMailbox", URL)


def test_another_mailbox_drops_the_old_address():
    row = row_of(row_of(), mailbox=Mailbox(OTHER_GUID))

    assert (row.mailbox_guid, row.primary_smtp_address) == (str(OTHER_GUID), None)


def test_a_lost_mailbox_leaves_nothing():
    row = row_of(row_of(), mailbox=NoMailbox("MailUser"), page=None)

    assert (row.status, row.mailbox_guid, row.primary_smtp_address, row.url) == (Status.NO_MAILBOX, None, None, None)


UNTOLD = replace(WHOLE, has_capability=None)
LACKING = replace(WHOLE, has_capability=False)
LOST_SCAN_ERROR = "the Bookings plan was never assigned to the user"
OFF = PolicyVerdict(Verdict.OFF, Cause.BLOCK_LIST, Scope.ORGANIZATION, "blocked")
ON = PolicyVerdict(Verdict.ON, Cause.NOTHING, Scope.ORGANIZATION, "nothing forbids it")


@pytest.mark.parametrize("mailbox", [UNTOLD, BARE])
def test_earlier_results_of_exchange_stay_while_it_fails(mailbox):
    lacking = row_of(mailbox=LACKING, page=NoPage(404))
    off = row_of(page=NoPage(404), policy=OFF)
    hidden = row_of(page=NoPage(404), sign_in_forced=True)
    silence = {"mailbox": mailbox, "page": NoPage(404), "exchange_incomplete": True}

    befores = (lacking, off, hidden, row_of(off, page=SILENT), row_of(hidden, mailbox=SILENT, page=None))
    assert [row.last_known_status for row in befores[:3]] == ["noCapability", "switchedOff", "signInRequired"]
    for before in befores:
        after = row_of(before, at=LATER, **silence)
        assert (after.status, after.checked_at) == (before.last_known_status, LATER)
        assert "when Exchange could last be read" in (after.reason or "")
        assert change(before, after) is None
        assert row_of(after, **silence).status is before.last_known_status


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"mailbox": LACKING}, {"mailbox": WHOLE}, Status.NOT_SET_UP),
        ({"mailbox": LACKING}, {"mailbox": Mailbox(OTHER_GUID)}, Status.NOT_SET_UP),
        ({"sign_in_forced": True}, {"mailbox": UNTOLD, "sign_in_forced": False}, Status.NOT_SET_UP),
        ({"sign_in_forced": True}, {"mailbox": LACKING}, Status.NO_CAPABILITY),
        ({"mailbox": LACKING}, {"mailbox": UNTOLD, "sign_in_forced": True}, Status.NO_CAPABILITY),
        ({"sign_in_forced": True}, {"policy": OFF}, Status.SWITCHED_OFF),
        ({"policy": OFF}, {"mailbox": LACKING}, Status.NO_CAPABILITY),
        ({"policy": OFF}, {"mailbox": UNTOLD, "sign_in_forced": True}, Status.SWITCHED_OFF),
        ({"policy": OFF}, {"policy": ON}, Status.NOT_SET_UP),
        ({"policy": OFF}, {"policy": ON, "sign_in_forced": True}, Status.SIGN_IN_REQUIRED),
        ({"mailbox": LACKING}, {"mailbox": UNTOLD, "page": PUBLIC}, Status.PUBLISHED),
        ({"mailbox": LACKING}, {"mailbox": NoMailbox(), "page": None}, Status.NO_MAILBOX),
        ({"page": SignInRequired()}, {"mailbox": UNTOLD}, Status.NOT_SET_UP),
        ({}, {"mailbox": UNTOLD}, Status.NOT_SET_UP),
    ],
)
def test_new_results_replace_earlier_ones(before, after, expected):
    row = row_of(**{"page": NoPage(404), **before})

    assert row_of(row, **{"page": NoPage(404), "exchange_incomplete": True, **after}).status is expected


def test_nothing_is_carried_over_without_an_earlier_row():
    assert row_of(None, mailbox=UNTOLD, page=NoPage(404), exchange_incomplete=True).status is Status.NOT_SET_UP
    assert row_of(row_of(mailbox=LACKING, page=NoPage(404)), mailbox=BARE, page=NoPage(404)).status is Status.NOT_SET_UP


def test_only_scans_set_the_scan_id():
    assert row_of(row_of(scan_id="s1"), scan_id=None).scan_id == "s1"
    assert row_of(None, scan_id=None).scan_id is None


def test_a_gone_row_keeps_only_what_recognises_a_return():
    row = gone_row(row_of(bookable=False), LOST_SCAN_ERROR, LATER, "s2")

    assert row.user == LicensedUser(ADELE.user_id, ADELE.upn, ADELE.display_name)
    assert (row.mailbox_guid, row.primary_smtp_address, row.recipient_type, row.policy) == (None, None, None, None)
    assert row.reason == LOST_SCAN_ERROR
    assert (row.status, row.url, row.meeting_types, row.bookable, row.findings) == (Status.GONE, None, None, None, ())
    assert (row.last_known_status, row.last_known_at, row.checked_at, row.scan_id) == (Status.GONE, LATER, LATER, "s2")


PUBLISHED, EMPTY, HIDDEN = row_of(), row_of(page=PageFound(())), row_of(page=SignInRequired())
NOT_SET_UP, FORCED = row_of(page=NoPage(404)), row_of(page=NoPage(404), sign_in_forced=True)
NO_CAPABILITY = row_of(mailbox=replace(WHOLE, has_capability=False), page=NoPage(404))
NO_MAILBOX = row_of(mailbox=NoMailbox(), page=None)
MOVED = row_of(mailbox=replace(WHOLE, guid=OTHER_GUID))
SWITCHED_OFF = replace(NOT_SET_UP, status=Status.SWITCHED_OFF, last_known_status=Status.SWITCHED_OFF)
GONE = gone_row(PUBLISHED, LOST_SCAN_ERROR, NOW, "s1")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (NOT_SET_UP, PUBLISHED, ChangeKind.SET_UP),
        (NOT_SET_UP, HIDDEN, ChangeKind.SET_UP),
        (FORCED, HIDDEN, ChangeKind.SET_UP),
        (NO_MAILBOX, EMPTY, ChangeKind.SET_UP),
        (GONE, PUBLISHED, ChangeKind.SET_UP),
        (PUBLISHED, NOT_SET_UP, ChangeKind.WITHDRAWN),
        (EMPTY, NO_CAPABILITY, ChangeKind.WITHDRAWN),
        (HIDDEN, NO_MAILBOX, ChangeKind.WITHDRAWN),
        (PUBLISHED, MOVED, ChangeKind.URL_CHANGED),
        (EMPTY, MOVED, ChangeKind.URL_CHANGED),
        (PUBLISHED, SWITCHED_OFF, ChangeKind.SWITCHED_OFF),
        (NOT_SET_UP, SWITCHED_OFF, ChangeKind.SWITCHED_OFF),
        (PUBLISHED, GONE, ChangeKind.GONE),
        (NOT_SET_UP, GONE, ChangeKind.GONE),
        (PUBLISHED, EMPTY, ChangeKind.STATUS_CHANGED),
        (EMPTY, PUBLISHED, ChangeKind.STATUS_CHANGED),
        (PUBLISHED, HIDDEN, ChangeKind.STATUS_CHANGED),
        (PUBLISHED, FORCED, ChangeKind.STATUS_CHANGED),
        (NOT_SET_UP, NO_CAPABILITY, ChangeKind.STATUS_CHANGED),
        (GONE, NOT_SET_UP, ChangeKind.STATUS_CHANGED),
    ],
)
def test_each_transition_has_its_kind(before, after, expected):
    found = change(before, after)

    assert found is not None
    assert found.kind is expected
    assert (found.from_status, found.to_status) == (before.status, after.status)
    assert (found.previous_url, found.url) == (before.url, after.url)
    assert (found.user_id, found.upn, found.at, found.scan_id) == (ADELE.user_id, ADELE.upn, LATER, after.scan_id)


ROWS = (PUBLISHED, EMPTY, HIDDEN, NOT_SET_UP, FORCED, NO_CAPABILITY, NO_MAILBOX, MOVED, SWITCHED_OFF)


@pytest.mark.parametrize("row", [*ROWS, GONE])
def test_the_same_status_again_is_not_a_change(row):
    assert change(row, replace(row, checked_at=LATER, scan_id="s2", reason="otherwise put")) is None


@pytest.mark.parametrize("silence", [{"page": SILENT}, {"mailbox": SILENT, "page": None}])
def test_going_to_unknown_and_back_is_not_a_change(silence):
    before = row_of()
    unknown = row_of(before, **silence)
    back = row_of(unknown)

    assert change(before, unknown) is None
    assert change(unknown, back) is None


def test_a_change_during_an_unknown_is_detected_later():
    unknown = row_of(row_of(), page=SILENT)

    found = change(unknown, row_of(unknown, page=NoPage(404)))

    assert found is not None
    assert (found.kind, found.from_status, found.previous_url) == (ChangeKind.WITHDRAWN, Status.PUBLISHED, URL)


@pytest.mark.parametrize("before", [None, row_of(page=SILENT)])
def test_the_first_known_status_is_a_change_only_for_a_page(before):
    assert kind(before, PUBLISHED) is ChangeKind.SET_UP
    assert kind(before, PUBLISHED, scanned_before=False) is None
    assert kind(before, NOT_SET_UP) is None
    assert kind(before, FORCED) is None


LOOKS = st.lists(
    st.sampled_from(
        [
            {},
            {"page": PageFound(())},
            {"page": SignInRequired()},
            {"page": NoPage(404)},
            {"page": NoPage(404), "sign_in_forced": True},
            {"page": SILENT},
            {"mailbox": SILENT, "page": None},
            {"mailbox": NoMailbox(), "page": None},
            {"mailbox": BARE},
            {"mailbox": LACKING, "page": NoPage(404)},
            {"page": NoPage(404), "policy": OFF},
            {"mailbox": UNTOLD, "page": NoPage(404), "exchange_incomplete": True},
            {"mailbox": Mailbox(OTHER_GUID)},
        ]
    ),
    max_size=12,
)


@given(LOOKS)
def test_changes_describe_every_transition_once(looks):
    """Whoever follows the changes alone knows status and address as the rows do."""
    row: UserRow | None = None
    followed = None
    for what in looks:
        before, row = row, row_of(row, **what)
        found = change(before, row)
        if found and followed:
            assert (found.from_status, found.previous_url) == followed
        if found:
            assert (found.from_status, found.previous_url) != (found.to_status, found.url)
        if found or followed is None:
            followed = None if row.last_known_status is None else (row.last_known_status, row.url)
        assert followed == (None if row.last_known_status is None else (row.last_known_status, row.url))


SCAN_ID = new_scan_id(NOW, "0a1b2c3d")
RENAMED = replace(ADELE, upn="adele.vance@login.example", department="Legal")


def during_the_scan(hours):
    return NOW + timedelta(hours=hours)


def test_a_scan_keeps_what_a_lookup_stored_about_the_user_meanwhile():
    """The scan listed the user before the lookup, and probes her after it."""
    looked_up = row_of(scan_id=None, user=RENAMED, at=during_the_scan(1))

    row = row_of(looked_up, scan_id=SCAN_ID, page=NoPage(404), at=during_the_scan(3))

    assert (row.user, row.status, row.scan_id) == (RENAMED, Status.NOT_SET_UP, SCAN_ID)
    assert kept_row(looked_up, ADELE, SCAN_ID) == replace(looked_up, scan_id=SCAN_ID)


def test_a_scan_does_not_bring_back_a_user_who_is_gone_since_it_listed_users():
    gone = gone_row(row_of(scan_id=None), "the user was deleted", during_the_scan(1), None)

    assert row_of(gone, scan_id=SCAN_ID, at=during_the_scan(3)) == replace(gone, scan_id=SCAN_ID)


def test_a_user_who_was_gone_before_the_scan_returns():
    gone = gone_row(row_of(scan_id=None, at=during_the_scan(-9)), "the user was deleted", during_the_scan(-8), None)

    assert row_of(gone, scan_id=SCAN_ID, at=during_the_scan(3)).status is Status.PUBLISHED


def test_a_lookup_updates_the_user_that_a_scan_has_stored():
    row = row_of(row_of(scan_id=SCAN_ID, at=during_the_scan(1)), scan_id=None, user=RENAMED, at=during_the_scan(2))

    assert row.user == RENAMED
