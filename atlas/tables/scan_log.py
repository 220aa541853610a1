"""The table ``BookingsScans``: what is told of each scan, newest first, and the lock that lets one in at a time."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from atlas.domain.scans import FINISHED, Scan, ScanState, started_at_of
from atlas.tables.store import Entity, RowChanged, TableStore

BOOKINGS_SCANS = "BookingsScans"
LOCK_KEY = "lock"
FIRST_SCAN_KEY = "scan-"
AFTER_SCANS_KEY = "scan."
LATEST_MILLISECONDS = 9_999_999_999_999


@dataclass(frozen=True, slots=True)
class Lock:
    """Which scan holds the tenant."""

    scan_id: str
    since: datetime
    trigger: str
    is_started: bool
    """Whether its orchestration was started, so that one that is unknown now must have ended."""
    etag: str


class ScanLog:
    """The scans of one tenant."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def save(self, scan: Scan) -> None:
        """Write what is told of a scan."""
        await self._store.upsert(BOOKINGS_SCANS, to_entity(scan, self._tenant_id))

    async def get(self, scan_id: str) -> Scan | None:
        """Point read: the key follows from the id."""
        key = scan_key(scan_id)
        entity = await self._store.get(BOOKINGS_SCANS, self._tenant_id, key) if key else None
        return from_entity(entity) if entity else None

    async def iterate(self) -> AsyncIterator[Scan]:
        """Range read, newest first."""
        async for entity in self._store.iterate(BOOKINGS_SCANS, self._tenant_id, FIRST_SCAN_KEY, AFTER_SCANS_KEY):
            yield from_entity(entity)

    async def last_finished(self) -> Scan | None:
        """The newest scan that saw the whole list of licensed users: the first such of a range read."""
        async for scan in self.iterate():
            if scan.state in FINISHED:
                return scan
        return None

    async def delete(self, scan_id: str) -> None:
        """Remove what is told of a scan."""
        if key := scan_key(scan_id):
            await self._store.delete(BOOKINGS_SCANS, self._tenant_id, key)

    async def get_lock(self) -> Lock | None:
        """Point read of the lock."""
        entity = await self._store.get(BOOKINGS_SCANS, self._tenant_id, LOCK_KEY)
        if entity is None:
            return None
        since = datetime.fromisoformat(entity["Since"].isoformat())
        return Lock(entity["ScanId"], since, entity["Trigger"], entity["IsStarted"], str(entity.metadata["etag"]))

    async def take_lock(self, scan: Scan, over: Lock | None) -> bool:
        """Let this scan in, if no other is; with ``over``, in the place of that very lock."""
        try:
            await self._store.replace(BOOKINGS_SCANS, self._lock(scan), over.etag if over else None)
        except RowChanged:
            # A repeated insert finds our own row, when the first answer was lost on its way.
            held = await self.get_lock()
            return held is not None and held.scan_id == scan.scan_id
        return True

    async def mark_started(self, scan: Scan) -> None:
        """Note that the orchestration of the scan that holds the lock was started."""
        held = await self.get_lock()
        if held and held.scan_id == scan.scan_id:
            try:
                entity = {**self._lock(scan), "IsStarted": True}
                await self._store.replace(BOOKINGS_SCANS, entity, held.etag)
            except RowChanged:  # the scan was quick and has let go already
                return

    async def release_lock(self, scan_id: str) -> None:
        """Let go, if this scan holds the lock."""
        held = await self.get_lock()
        if held and held.scan_id == scan_id:
            try:
                await self._store.delete(BOOKINGS_SCANS, self._tenant_id, LOCK_KEY, held.etag)
            except RowChanged:  # written since: by `mark_started`, or by a scan that took over
                await self.release_lock(scan_id)

    def _lock(self, scan: Scan) -> Entity:
        return {
            "PartitionKey": self._tenant_id,
            "RowKey": LOCK_KEY,
            "ScanId": scan.scan_id,
            "Since": scan.started_at,
            "Trigger": scan.trigger,
            "IsStarted": False,
        }


def scan_key(scan_id: str) -> str | None:
    """The row key of a scan, smaller the later it started; ``None`` for a text that is no scan's id."""
    started_at = started_at_of(scan_id)
    if started_at is None:
        return None
    milliseconds = round(started_at.timestamp() * 1000)
    return f"{FIRST_SCAN_KEY}{LATEST_MILLISECONDS - milliseconds:013d}-{scan_id[-8:]}"


def to_entity(scan: Scan, tenant_id: str) -> Entity:
    """The columns of a scan; what is not known has no column."""
    columns = {
        "ScanId": scan.scan_id,
        "State": str(scan.state),
        "Trigger": scan.trigger,
        "StartedAt": scan.started_at,
        "FinishedAt": scan.finished_at,
        "UsersListed": scan.users_listed,
        "UsersProbed": scan.users_probed,
        "ByStatus": None if scan.by_status is None else json.dumps(dict(scan.by_status)),
        "ThrottledWaits": scan.throttled_waits,
        "Warnings": json.dumps(scan.warnings, ensure_ascii=False),
        "Error": scan.error,
    }
    known = {name: value for name, value in columns.items() if value is not None}
    return {"PartitionKey": tenant_id, "RowKey": scan_key(scan.scan_id) or "", **known}


def from_entity(entity: Mapping[str, Any]) -> Scan:
    """The scan that ``to_entity`` wrote."""
    finished_at = entity.get("FinishedAt")
    by_status = entity.get("ByStatus")
    return Scan(
        scan_id=entity["ScanId"],
        state=ScanState(entity["State"]),
        trigger=entity["Trigger"],
        started_at=_moment(entity["StartedAt"]),
        finished_at=_moment(finished_at) if finished_at else None,
        users_listed=entity.get("UsersListed"),
        users_probed=entity.get("UsersProbed"),
        by_status=json.loads(by_status) if by_status else None,
        throttled_waits=entity.get("ThrottledWaits"),
        warnings=tuple(json.loads(entity.get("Warnings", "[]"))),
        error=entity.get("Error"),
    )


def _moment(value: datetime) -> datetime:
    return datetime.fromisoformat(value.isoformat()).astimezone(UTC)
