"""The table ``BookingsScans``: the scans, newest first, in the order of their ends, and the lock that admits one.

A scan that ends is written a second time, under a key that follows every earlier one, in the same transaction. Readers
who continue after the last key they saw therefore miss no scan and get none twice, whatever the writers' clocks say.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from atlas.domain.adoption import Adoption
from atlas.domain.cursors import from_cursor, to_cursor
from atlas.domain.records import MalformedRecord
from atlas.domain.scans import FINISHED, Scan, started_at_of
from atlas.tables.adoption import from_columns, to_columns
from atlas.tables.columns import Columns
from atlas.tables.ranges import first_key_after
from atlas.tables.store import Entity, RowChanged, StorageUnavailable, TableStore

log = logging.getLogger(__name__)

BOOKINGS_SCANS = "BookingsScans"
LOCK_KEY = "lock"
ADOPTION_KEY = "adoption"
FIRST_SCAN_KEY = "scan-"
AFTER_SCANS_KEY = "scan."
FIRST_END_KEY = "end-"
AFTER_ENDS_KEY = "end."
LAST_END_KEY = "last-end"
"""The row that counts the ends."""
END_FORM = re.compile(r"\d{14}")
NO_END = "0" * 14
MAX_MILLISECONDS = 9_999_999_999_999
LOCK_CHECK_SECONDS = 1.0
"""How long probes may rely on a check of the lock. One that has started may send requests for longer than this."""
ATTEMPTS = 10
"""How many times a conditional write is repeated after another writer changed the row."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Which scan holds the tenant."""

    scan_id: str
    since: datetime
    trigger: str
    is_started: bool = False
    """Whether its orchestration was started: if that is unknown to Durable now, it has ended."""
    is_stopping: bool = False
    """Whether the scan was stopped: its probes do nothing, but its orchestrations may not have ended yet."""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class EndedScans:
    """Some scans that have ended, in the order of their ends, the cursor to continue from, and whether more have."""

    scans: tuple[Scan, ...]
    cursor: str
    has_more: bool


SCAN_COLUMNS = Columns(Scan, as_json=("by_status", "warnings"), left_out=("estimated_end",))
LOCK_COLUMNS = Columns(Lock, left_out=("etag",))


