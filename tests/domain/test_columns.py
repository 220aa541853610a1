"""Rows, changes and the census as columns: what is written is read back, and what is not known has no column."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.changes import Change, ChangeKind
from atlas.domain.findings import Finding
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.policy import Cause, Obstacle, OpenQuestion, PolicyVerdict, Scope, Verdict
from atlas.domain.statuses import Status
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.tables import census, census_columns
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.personal_bookings import KIND, meeting_types_text
from atlas.tables.rows import RowTable
from atlas.tables.user_index import mailbox_key, upn_key
from tests.domain.moments import MOMENTS

MOST_CODE_UNITS = 32 * 1024
TEXTS = st.text(max_size=30)
USERS = st.builds(
    LicensedUser,
    user_id=st.uuids().map(str),
    upn=st.text(min_size=1, max_size=30),
    display_name=st.none() | TEXTS,
    department=st.none() | TEXTS,
    mail=st.none() | TEXTS,
    account_enabled=st.none() | st.booleans(),
    user_type=st.none() | TEXTS,
)
TYPES = st.lists(
    st.builds(MeetingType, TEXTS, TEXTS, st.none() | st.integers(0, 999), st.none() | st.booleans(), TEXTS), max_size=3
).map(tuple)
ENTRIES = st.lists(TEXTS, max_size=3).map(tuple)
POLICIES = st.builds(
    PolicyVerdict,
    st.sampled_from(Verdict),
    st.sampled_from(Cause),
    st.sampled_from(Scope),
    TEXTS,
    st.none() | TEXTS,
    st.none() | TEXTS | st.booleans(),
    ENTRIES,
    st.booleans(),
    st.sets(st.sampled_from(OpenQuestion)).map(tuple),
    st.lists(st.builds(Obstacle, st.sampled_from(Scope), st.sampled_from(Cause), ENTRIES), max_size=3).map(tuple),
)
ROWS = st.builds(
    UserRow,
    user=USERS,
    status=st.sampled_from(Status),
    checked_at=MOMENTS,
    reason=st.none() | st.text(min_size=1, max_size=30),
    recipient_type=st.none() | TEXTS,
    primary_smtp_address=st.none() | TEXTS,
    mailbox_guid=st.none() | st.uuids().map(str),
    url=st.none() | st.text(min_size=1, max_size=30),
    meeting_types=st.none() | TYPES,
    bookable=st.none() | st.booleans(),
    policy=st.none() | POLICIES,
    findings=st.sets(st.sampled_from(Finding)).map(lambda found: tuple(sorted(found))),
    last_known_status=st.none() | st.sampled_from(Status),
    last_known_at=st.none() | MOMENTS,
    changed_at=st.none() | MOMENTS,
    scan_id=st.none() | TEXTS,
)
CHANGES = st.builds(
    Change,
    at=MOMENTS,
    kind=st.sampled_from(ChangeKind),
    user_id=st.uuids().map(str),
    upn=TEXTS,
    display_name=st.none() | TEXTS,
    department=st.none() | TEXTS,
    primary_smtp_address=st.none() | TEXTS,
    from_status=st.none() | st.sampled_from(Status),
    to_status=st.sampled_from(Status),
    url=st.none() | TEXTS,
    previous_url=st.none() | TEXTS,
    scan_id=st.none() | TEXTS,
)


STORE: Any = None  # columns are made and read without any storage
TABLE = RowTable(STORE, "tenant", KIND)


@given(ROWS, st.none() | CHANGES)
def test_a_row_survives_its_columns(row, pending):
    entity = TABLE.to_entity(row, pending)

    stored = TABLE.from_entity(entity)
    assert (stored.row, stored.pending_change) == (row, pending)
    assert None not in entity.values()
    assert (entity["PartitionKey"], entity["RowKey"]) == ("tenant", row.user.user_id)


@given(CHANGES)
def test_a_change_survives_its_columns(change):
    columns = KIND.change_columns.to_columns(change)
    feed = ChangeFeed(STORE, "tenant", KIND)

    assert KIND.change_columns.from_columns(columns) == change
    assert None not in columns.values()
    assert feed.key(KIND.change_columns.from_columns(columns)) == feed.key(change)


USER_ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
MAILBOXES = st.one_of(
    st.builds(Mailbox, st.uuids(), st.none() | TEXTS, st.none() | TEXTS, st.none() | st.booleans()),
    st.builds(NoMailbox, st.none() | TEXTS),
    st.builds(Unknown, st.sampled_from(Reason), TEXTS),
)


@given(MAILBOXES)
def test_a_mailbox_of_the_census_survives_its_column(mailbox):
    line = census_columns.to_line(census_columns.MAILBOX, (USER_ID, mailbox))

    assert "\n" not in line
    assert census_columns.user_id_of(line) == USER_ID
    assert census_columns.from_line(census_columns.MAILBOX, line) == (USER_ID, mailbox)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 1999)), min_size=2, max_size=2, unique=True))
def test_two_places_of_the_census_never_share_a_key(places):
    assert census.users_key(*places[0]) != census.users_key(*places[1])


def types(count, title):
    return tuple(MeetingType(str(n), title, 30, True, "https://x") for n in range(count))


@given(st.integers(0, 400), st.sampled_from(["plain", "ä" * 50, "📅" * 60, '"\\' * 50, "x" * 40_000]))
def test_a_list_of_meeting_types_always_fits_its_column(count, title):
    text, cut = meeting_types_text(types(count, title))

    assert len(text.encode("utf-16-le")) // 2 <= MOST_CODE_UNITS
    assert (cut is None) == (TABLE.from_entity(row_with(text)).row.meeting_types == types(count, title))


def row_with(text):
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    return {"RowKey": "x", "UserPrincipalName": "x", "Status": "unknown", "CheckedAt": moment, "MeetingTypes": text}


def test_the_reason_says_that_meeting_types_were_cut():
    row = UserRow(LicensedUser("id", "upn"), Status.PUBLISHED, datetime(2026, 11, 23, tzinfo=UTC))

    entity = TABLE.to_entity(replace(row, meeting_types=types(1000, "a rather long title of a meeting")))

    assert "meeting types are stored" in entity["Reason"]


FORBIDDEN = set("/\\#?%\t\n\r") | {chr(code) for code in [*range(0x20), *range(0x7F, 0xA0)]}


@given(st.text(max_size=100))
def test_any_upn_has_one_valid_key(upn):
    key = upn_key(upn)

    assert not set(key) & FORBIDDEN
    assert upn_key(upn.lower()) == key


@given(st.text(max_size=20), st.text(max_size=20))
def test_two_upns_never_share_a_key(one, other):
    assert (upn_key(one) == upn_key(other)) == (one.lower() == other.lower())


def test_the_keys_of_upns_and_mailboxes_never_meet():
    guid = str(UUID(int=1))

    assert upn_key(guid) != mailbox_key(guid) == mailbox_key(guid.upper())
