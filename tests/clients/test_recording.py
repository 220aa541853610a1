"""A change is told once, whatever breaks between two steps of writing it."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import NoPage, PageFound, PublicType
from atlas.domain.statuses import Evidence, Status
from atlas.domain.user_rows import Observation
from atlas.domain.users import LicensedUser
from atlas.pages.recording import record_observation
from atlas.tables.change_feed import ChangeFeed
from atlas.tables.outbox import PUBLISH_WITHIN, Outbox
from atlas.tables.personal_bookings import KIND
from atlas.tables.rows import RowTable
from atlas.tables.store import StorageUnavailable
from atlas.tables.user_index import UserIndex

TICK = timedelta(milliseconds=1)
"""Every look at the clock finds it later: what is done takes time."""
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
ADELE = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "AdeleV@contoso.com")
MAILBOX = Mailbox(UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11"), "Adele@contoso.com")
WITH_PAGE = Evidence(MAILBOX, PageFound((PublicType("a1", "30 min", 30, None),)))
WITHOUT = Evidence(MAILBOX, NoPage(404))


class Crash(Exception):
    """The process ended here."""


class Crashing:
    """A store that lets so many writes pass and then crashes, before or after the next one."""

    def __init__(self, store):
        self.store = store
        self.left = None
        self.after = False
        self.writes = []

    def __getattr__(self, name):
        method = getattr(self.store, name)
        if name not in {"insert", "replace", "merge", "upsert", "upsert_all", "delete", "delete_all"}:
            return method

        async def counted(*args, **more):
            self.writes.append((name, args[0]))
            if self.left == 0 and not self.after:
                self.left = None
                raise Crash
            answer = await method(*args, **more)
            if self.left == 0:
                self.left = None
                raise Crash
            if self.left is not None:
                self.left -= 1
            return answer

        return counted


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
        observation = Observation(ADELE, evidence, at or self.now, "https://outlook.office.com")
        return await record_observation(self.resources, stored, observation, scan_id, scanned_before=True)

    async def published(self):
        return [change async for _, change in ChangeFeed(self.store, self.tenant_id, KIND).iterate()]


@pytest.fixture
def recorder(store, tenant_id):
    return Recorder(store, tenant_id)


async def test_a_change_is_told_with_the_row(recorder):
    await recorder.record(WITHOUT)
    recorder.now += timedelta(days=1)
    row = await recorder.record(WITH_PAGE)

    (told,) = await recorder.published()
    assert (told.kind, told.from_status) == ("setUp", Status.NOT_SET_UP)
    assert row.changed_at == told.at
    stored = await recorder.rows.get(ADELE.user_id)
    assert stored.row == row
    assert stored.pending_change is None


async def test_the_same_again_tells_nothing(recorder):
    for _ in range(3):
        await recorder.record(WITH_PAGE)

    assert len(await recorder.published()) == 1


@pytest.mark.parametrize("pause", [timedelta(seconds=1), timedelta(hours=1)])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(4))
async def test_a_crash_at_any_step_loses_and_doubles_no_change(recorder, step, after, pause):
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

    told = await recorder.published()
    assert [one.kind for one in told] == ["setUp"]
    stored = await recorder.rows.get(ADELE.user_id)
    assert (stored.row.status, stored.pending_change) == (Status.PUBLISHED, None)
    assert await recorder.index.get_by_upn(ADELE.upn) == ADELE.user_id


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("second", range(4))
async def test_two_crashes_in_a_row_lose_and_double_no_change(recorder, step, after, second):
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

    assert [one.kind for one in await recorder.published()] == (["setUp", "withdrawn"] if was_written else [])


async def test_a_change_that_is_told_late_is_told_at_that_later_time(recorder):
    await recorder.record(WITHOUT)
    recorder.store.left, recorder.store.after = 0, True
    with pytest.raises(Crash):
        await recorder.record(WITH_PAGE)
    recorder.now += PUBLISH_WITHIN + timedelta(seconds=1)

    await recorder.record(WITH_PAGE)

    (told,) = await recorder.published()
    assert recorder.now - told.at < timedelta(seconds=1)


async def test_whoever_comes_between_is_read_and_judged_again(recorder):
    await recorder.record(WITHOUT)
    stored = await recorder.rows.get(ADELE.user_id)
    await recorder.record(WITH_PAGE)

    row = await recorder.record(WITH_PAGE, stored)

    assert row.status is Status.PUBLISHED
    assert len(await recorder.published()) == 1


async def test_many_who_write_at_once_tell_one_change(recorder):
    await recorder.record(WITHOUT)
    recorder.now += timedelta(days=1)

    done = await asyncio.gather(*(recorder.record(WITH_PAGE) for _ in range(4)), return_exceptions=True)

    assert not [one for one in done if isinstance(one, Exception) and not isinstance(one, StorageUnavailable)]
    assert [one.kind for one in await recorder.published()] == ["setUp"]


async def test_a_row_without_a_change_that_waits_is_left_alone(recorder):
    await recorder.record(WITH_PAGE)
    stored = await recorder.rows.get(ADELE.user_id)
    written = len(recorder.store.writes)

    assert await recorder.outbox.publish_pending(stored) == stored
    assert len(recorder.store.writes) == written


class SlowChanges:
    """Changes that take for ever to write while ``is_slow``."""

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
    """Telling takes for ever, and patience is short."""
    monkeypatch.setattr("atlas.tables.outbox.PUBLISH_WITHIN", 400 * TICK)
    recorder.with_changes(SlowChanges(recorder.changes))
    return recorder.changes


@pytest.mark.parametrize("pause", [TICK, timedelta(hours=1)])
async def test_a_change_that_takes_too_long_to_tell_is_told_by_whoever_reads_the_row_next(recorder, slow, pause):
    await recorder.record(WITHOUT)
    row = await recorder.record(WITH_PAGE)
    left = await recorder.rows.get(ADELE.user_id)
    told = await recorder.published()
    slow.is_slow = False
    recorder.now += pause
    read_at = recorder.now

    await recorder.record(WITH_PAGE)

    assert row.status is Status.PUBLISHED
    assert (told, left.pending_change.kind) == ([], "setUp")
    (change,) = await recorder.published()
    assert read_at - change.at < 400 * TICK
    assert (await recorder.rows.get(ADELE.user_id)).pending_change is None


@pytest.mark.parametrize("pause", [TICK, timedelta(hours=1)])
async def test_a_change_that_is_not_told_yet_is_never_written_over(recorder, slow, pause):
    await recorder.record(WITHOUT)
    await recorder.record(WITH_PAGE)
    recorder.now += pause

    with pytest.raises(StorageUnavailable, match="change"):
        await recorder.record(WITHOUT)
    left = await recorder.rows.get(ADELE.user_id)
    slow.is_slow = False
    await recorder.record(WITHOUT)

    assert (left.row.status, left.pending_change.kind) == (Status.PUBLISHED, "setUp")
    assert [one.kind for one in await recorder.published()] == ["setUp", "withdrawn"]


async def test_a_change_whose_new_time_took_long_to_note_is_not_told_behind_a_reader(recorder, slow):
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
    assert await recorder.published() == []
