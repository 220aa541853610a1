"""Files that a spreadsheet opens rightly, whatever a person is called."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.csv_export import COLUMNS, FORMULA_PREFIXES, TooManyRows, cell, csv_file
from atlas.domain.statuses import Status
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TENANT = "6870e4a5-95e7-4126-b947-8d2e317823cd"


def row_of(display_name: str) -> UserRow:
    """A row of somebody with this name."""
    return UserRow(
        LicensedUser("0526f350-9d7b-4198-b3cb-447e3ce37992", "a@contoso.com", display_name), Status.UNKNOWN, AT
    )


async def some(*rows: UserRow) -> AsyncIterator[UserRow]:
    for row in rows:
        yield row


def read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def test_names_with_commas_quotes_and_line_breaks_come_back() -> None:
    name = 'Ödön "Ed" O\'Neill, Jr.\r\nSales'
    table = read(await csv_file(some(row_of(name)), TENANT, 10))

    assert table[0] == ["TenantId", "UserId", *COLUMNS]
    assert table[1][3] == name
    assert len(table) == 2


@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30))
def test_no_cell_begins_a_formula(text: str) -> None:
    assert not cell(text).startswith(FORMULA_PREFIXES)
    assert cell(text).removeprefix("'") == text.removeprefix("'")


async def test_more_rows_than_one_answer_should_hold_are_refused() -> None:
    with pytest.raises(TooManyRows, match="more than 1 rows"):
        await csv_file(some(row_of("A"), row_of("B")), TENANT, 1)
