"""Scans of the tenant: what callers may request, and what they receive."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field

from api.models.lists import DEFAULT_PAGE_SIZE, Page, PageSize
from api.models.parameters import Expected, Flag, Path, Query, Text
from api.models.responses import ADVANCED, IMPORTANT, INTERNAL, Moment, Response, enum_labels, labels_of
from atlas.domain.scans import Scan as StoredScan
from atlas.domain.scans import ScanState
from atlas.report.documents import scan_document

STATE_LABELS = enum_labels(labels_of(ScanState))


class ScanPath(Path):
    """The scan in the path of a route."""

    id: str = Field(title="Scan ID", description="The ID of the scan.")


class ScansQuery(Query):
    """The query parameters of the list of scans."""

    limit: PageSize = DEFAULT_PAGE_SIZE
    ended_after: Annotated[Text | None, Expected("the cursor of an earlier response")] = Field(
        None,
        description="The cursor of an earlier response, to request the scans that ended after it, the first to end "
        "first. Without it: recent scans, newest first, and the cursor to continue from.",
    )


class ScanQuery(Query):
    """How to respond while the scan is running."""

    is_asynchronous: Flag = Field(
        default=False,
        alias="async",
        title="Asynchronous",
        description="Whether to respond with 202 while the scan is running, and with 200 when it has ended.",
    )


class Scan(Response):
    """One scan of the tenant."""

    id: str = Field(title="Scan ID", description="The ID of the scan.")
    state: ScanState = Field(
        description="How far the scan has progressed, or how it ended.", json_schema_extra={**IMPORTANT, **STATE_LABELS}
    )
    trigger: str = Field(title="Started By", description="What started the scan: timer or http.")
    started_at: Moment = Field(description="When the scan started.")
    finished_at: Moment | None = Field(description="When the scan ended; empty while it is running.")
    users_listed: int | None = Field(description="The number of licensed users listed so far.")
    users_probed: int | None = Field(description="The number of users checked so far.")
    by_status: dict[str, int] | None = Field(description="The number of users with each status.")
    throttled_waits: int | None = Field(
        description="How many times a service made the scan wait.", json_schema_extra={**ADVANCED}
    )
    estimated_end: Moment | None = Field(
        description="When the scan will end at its current pace.", json_schema_extra={**ADVANCED}
    )
    warnings: list[str] = Field(description="Sentences that an administrator should read.")
    error: str | None = Field(description="Why the scan failed.")

    @classmethod
    def of(cls, scan: StoredScan) -> Self:
        """A scan of the log."""
        return cls.model_validate(scan_document(scan))


class ScanList(Page[Scan]):
    """Recent scans, newest first. With a cursor: scans that ended after it, in the order in which they ended."""

    model_config = ConfigDict(title="Scans")

    value: list[Scan] = Field(title="Scans", description="The scans on this page of the list.")
    cursor: str = Field(
        description="The value of endedAfter that requests the scans that end after these.",
        json_schema_extra={**INTERNAL},
    )
