"""Responses of the routes that list rows or changes: one page as JSON, or all rows as CSV."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from api.http_headers import RESPONSE_HEADERS
from api.json_responses import json_response, next_link
from api.models.lists import FeedPage, Page
from api.models.responses import Response
from api.problems import Problem, invalid_parameter, retry_later
from atlas.domain.changes import DatedChange
from atlas.domain.cursors import InvalidCursor
from atlas.exports.csv_file import CsvLayout, TooManyRows, csv_file, each
from atlas.tables.change_feed import ChangesPage, ServedChange
from atlas.tables.paging import ListPage

MAX_CSV_ROWS = 100_000
EXPORT_WAIT_SECONDS = 20
"""How long an export of a complete list waits for the previous one."""

_exporting = asyncio.Lock()


@dataclass(frozen=True, slots=True)
class CsvExport[Row]:
    """A list as a file: its columns and name, how to make it smaller, and where its rows come from."""

    tenant_id: str
    layout: CsvLayout[Row]
    file_name: str
    filters: str
    """The parameters that a caller may filter by if there are too many rows."""
    get_page: Callable[[], Coroutine[Any, Any, ListPage[Row]]]
    iterate: Callable[[], AsyncIterator[Row]]


async def page_of[Row](reading: Coroutine[Any, Any, ListPage[Row]]) -> ListPage[Row]:
    """The page that is being read. Raises ``Problem`` for an invalid continuation."""
    try:
        return await reading
    except InvalidCursor as error:
        raise Problem.of_field("invalidContinuation", "continuation", str(error)) from None


async def list_response[Row, Item: Response](
    req: func.HttpRequest,
    reading: Coroutine[Any, Any, ListPage[Row]],
    item: Callable[[Row], Item],
    model: type[Page[Item]],
) -> func.HttpResponse:
    """One page as JSON."""
    page = await page_of(reading)
    value, link = [*map(item, page.rows)], next_link(req, page.continuation)
    return json_response(model(value=value, continuation=page.continuation, next_link=link))


async def changes_response[Change: DatedChange, Item: Response](
    req: func.HttpRequest,
    reading: Coroutine[Any, Any, ChangesPage[Change]],
    is_requested: Callable[[Change], bool],
    item: Callable[[ServedChange[Change]], Item],
    model: type[FeedPage[Item]],
) -> func.HttpResponse:
    """The changes after a cursor, and the cursor to continue from."""
    try:
        page = await reading
    except InvalidCursor as error:
        raise Problem.of_field("invalidCursor", "since", str(error)) from None
    continuation = page.cursor if page.has_more else None
    return json_response(
        model(
            value=[item(served) for served in page.changes if is_requested(served.change)],
            continuation=continuation,
            next_link=next_link(req, continuation, "since"),
            cursor=page.cursor,
        )
    )


async def csv_response[Row](req: func.HttpRequest, export: CsvExport[Row], *, is_complete: bool) -> func.HttpResponse:
    """The complete list, or one page of it with a ``Link`` header to the next."""
    compressed = _accepts_gzip(req)
    headers = {**RESPONSE_HEADERS, "Content-Disposition": f'attachment; filename="{export.file_name}"'}
    if compressed:
        headers["Content-Encoding"] = "gzip"
    if is_complete:
        content = await _complete_csv(export, compressed=compressed)
    else:
        page = await page_of(export.get_page())
        content = await csv_file(each(page.rows), export.tenant_id, MAX_CSV_ROWS, export.layout, compressed=compressed)
        if link := next_link(req, page.continuation):
            headers["Link"] = f'<{link}>; rel="next"'
    return func.HttpResponse(content, headers=headers, mimetype="text/csv", charset="utf-8")


def accepted_form(req: func.HttpRequest) -> str:
    """CSV if the ``Accept`` header contains it and does not contain JSON."""
    accepted = req.headers.get("accept", "").lower()
    return "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"


async def _complete_csv[Row](export: CsvExport[Row], *, compressed: bool) -> bytes:
    """All rows that match; one export at a time, because a large one takes much memory."""
    try:
        async with asyncio.timeout(EXPORT_WAIT_SECONDS):
            await _exporting.acquire()
    except TimeoutError:
        raise retry_later("tooManyRequests", "another export is running") from None
    try:
        rows = export.iterate()
        return await csv_file(rows, export.tenant_id, MAX_CSV_ROWS, export.layout, compressed=compressed)
    except TooManyRows as error:
        advice = f"{error}: filter by {export.filters}, or request parts with limit and continuation"
        raise invalid_parameter("limit", advice) from None
    finally:
        _exporting.release()


def _accepts_gzip(req: func.HttpRequest) -> bool:
    codings = req.headers.get("accept-encoding", "").lower().split(",")
    return any(coding.replace(" ", "") in {"gzip", "gzip;q=1", "gzip;q=1.0"} for coding in codings)
