"""A complete CSV export takes much memory, so a second one waits for the first, and not for ever."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import azure.functions as func
import pytest

from api import list_responses
from api.list_responses import CsvExport, csv_response
from api.problems import Problem
from atlas.domain.user_rows import UserRow
from atlas.exports.csv_file import USERS

REQUEST = func.HttpRequest("GET", "https://app/api/users.csv", body=b"")


class Rows:
    """An empty list whose end a test decides."""

    def __init__(self) -> None:
        self.is_read = asyncio.Event()
        self.ends = asyncio.Event()
        self.failure: Exception | None = None

    async def iterate(self) -> AsyncIterator[UserRow]:
        self.is_read.set()
        await self.ends.wait()
        if self.failure:
            raise self.failure
        for row in ():
            yield row

    def export(self, *, is_complete: bool = True) -> Any:
        async def no_page() -> NoReturn:
            raise AssertionError("a complete export reads no page")

        export = CsvExport("72f988bf", USERS, "users.csv", "status", no_page, self.iterate)
        return asyncio.ensure_future(csv_response(REQUEST, export, is_complete=is_complete))


@pytest.fixture(autouse=True)
def lock(monkeypatch: pytest.MonkeyPatch) -> asyncio.Lock:
    """A lock of the test's own event loop."""
    lock = asyncio.Lock()
    monkeypatch.setattr(list_responses, "_exporting", lock)
    return lock


async def test_a_second_export_waits_for_the_first() -> None:
    first, second = Rows(), Rows()
    first_export, second_export = first.export(), second.export()
    await first.is_read.wait()
    second.ends.set()
    for _ in range(10):
        await asyncio.sleep(0)

    assert not second.is_read.is_set()
    first.ends.set()
    assert [(await first_export).status_code, (await second_export).status_code] == [200, 200]


async def test_an_export_that_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Rows()
    first_export = first.export()
    await first.is_read.wait()
    monkeypatch.setattr(list_responses, "EXPORT_WAIT_SECONDS", 0)

    with pytest.raises(Problem) as refusal:
        await Rows().export()

    assert refusal.value.code == "tooManyRequests"
    assert int(refusal.value.headers["Retry-After"]) >= 1
    first.ends.set()
    assert (await first_export).status_code == 200


@pytest.mark.parametrize("ending", ["failure", "cancellation"])
async def test_an_export_that_ends_early_lets_the_next_one_run(lock: asyncio.Lock, ending: str) -> None:
    first, second = Rows(), Rows()
    first_export = first.export()
    await first.is_read.wait()
    first.failure = OSError("storage is away")
    if ending == "cancellation":
        first_export.cancel()
    first.ends.set()
    with pytest.raises((OSError, asyncio.CancelledError)):
        await first_export

    second.ends.set()
    assert not lock.locked()
    assert (await second.export()).status_code == 200
