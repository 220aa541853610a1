"""Each change is published once, whatever fails between two steps, and older data never overwrites newer."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas.domain import user_rows
from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import NoPage, PageFound, PublicType
from atlas.domain.statuses import Evidence, Status
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.user_rows import Observation
from atlas.domain.users import LicensedUser
from atlas.pages.recording import record_gone, record_observation
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import PUBLISH_WITHIN, Outbox
from atlas.tables.personal_bookings import KIND
from atlas.tables.rows import RowTable
from atlas.tables.store import StorageUnavailable
from atlas.tables.user_index import UserIndex

TICK = timedelta(milliseconds=1)
"""The clock advances with every reading, as work takes time."""
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
ADELE = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "AdeleV@contoso.com")
MAILBOX = Mailbox(UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11"), "Adele@contoso.com")
WITH_PAGE = Evidence(MAILBOX, PageFound((PublicType("a1", "30 min", 30, None),)))
WITHOUT = Evidence(MAILBOX, NoPage(404))
UNKNOWN = Evidence(MAILBOX, Unknown(Reason.UNREACHABLE, "503"))
BASE = "https://outlook.office.com"


class Crash(Exception):
    """The process ended here."""


class Crashing:
    """A store that crashes before or after the write that follows a number of writes."""

    def __init__(self, store):
        self.store = store
        self.left = None
        self.after = False
        self.writes = []

    def __getattr__(self, name):
        method = getattr(self.store, name)
        if name not in {"insert", "replace", "merge", "upsert", "upsert_all", "delete", "delete_all"}:
            return method

        async def count_write(*args, **more):
            self.writes.append((name, args[0]))
            if self.left == 0 and not self.after:
                self.left = None
                raise Crash
            result = await method(*args, **more)
            if self.left == 0:
                self.left = None
                raise Crash
            if self.left is not None:
                self.left -= 1
            return result

        return count_write


class Recorder:
    """One user's row and its changes."""

    def __init__(self, store, tenant_id):
        self.store = Crashing(store)
        self.tenant_id = tenant_id
        self.now = NOW
        self.rows = RowTable(self.store, tenant_id, KIND)
        self.index = UserIndex(self.store, tenant_id)
        self.with_changes(ChangeFeed(self.store, tenant_id, KIND))

    def with_changes(self, changes):
        self.changes = changes
        self.outbox = Outbox(self.rows, changes, self.clock, self.index.add, self.index.remove)
        self.resources = SimpleNamespace(outbox=self.outbox)

    def clock(self):
        self.now += TICK
        return self.now

    async def record(self, evidence, stored=None, scan_id="s", at=None):
        stored = stored or await self.rows.get(ADELE.user_id)
        observation = Observation(ADELE, evidence, at or self.now, BASE)
        return await record_observation(self.resources, stored, observation, scan_id, scanned_before=True)

    async def published_changes(self):
        return [change async for _, change in ChangeFeed(self.store, self.tenant_id, KIND).iterate()]


@pytest.fixture
def recorder(store, tenant_id):
    return Recorder(store, tenant_id)


async def test_a_change_is_published_with_its_row(recorder):
    await recorder.record(WITHOUT)
    recorder.now += timedelta(days=1)
    row = await recorder.record(WITH_PAGE)

    (published,) = await recorder.published_changes()
    assert (published.kind, published.from_status) == ("setUp", Status.NOT_SET_UP)
    assert row.changed_at == published.at
    stored = await recorder.rows.get(ADELE.user_id)
    assert stored.row == row
    assert stored.pending_change is None


async def test_repeating_an_observation_publishes_nothing(recorder):
    for _ in range(3):
        await recorder.record(WITH_PAGE)

    assert len(await recorder.published_changes()) == 1


@pytest.mark.parametrize("pause", [timedelta(seconds=1), timedelta(hours=1)])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(4))
async def test_a_crash_at_any_step_publishes_once(recorder, step, after, pause):
    await recorder.record(WITHOUT)
    recorder.now += timedelta(days=1)
    recorder.store.left, recorder.store.after = step, after

    try:
        await recorder.record(WITH_PAGE)
    except Crash:
        recorder.now += pause
    recorder.store.left = None
    await recorder.record(WITH_PAGE)
    recorder.now += pause
    await recorder.record(WITH_PAGE)

    published = await recorder.published_changes()
    assert [one.kind for one in published] == ["setUp"]
    stored = await recorder.rows.get(ADELE.user_id)
    assert (stored.row.status, stored.pending_change) == (Status.PUBLISHED, None)
    assert await recorder.index.get_by_upn(ADELE.upn) == ADELE.user_id


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("second", range(4))
async def test_two_crashes_in_a_row_publish_once(recorder, step, after, second):
    await recorder.record(WITHOUT)
    for left in (step, second):
        recorder.now += timedelta(hours=1)
        recorder.store.left, recorder.store.after = left, after
        with suppress(Crash):
            await recorder.record(WITH_PAGE)
    recorder.store.left = None
    recorder.now += timedelta(hours=1)
    was_written = (await recorder.rows.get(ADELE.user_id)).row.status is Status.PUBLISHED
    await recorder.record(WITHOUT)

    assert [one.kind for one in await recorder.published_changes()] == (["setUp", "withdrawn"] if was_written else [])


