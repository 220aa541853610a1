"""The table ``ScanCheckpoints``: how far a scan by ``atlas scan`` has come. Only in the local file."""

import json
from collections.abc import Mapping
from typing import Any

from atlas.tables.store import TableStore

SCAN_CHECKPOINTS = "ScanCheckpoints"


class Checkpoints:
    """What a scan that was interrupted continues with. One that has ended has none."""

    def __init__(self, store: TableStore, tenant_id: str) -> None:
        self._store = store
        self._tenant_id = tenant_id

    async def save(self, scan_id: str, progress: Mapping[str, Any], selection: str) -> None:
        """Write how far the scan has come; ``selection`` identifies the users that it is limited to."""
        entity = {"PartitionKey": self._tenant_id, "RowKey": scan_id, "Selection": selection}
        await self._store.upsert(SCAN_CHECKPOINTS, {**entity, "Progress": json.dumps(progress)})

    async def get(self, scan_id: str, selection: str) -> Mapping[str, Any] | None:
        """Point read: how far a scan of the same users has come; ``None`` if that is not known."""
        entity = await self._store.get(SCAN_CHECKPOINTS, self._tenant_id, scan_id)
        if entity is None or entity["Selection"] != selection:
            return None
        progress: Mapping[str, Any] = json.loads(entity["Progress"])
        return progress

    async def delete(self, scan_id: str) -> None:
        """Remove what a scan that has ended left."""
        await self._store.delete(SCAN_CHECKPOINTS, self._tenant_id, scan_id)
