"""The health of the app: what callers receive."""

from datetime import datetime
from typing import Self

from pydantic import Field

from api.models.responses import IMPORTANT, Moment, Response, enum_labels, labels_of
from atlas.domain.scans import Scan as StoredScan
from atlas.domain.scans import ScanState
from atlas.domain.unknown import Reason
from atlas.health.checks import Check as CheckResult
from atlas.health.checks import Health as HealthResult
from atlas.health.checks import HealthStatus

PUBLIC_DETAILS: dict[Reason | None, str] = {
    Reason.REFUSED: "refused; see the app's log",
    Reason.THROTTLED: "throttled; see the app's log",
    Reason.UNREACHABLE: "did not respond; see the app's log",
    Reason.NOT_UNDERSTOOD: "returned a response that the app does not understand; see the app's log",
    None: "failed; see the app's log",
}
"""The parts of a failure that anonymous callers may see."""


class Check(Response):
    """One check of the app."""

    ok: bool | None = Field(description="Whether the check passed; empty if the settings turn it off.")
    detail: str = Field(description="What was found.")

    @classmethod
    def of(cls, check: CheckResult, *, is_public: bool) -> Self:
        """The outcome of a check. If ``is_public``, a failure's details are left out: they may describe the tenant."""
        is_failure = check.ok is False
        return cls(ok=check.ok, detail=PUBLIC_DETAILS[check.reason] if is_public and is_failure else check.detail)


class Checks(Response):
    """A check of everything that the app depends on."""

    sign_in: Check = Field(description="Whether the app can sign in.")
    graph: Check = Field(description="Whether Microsoft Graph responds.")
    exchange: Check = Field(description="Whether Exchange Online responds.")
    bookings: Check = Field(description="Whether the Bookings service responds.")
    tables: Check = Field(description="Whether the tables can be read.")


class LastScan(Response):
    """The last scan that finished."""

    id: str = Field(title="Scan ID", description="The ID of the scan.")
    state: ScanState = Field(description="How the scan ended.")
    finished_at: Moment | None = Field(description="When the scan ended.")
    age_seconds: int | None = Field(title="Age In Seconds", description="How many seconds ago that was.")

    @classmethod
    def of(cls, scan: StoredScan, now: datetime) -> Self:
        """A finished scan, with its age."""
        finished = scan.finished_at
        return cls(
            id=scan.scan_id,
            state=scan.state,
            finished_at=finished,
            age_seconds=None if finished is None else round((now - finished).total_seconds()),
        )


class Health(Response):
    """Whether the app is healthy, and why not."""

    status: HealthStatus = Field(
        description="Whether the app is healthy.",
        json_schema_extra={**IMPORTANT, **enum_labels(labels_of(HealthStatus))},
    )
    checks: Checks = Field(description="What the app depends on.")
    last_scan: LastScan | None = Field(description="The last scan that finished.")

    @classmethod
    def of(cls, health: HealthResult, now: datetime, *, is_public: bool = False) -> Self:
        """The health of the app, as of ``now``."""
        return cls(
            status=health.status,
            checks=Checks(
                sign_in=Check.of(health.sign_in, is_public=is_public),
                graph=Check.of(health.graph, is_public=is_public),
                exchange=Check.of(health.exchange, is_public=is_public),
                bookings=Check.of(health.bookings, is_public=is_public),
                tables=Check.of(health.tables, is_public=is_public),
            ),
            last_scan=health.last_scan and LastScan.of(health.last_scan, now),
        )
