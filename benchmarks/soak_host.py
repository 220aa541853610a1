"""The local host with its tables in a SQLite file: with Azurite, the largest tenants would measure Azurite."""

import contextlib
import os
import sys
from typing import Any

from atlas import wiring
from atlas.tables.sqlite_store import SqliteStore, open_sqlite
from local.host.__main__ import main

SQLITE_FILE = "SOAK_SQLITE_FILE"
"""The environment variable that names the file."""


class _SharedStore(SqliteStore):
    """Closed with the process: the app opens its tables once in each event loop."""

    async def aclose(self) -> None:
        """Leave the file open."""


def _open_tables(*_: Any) -> Any:
    store = _open.enter_context(open_sqlite(os.environ[SQLITE_FILE]))
    store.__class__ = _SharedStore
    return store


_open = contextlib.ExitStack()

if __name__ == "__main__":
    wiring.open_tables = _open_tables  # type: ignore[assignment,attr-defined]
    with _open:
        sys.exit(main())