async def test_a_late_change_gets_a_later_time(recorder):
    await recorder.record(WITHOUT)
    recorder.store.left, recorder.store.after = 0, True
    with pytest.raises(Crash):
        await recorder.record(WITH_PAGE)
    recorder.now += PUBLISH_WITHIN + timedelta(seconds=1)

    await recorder.record(WITH_PAGE)

    (published,) = await recorder.published_changes()
    assert recorder.now - published.at < timedelta(seconds=1)


async def test_a_faster_writer_causes_another_read(recorder):
    await recorder.record(WITHOUT)
    stored = await recorder.rows.get(ADELE.user_id)
    await recorder.record(WITH_PAGE)

    row = await recorder.record(WITH_PAGE, stored)

    assert row.status is Status.PUBLISHED
    assert len(await recorder.published_changes()) == 1


async def test_concurrent_writers_publish_one_change(recorder):
    await recorder.record(WITHOUT)
    recorder.now += timedelta(days=1)

    done = await asyncio.gather(*(recorder.record(WITH_PAGE) for _ in range(4)), return_exceptions=True)

    assert not [one for one in done if isinstance(one, Exception) and not isinstance(one, StorageUnavailable)]
    assert [one.kind for one in await recorder.published_changes()] == ["setUp"]


async def test_a_row_without_a_pending_change_is_not_written(recorder):
    await recorder.record(WITH_PAGE)
    stored = await recorder.rows.get(ADELE.user_id)
    written = len(recorder.store.writes)

    assert await recorder.outbox.publish_pending(stored) == stored
    assert len(recorder.store.writes) == written


MOMENTS = st.integers(0, 6)
OBSERVATIONS = st.lists(
    st.tuples(MOMENTS, st.sampled_from([WITH_PAGE, WITHOUT, UNKNOWN]), st.sampled_from([None, "scan-1", "scan-2"])),
    min_size=1,
    max_size=6,
)


@given(OBSERVATIONS, st.booleans())
@settings(max_examples=150)
def test_the_row_is_that_of_the_newest_observation_whatever_the_order(observations, is_gone_last):
    """Two writers interleave in any order, with late duplicates; only the first writer of a moment counts for it."""
    row, newest = None, None
    for seconds, evidence, scan_id in observations:
        at = NOW + timedelta(seconds=seconds)
        before = row
        row = user_rows.next_row(row, Observation(ADELE, evidence, at, BASE), scan_id)
        if newest is None or at >= newest:
            newest = at
        else:
            assert replace(row, scan_id=before.scan_id) == before
        assert row.checked_at == newest
        scans = [one for _, _, one in observations[: observations.index((seconds, evidence, scan_id)) + 1] if one]
        assert row.scan_id is None or row.scan_id >= max(scans, default="")
        assert before is None or (before.scan_id or "") <= (row.scan_id or "")
    if is_gone_last:
        late = user_rows.gone_row(row, "deleted", newest - timedelta(seconds=1), "scan-0")
        assert (late.status, late.scan_id) == (row.status, row.scan_id or "scan-0")
        assert user_rows.gone_row(row, "deleted", newest, "scan-3").status is Status.GONE


@pytest.mark.parametrize("order", [("probe", "lookup"), ("lookup", "probe")])
async def test_a_slow_probe_does_not_overwrite_a_later_lookup(recorder, order):
    """The probe began first and read no page; the lookup began later and found one."""
    began = {"probe": NOW, "lookup": NOW + timedelta(minutes=1)}
    found = {"probe": (WITHOUT, "scan-2"), "lookup": (WITH_PAGE, None)}
    await recorder.record(WITH_PAGE, scan_id="scan-1", at=NOW - timedelta(days=1))

    for writer in order:
        evidence, scan_id = found[writer]
        await recorder.record(evidence, scan_id=scan_id, at=began[writer])

    row = (await recorder.rows.get(ADELE.user_id)).row
    assert (row.status, row.checked_at, row.scan_id) == (Status.PUBLISHED, began["lookup"], "scan-2")
    kinds = [change.kind for change in await recorder.published_changes()]
    assert kinds == (["setUp", "withdrawn", "setUp"] if order[0] == "probe" else ["setUp"])


async def test_a_late_probe_of_an_older_scan_does_not_set_the_scan_back(recorder):
    await recorder.record(WITH_PAGE, scan_id="scan-2", at=NOW)

    row = await recorder.record(WITHOUT, scan_id="scan-1", at=NOW - timedelta(minutes=1))

    assert (row.status, row.scan_id, row.checked_at) == (Status.PUBLISHED, "scan-2", NOW)


