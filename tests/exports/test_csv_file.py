"""CSV that a spreadsheet opens correctly and safely, whatever people and their meetings are called."""

import csv
import gzip
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.domain.shared_pages.holders import Holder, HolderKind
from atlas.domain.statuses import Status
from atlas.domain.user_rows import MeetingType, UserRow
from atlas.domain.users import LicensedUser
from atlas.exports.csv_file import COLUMNS, SHARED_PAGES, USERS, TooManyRows, cell, csv_file
from tests.domain.shared_pages.pages import HEALTHY

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
TENANT = "6870e4a5-95e7-4126-b947-8d2e317823cd"
SIGNS = "=+-@＝＋－＠"  # noqa: RUF001 - full-width signs are what this is about
TEXTS = st.text(st.sampled_from(f"{SIGNS};,\t\r\n \"'ab|"), max_size=12)


def row_of(display_name: str, title: str = "Coffee") -> UserRow:
    """A row of a user with this name and a meeting type with this title."""
    user = LicensedUser("0526f350-9d7b-4198-b3cb-447e3ce37992", "a@contoso.com", display_name)
    return UserRow(user, Status.PUBLISHED, AT, meeting_types=(MeetingType("1", title, 30, None, "https://x"),))


async def rows_of[Row](*rows: Row) -> AsyncIterator[Row]:
    for row in rows:
        yield row


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def fields_by(separator: str, content: bytes) -> list[str]:
    """The fields as a spreadsheet with this list separator finds them."""
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator)
    return [field for line in lines for field in line]


async def test_names_of_shared_pages_are_not_formulas() -> None:
    """Whoever may create pages chooses their names."""
    holder = Holder(kind=HolderKind.USER, access=(), display_name="a;=HYPERLINK(1)")
    page = replace(HEALTHY, display_name="=HYPERLINK(1)", created_by="+1@contoso.com", holders=(holder,))

    (row,) = read(await csv_file(rows_of(page), TENANT, 10, SHARED_PAGES))

    assert (row["DisplayName"], row["CreatedBy"]) == ("'=HYPERLINK(1)", "'+1@contoso.com")
    assert ";=" not in row["Holders"]
    assert json.loads(row["Holders"])[0]["display_name"] == "a;=HYPERLINK(1)"


async def test_names_with_commas_quotes_and_line_breaks_come_back() -> None:
    name = 'Ödön "Ed" O\'Neill, Jr.\r\nSales'
    content = await csv_file(rows_of(row_of(name)), TENANT, 10, USERS)
    (row,) = read(content)

    assert [*row] == ["TenantId", "UserId", *COLUMNS]
    assert row["DisplayName"] == name


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@given(name=TEXTS, title=TEXTS)
async def test_no_field_is_a_formula(separator: str, name: str, title: str) -> None:
    """Excel takes the list separator from the region, so a cell may be split at any of these."""
    content = await csv_file(rows_of(row_of(name, title)), TENANT, 10, USERS)

    formulas = [field for field in fields_by(separator, content) if field.lstrip(' \t\r\n"').startswith(tuple(SIGNS))]
    assert formulas == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("Adele;=1+1", "Adele;'=1+1"),
        ('Adele;" =1+1', "Adele;'\" =1+1"),
        ("Adele\t@SUM(A1)", "Adele\t'@SUM(A1)"),
        ("Adele\n-1", "Adele\n'-1"),
        ("＝1+1", "'＝1+1"),  # noqa: RUF001
        ("\tAdele", "'\tAdele"),
        ("Adele Vance-Smith; Sales", "Adele Vance-Smith; Sales"),
    ],
)
def test_a_formula_gets_an_apostrophe(text: str, written: str) -> None:
    assert cell("DisplayName", text) == written


@given(title=TEXTS)
async def test_json_keeps_its_meaning(title: str) -> None:
    content = await csv_file(rows_of(row_of("Adele", title)), TENANT, 10, USERS)
    (row,) = read(content)

    assert json.loads(row["MeetingTypes"])[0]["title"] == title
    assert not re.search(rf";[\s\"\\]*[{re.escape(SIGNS)}]", row["MeetingTypes"])


async def test_more_rows_than_allowed_are_rejected() -> None:
    with pytest.raises(TooManyRows, match="more than 1 rows"):
        await csv_file(rows_of(row_of("A"), row_of("B")), TENANT, 1, USERS)


async def test_a_compressed_file_is_the_same_file() -> None:
    plain = await csv_file(rows_of(row_of("Adele")), TENANT, 10, USERS)
    compressed = await csv_file(rows_of(row_of("Adele")), TENANT, 10, USERS, compressed=True)

    assert gzip.decompress(compressed) == plain