class ScanLog:
    """The scans of one tenant. A scan whose row cannot be read is logged and left out."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id
        self._held: dict[str, tuple[float, asyncio.Future[bool]]] = {}
        """The scan whose lock was checked last, when, and whether it held the lock."""

    async def insert(self, scan: Scan) -> None:
        """Write a new scan; writing it again changes nothing."""
        try:
            await self._store.replace(BOOKINGS_SCANS, to_entity(scan, self._tenant_id), None)
        except RowChanged:  # a repeated insert, if the first response was lost
            return

    async def get(self, scan_id: str) -> Scan | None:
        """Point read: the key follows from the ID."""
        return (await self._get_version(scan_id))[0]

    async def update(self, scan_id: str, next_scan: Callable[[Scan], Scan]) -> tuple[Scan | None, bool]:
        """Change a scan that has not ended; an ended scan never changes again.

        Returns the scan as it is now, and whether this call changed it. Every write depends on the version read.
        """
        for _ in range(ATTEMPTS):
            scan, etag = await self._get_version(scan_id)
            if scan is None or scan.has_ended:
                return scan, False
            changed = next_scan(scan)
            try:
                if changed.has_ended:
                    await self._write_end(changed, etag)
                else:
                    await self._store.replace(BOOKINGS_SCANS, to_entity(changed, self._tenant_id), etag)
            except RowChanged:
                continue
            return changed, True
        raise StorageUnavailable(f"other writers changed the row of scan {scan_id} {ATTEMPTS} times in a row")

    async def iterate(self) -> AsyncIterator[Scan]:
        """Range read, newest first."""
        async for entity in self._store.iterate(BOOKINGS_SCANS, self._tenant_id, FIRST_SCAN_KEY, AFTER_SCANS_KEY):
            if scan := _scan_of(entity):
                yield scan

    async def end_cursor(self) -> str:
        """Point read: the cursor after every scan that has ended so far."""
        return to_cursor((await self._last_end())[0])

    async def ended_after(self, cursor: str, limit: int) -> EndedScans:
        """Range read: the scans that ended after a cursor, at most ``limit``. Raises ``InvalidCursor``."""
        last = from_cursor(cursor, END_FORM)
        scans: list[Scan] = []
        first = first_key_after(f"{FIRST_END_KEY}{last}")
        async for entity in self._store.iterate(BOOKINGS_SCANS, self._tenant_id, first, AFTER_ENDS_KEY):
            if len(scans) == limit:
                return EndedScans(tuple(scans), to_cursor(last), has_more=True)
            last = str(entity["RowKey"]).removeprefix(FIRST_END_KEY)
            if scan := _scan_of(entity):
                scans.append(scan)
        return EndedScans(tuple(scans), to_cursor(last), has_more=False)

    async def delete_ends_before(self, moment: datetime, limit: int) -> int:
        """Remove the oldest ends from before ``moment``, at most ``limit``; returns how many there were."""
        last = f"{FIRST_END_KEY}{_milliseconds(moment):014d}"
        page = await self._store.get_page(
            BOOKINGS_SCANS, self._tenant_id, FIRST_END_KEY, last, select=["RowKey"], size=min(limit, 1000)
        )
        await self._store.delete_all(BOOKINGS_SCANS, self._tenant_id, [row["RowKey"] for row in page.entities])
        return len(page.entities)

    async def last_finished(self) -> Scan | None:
        """The newest scan that read the complete list of licensed users."""
        async for scan in self.iterate():
            if scan.state in FINISHED and scan.covers_tenant:
                return scan
        return None

    async def save_adoption(self, adoption: Adoption) -> None:
        """Replace the numbers of the tenant."""
        keys = {"PartitionKey": self._tenant_id, "RowKey": ADOPTION_KEY}
        await self._store.upsert(BOOKINGS_SCANS, {**keys, **to_columns(adoption)})

    async def get_adoption(self) -> Adoption | None:
        """Point read of the numbers that the last scan counted; ``None``: no scan has, or they cannot be read."""
        entity = await self._store.get(BOOKINGS_SCANS, self._tenant_id, ADOPTION_KEY)
        try:
            return from_columns(entity) if entity else None
        except MalformedRecord as problem:
            log.warning("%s; the next scan replaces them", problem)
            return None

    async def delete(self, scan_id: str) -> None:
        """Remove a scan."""
        if key := scan_key(scan_id):
            await self._store.delete(BOOKINGS_SCANS, self._tenant_id, key)

    async def get_lock(self) -> Lock | None:
        """Point read of the lock."""
        entity = await self._store.get(BOOKINGS_SCANS, self._tenant_id, LOCK_KEY)
        if entity is None:
            return None
        etag = str(entity.metadata["etag"])
        try:
            return LOCK_COLUMNS.from_columns(entity, etag=etag)
        except MalformedRecord as problem:  # it cannot say whose it is, so no scan can hold or release it
            log.warning("the lock in %s cannot be read and is removed: %s", BOOKINGS_SCANS, problem)
            await self._store.delete(BOOKINGS_SCANS, self._tenant_id, LOCK_KEY, etag)
            return None

    async def holds_lock(self, scan_id: str) -> bool:
        """Whether this scan holds the lock and was not stopped."""
        lock = await self.get_lock()
        return lock is not None and lock.scan_id == scan_id and not lock.is_stopping

    async def held_lock_recently(self, scan_id: str) -> bool:
        """As ``holds_lock``, but all callers in this process share one read for ``LOCK_CHECK_SECONDS``."""
        now = asyncio.get_running_loop().time()
        checked_at, check = self._held.get(scan_id, (-LOCK_CHECK_SECONDS, None))
        if check is None or now - checked_at >= LOCK_CHECK_SECONDS or (check.done() and check.exception()):
            check = asyncio.ensure_future(self.holds_lock(scan_id))
            self._held = {scan_id: (now, check)}
        return await asyncio.shield(check)

    async def acquire_lock(self, scan: Scan, over: Lock | None) -> bool:
        """Acquire the lock if no scan holds it, or take over exactly the lock ``over``."""
        lock = Lock(scan.scan_id, scan.started_at, scan.trigger)
        try:
            await self._write_lock(lock, over.etag if over else None)
        except RowChanged:
            # A repeated insert finds our own row, if the first response was lost.
            held = await self.get_lock()
            return held is not None and held.scan_id == scan.scan_id
        return True

    async def mark_started(self, scan_id: str) -> None:
        """Record that the orchestration of the scan that holds the lock was started."""
        await self._change_lock(scan_id, lambda lock: replace(lock, is_started=True))

    async def mark_stopping(self, scan_id: str) -> None:
        """Record that the scan was stopped: from now on its probes do nothing, and no other scan can start yet."""
        await self._change_lock(scan_id, lambda lock: replace(lock, is_stopping=True))

    async def release_lock(self, scan_id: str) -> None:
        """Release the lock, if this scan holds it."""
        while (held := await self.get_lock()) and held.scan_id == scan_id:
            try:
                await self._store.delete(BOOKINGS_SCANS, self._tenant_id, LOCK_KEY, held.etag)
            except RowChanged:  # written since, by `mark_started` for example
                continue
            return

    async def _write_end(self, scan: Scan, etag: str | None) -> None:
        """Write a scan that has ended, and its place in the order of ends. Raises ``RowChanged``."""
        last, last_etag = await self._last_end()
        # At least the time, so that cursors from before a table was deleted and created again remain valid.
        number = f"{max(int(last) + 1, _milliseconds(scan.finished_at or scan.started_at)):014d}"
        entity = to_entity(scan, self._tenant_id)
        counter = {"PartitionKey": self._tenant_id, "RowKey": LAST_END_KEY, "LastEnd": number}
        end = entity | {"RowKey": f"{FIRST_END_KEY}{number}"}
        await self._store.replace_together(BOOKINGS_SCANS, [(entity, etag), (counter, last_etag), (end, None)])

    async def _last_end(self) -> tuple[str, str | None]:
        """The number of the newest end, and the ETag of its row."""
        entity = await self._store.get(BOOKINGS_SCANS, self._tenant_id, LAST_END_KEY)
        if entity is None:
            return NO_END, None
        number = str(entity.get("LastEnd"))
        return number if END_FORM.fullmatch(number) else NO_END, str(entity.metadata["etag"])

    async def _get_version(self, scan_id: str) -> tuple[Scan | None, str | None]:
        key = scan_key(scan_id)
        entity = await self._store.get(BOOKINGS_SCANS, self._tenant_id, key) if key else None
        return (_scan_of(entity), str(entity.metadata["etag"])) if entity else (None, None)

    async def _change_lock(self, scan_id: str, change: Callable[[Lock], Lock]) -> None:
        while (held := await self.get_lock()) and held.scan_id == scan_id:
            try:
                await self._write_lock(change(held), held.etag)
            except RowChanged:  # written since, or released
                continue
            return

    async def _write_lock(self, lock: Lock, etag: str | None) -> None:
        entity = LOCK_COLUMNS.to_columns(lock) | {"PartitionKey": self._tenant_id, "RowKey": LOCK_KEY}
        await self._store.replace(BOOKINGS_SCANS, entity, etag)


def scan_key(scan_id: str) -> str | None:
    """The row key of a scan, smaller the later it started; ``None`` if this is not a scan's ID."""
    started_at = started_at_of(scan_id)
    if started_at is None:
        return None
    return f"{FIRST_SCAN_KEY}{MAX_MILLISECONDS - _milliseconds(started_at):013d}-{scan_id[-8:]}"


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def to_entity(scan: Scan, tenant_id: str) -> Entity:
    """The row of a scan."""
    key = scan_key(scan.scan_id)
    if key is None:
        raise ValueError(f"{scan.scan_id} is not the ID of a scan")
    return {"PartitionKey": tenant_id, "RowKey": key, **SCAN_COLUMNS.to_columns(scan)}


def _scan_of(entity: Entity) -> Scan | None:
    try:
        return SCAN_COLUMNS.from_columns(entity)
    except MalformedRecord as problem:
        log.warning("a scan in %s cannot be read and is left out: %s", BOOKINGS_SCANS, problem)
        return None