async def test_gone_does_not_overwrite_a_user_who_is_licensed_again(recorder):
    await recorder.record(WITH_PAGE, at=NOW)
    listed = await recorder.rows.get(ADELE.user_id)
    asked_at = recorder.clock()
    await recorder.record(WITH_PAGE, at=recorder.now + timedelta(minutes=1))

    row = await record_gone(recorder.resources, listed, None, "s", asked_at)

    assert row.status is Status.PUBLISHED
    assert [change.kind for change in await recorder.published_changes()] == ["setUp"]


async def test_a_late_duplicate_changes_nothing(recorder):
    for _ in range(2):
        await recorder.record(WITH_PAGE, at=NOW, scan_id="scan-1")
    first = await recorder.rows.get(ADELE.user_id)

    await recorder.record(WITH_PAGE, at=NOW, scan_id="scan-1")

    assert (await recorder.rows.get(ADELE.user_id)).row == first.row
    assert len(await recorder.published_changes()) == 1


MALFORMED = [
    {"Status": "aStatusOfTomorrow"},
    {"Finding": "aFindingOfTomorrow"},
    {"MeetingTypes": "{"},
    {"Policy": '{"verdict": "maybe"}'},
    {"PendingChange": "not json"},
    {"LastKnownAt": "yesterday"},
    {"UserPrincipalName": None},
    {"CheckedAt": None},
]


@pytest.mark.parametrize("columns", MALFORMED)
async def test_the_next_probe_overwrites_a_malformed_row(recorder, columns):
    await recorder.record(WITHOUT)
    await spoil(recorder, columns)

    assert await recorder.rows.get(ADELE.user_id) is None
    row = await recorder.record(WITH_PAGE)

    assert (await recorder.rows.get(ADELE.user_id)).row == row
    assert row.status is Status.PUBLISHED


async def spoil(recorder, columns):
    """Change columns of the row as a newer version or another program could; ``None`` removes one."""
    entity = await recorder.store.get("PersonalBookings", recorder.tenant_id, ADELE.user_id)
    changed = {name: value for name, value in {**entity, **columns}.items() if value is not None}
    await recorder.store.upsert("PersonalBookings", changed)


class SlowChanges:
    """A feed whose writes never finish while ``is_slow``."""

    def __init__(self, changes):
        self.changes = changes
        self.is_slow = True
        self.exists = changes.exists

    async def insert(self, change):
        if self.is_slow:
            await asyncio.Event().wait()
        await self.changes.insert(change)


@pytest.fixture
def slow(recorder, monkeypatch):
    """Publishing never finishes, and the time limit is short."""
    monkeypatch.setattr("atlas.tables.outbox.PUBLISH_WITHIN", 400 * TICK)
    recorder.with_changes(SlowChanges(recorder.changes))
    return recorder.changes


@pytest.mark.parametrize("pause", [TICK, timedelta(hours=1)])
async def test_an_abandoned_change_is_published_by_the_next_reader(recorder, slow, pause):
    await recorder.record(WITHOUT)
    row = await recorder.record(WITH_PAGE)
    left = await recorder.rows.get(ADELE.user_id)
    published = await recorder.published_changes()
    slow.is_slow = False
    recorder.now += pause
    read_at = recorder.now

    await recorder.record(WITH_PAGE)

    assert row.status is Status.PUBLISHED
    assert (published, left.pending_change.kind) == ([], "setUp")
    (change,) = await recorder.published_changes()
    assert read_at - change.at < 400 * TICK
    assert (await recorder.rows.get(ADELE.user_id)).pending_change is None


@pytest.mark.parametrize("pause", [TICK, timedelta(hours=1)])
async def test_a_pending_change_is_never_overwritten(recorder, slow, pause):
    await recorder.record(WITHOUT)
    await recorder.record(WITH_PAGE)
    recorder.now += pause

    with pytest.raises(StorageUnavailable, match="change"):
        await recorder.record(WITHOUT)
    left = await recorder.rows.get(ADELE.user_id)
    slow.is_slow = False
    await recorder.record(WITHOUT)

    assert (left.row.status, left.pending_change.kind) == (Status.PUBLISHED, "setUp")
    assert [one.kind for one in await recorder.published_changes()] == ["setUp", "withdrawn"]


async def test_a_change_is_never_published_behind_a_cursor(recorder, slow):
    slow.is_slow = False
    await recorder.record(WITHOUT)
    slow.is_slow = True
    await recorder.record(WITH_PAGE)
    slow.is_slow = False
    recorder.now += timedelta(hours=1)
    mark_pending = recorder.rows.mark_pending

    async def slowly(*args):
        recorder.now += timedelta(hours=1)
        return await mark_pending(*args)

    recorder.rows.mark_pending = slowly
    stored = await recorder.outbox.publish_pending(await recorder.rows.get(ADELE.user_id))

    assert stored.pending_change is not None
    assert stored == await recorder.rows.get(ADELE.user_id)
    assert await recorder.published_changes() == []
