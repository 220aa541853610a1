"""The table ``BookingsScans``: each scan, newest first, and the lock that only one scan holds at a time."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from azure.data.tables import TableEntity

from atlas.domain.records import MalformedRecord
from atlas.domain.scans import FINISHED, Scan, started_at_of
from atlas.tables.columns import Columns
from atlas.tables.store import Entity, RowChanged, TableStore

BOOKINGS_SCANS = "BookingsScans"
LOCK_KEY = "lock"
FIRST_SCAN_KEY = "scan-"
AFTER_SCANS_KEY = "scan."
LATEST_MILLISECONDS = 9_999_999_999_999
SCAN_COLUMNS = Columns(Scan, as_json=("by_status", "warnings"), left_out=("estimated_end",))

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lock:
    """Which scan holds the lock."""

    scan_id: str
    since: datetime
    trigger: str
    is_started: bool
    """Whether its orchestration was started; if so, one that is unknown now must have ended."""
    etag: str


LOCK_COLUMNS = Columns(Lock, left_out=("etag",))


class ScanLog:
    """The scans of one tenant. Scans that cannot be read are logged and treated as absent."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def save(self, scan: Scan) -> None:
        """Write the row of a scan."""
        await self._store.upsert(BOOKINGS_SCANS, to_entity(scan, self._tenant_id))

    async def get(self, scan_id: str) -> Scan | None:
        """Point read: the key follows from the ID."""
        key = scan_key(scan_id)
        entity = await self._store.get(BOOKINGS_SCANS, self._tenant_id, key) if key else None
        return _read(entity) if entity else None

    async def iterate(self) -> AsyncIterator[Scan]:
        """Range read, newest first."""
        async for entity in self._store.iterate(BOOKINGS_SCANS, self._tenant_id, FIRST_SCAN_KEY, AFTER_SCANS_KEY):
            if scan := _read(entity):
                yield scan

    async def last_finished(self) -> Scan | None:
        """The newest scan that saw the whole list of licensed users: the first such of a range read."""
        async for scan in self.iterate():
            if scan.state in FINISHED:
                return scan
        return None

    async def delete(self, scan_id: str) -> None:
        """Remove the row of a scan."""
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

    async def take_lock(self, scan: Scan, over: Lock | None) -> bool:
        """Acquire the lock if no scan holds it or, with ``over``, if it is still that very lock."""
        try:
            await self._store.replace(BOOKINGS_SCANS, self._lock(scan), over.etag if over else None)
        except RowChanged:
            # A repeated insert finds our own row if the first response was lost.
            held = await self.get_lock()
            return held is not None and held.scan_id == scan.scan_id
        return True

    async def mark_started(self, scan: Scan) -> None:
        """Record that the orchestration of the scan that holds the lock was started."""
        held = await self.get_lock()
        if held and held.scan_id == scan.scan_id:
            try:
                entity = {**self._lock(scan), "IsStarted": True}
                await self._store.replace(BOOKINGS_SCANS, entity, held.etag)
            except RowChanged:  # the scan was quick and has released the lock already
                return

    async def release_lock(self, scan_id: str) -> None:
        """Release the lock if this scan holds it."""
        held = await self.get_lock()
        if held and held.scan_id == scan_id:
            try:
                await self._store.delete(BOOKINGS_SCANS, self._tenant_id, LOCK_KEY, held.etag)
            except RowChanged:  # written since: by `mark_started`, or by a scan that took over
                await self.release_lock(scan_id)

    def _lock(self, scan: Scan) -> Entity:
        lock = Lock(scan.scan_id, scan.started_at, scan.trigger, is_started=False, etag="")
        return {"PartitionKey": self._tenant_id, "RowKey": LOCK_KEY, **LOCK_COLUMNS.to_columns(lock)}


def _read(entity: TableEntity) -> Scan | None:
    try:
        return SCAN_COLUMNS.from_columns(entity)
    except MalformedRecord as problem:
        log.warning("a row of %s cannot be read and is left out: %s", BOOKINGS_SCANS, problem)
        return None


def scan_key(scan_id: str) -> str | None:
    """The row key of a scan, smaller the later it started; ``None`` if the text is not the ID of a scan."""
    started_at = started_at_of(scan_id)
    if started_at is None:
        return None
    milliseconds = round(started_at.timestamp() * 1000)
    return f"{FIRST_SCAN_KEY}{LATEST_MILLISECONDS - milliseconds:013d}-{scan_id[-8:]}"


def to_entity(scan: Scan, tenant_id: str) -> Entity:
    """The row of a scan."""
    key = scan_key(scan.scan_id)
    if key is None:
        raise ValueError(f"{scan.scan_id} is not the ID of a scan")
    return {"PartitionKey": tenant_id, "RowKey": key, **SCAN_COLUMNS.to_columns(scan)}
