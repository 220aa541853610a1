"""What the generic tables need to know about one kind of row and its changes."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from atlas.domain.changes import DatedChange
from atlas.tables.columns import Columns


@dataclass(frozen=True, slots=True)
class Kind[Row, Change: DatedChange]:
    """One kind of row and its changes. To store another kind, declare another instance."""

    table: str
    columns: Columns[Row]
    key_of: Callable[[Row], str]
    key_pattern: re.Pattern[str]
    """What a row key looks like; keys that callers send back in a cursor are checked against it."""
    changes_table: str
    change_columns: Columns[Change]
    changed_key_of: Callable[[Change], str]
    """The key of the row that changed."""
