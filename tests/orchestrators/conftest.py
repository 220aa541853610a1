"""The orchestrators of a scan, as plain generators, over activities that a test scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from atlas.domain.buckets import USERS_PER_PAGE
from orchestrators import names, scan_page, scan_tenant
from tests.orchestrators.fake_context import Engine, Instance

SCAN_ID = "scan-20261123T030000000-0a1b2c3d"

SHARED_STEPS = (
    names.BEGIN_CREATOR_SEARCH,
    names.LIST_BUSINESSES,
    names.LIST_SHARED_MAILBOXES,
    names.COMPARE_SHARED_NAMES,
    names.INSPECT_SHARED_PAGES,
    names.MARK_SHARED_PAGES_GONE,
    names.FIND_CREATORS,
)


def orchestrator_of(builder: Any) -> Callable[[Any], Any]:
    return builder.build().get_user_function().orchestrator_function


ORCHESTRATORS = {
    names.SCAN_TENANT: orchestrator_of(scan_tenant.scan_tenant),
    names.SCAN_PAGE: orchestrator_of(scan_page.scan_page),
}


def failure(retry: str, wait_seconds: float | None = None, problem: str = "it failed") -> dict[str, Any]:
    """The result of a step that failed."""
    return {"failure": {"problem": problem, "retry": retry, "wait_seconds": wait_seconds}}


class Tenant:
    """Activities over pages of users. A test scripts results; when they are used up, activities succeed.

    The listing has as many pages as there are to probe, each as large as one; what is then joined may be fewer users.
    """

    def __init__(self, *pages: int) -> None:
        self.pages = pages
        self.organization: list[dict[str, Any]] = []
        self.mailboxes: list[dict[str, Any]] = []
        self.policies: list[dict[str, Any]] = []
        self.users: list[dict[str, Any]] = []
        self.joins: list[dict[str, Any]] = []
        self.probes: list[dict[str, Any]] = []
        self.gone: list[dict[str, Any]] = []
        self.shared: dict[str, list[dict[str, Any]]] = {}
        """Results of the steps of shared pages by activity; without any, SHARED_PAGES is off."""
        self.expired: list[dict[str, Any]] = []
        self.closed: list[dict[str, Any]] = []
        self.broken: set[str] = set()
        self.break_message = ""
        self.first_page = 1

    def activities(self) -> dict[str, Callable[[Any], Any]]:
        scripted = {
            names.READ_ORGANIZATION: self._read_organization,
            names.LIST_MAILBOXES: lambda _: self.mailboxes.pop(0) if self.mailboxes else {},
            names.LIST_MAILBOX_POLICIES: lambda _: self.policies.pop(0) if self.policies else {},
            names.LIST_USERS: self._list_users,
            names.JOIN_MAILBOXES: lambda request: (
                self.joins.pop(0) if self.joins else {"count": self.pages[request["page"] - 1]}
            ),
            names.PROBE_USER: self.probe_user,
            names.MARK_GONE: self._mark_gone,
            **{name: self._shared_step(name) for name in SHARED_STEPS},
            names.DELETE_EXPIRED: lambda _: self.expired.pop(0) if self.expired else {},
            names.CLOSE_SCAN: self._close_scan,
        }
        return {name: self._break_if_requested(name, activity) for name, activity in scripted.items()}

    def probe_user(self, request: dict[str, Any]) -> dict[str, Any]:
        """Probe one user; a test may replace this."""
        if self.probes:
            return self.probes.pop(0)
        return {"status": None if request["mode"] == "trial" else "published", "has_response": True}

    def _break_if_requested(self, name: str, activity: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(value: Any) -> Any:
            assert value["scan_id"] == SCAN_ID
            if name in self.broken:
                raise RuntimeError(self.break_message or f"{name} is broken")
            return activity(value)

        return call

    def _read_organization(self, _: dict[str, Any]) -> dict[str, Any]:
        return self.organization.pop(0) if self.organization else {"settings": {"sign_in_forced": False}}

    def _list_users(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["is_first"]:
            self.first_page = request["page"]
        if self.users:
            return self.users.pop(0)
        at = request["page"] - self.first_page
        total = None if at else USERS_PER_PAGE * len(self.pages)
        return {"count": USERS_PER_PAGE, "has_next": at + 1 < len(self.pages), "total": total}

    def _shared_step(self, name: str) -> Callable[[Any], Any]:
        def call(_: dict[str, Any]) -> Any:
            results = self.shared.get(name)
            return results.pop(0) if results else {"enabled": bool(self.shared)}

        return call

    def _mark_gone(self, _: dict[str, Any]) -> dict[str, Any]:
        return self.gone.pop(0) if self.gone else {"by_status": {"published": sum(self.pages)}}

    def _close_scan(self, closing: dict[str, Any]) -> dict[str, Any]:
        if self.closed:
            return self.closed.pop(0)
        return {"state": "failed" if closing["error"] else "completed"}


class Scan:
    """A scan that has run."""

    def __init__(self, engine: Engine, instance: Instance) -> None:
        self.engine = engine
        self.instance = instance

    @property
    def closing(self) -> dict[str, Any]:
        """What the scan was closed with, however often that took."""
        first, *others = self.engine.calls(names.CLOSE_SCAN)
        assert all(other == first for other in others)
        return dict(first)

    def probed(self) -> list[tuple[int, int]]:
        """Page and index of every probe, in order."""
        return [(request["page"], request["index"]) for request in self.engine.calls(names.PROBE_USER)]


@pytest.fixture
def scan() -> Callable[..., Any]:
    """Runs a scan of a tenant to its end."""

    async def run(tenant: Tenant, concurrency: int = 4) -> Scan:
        engine = Engine(ORCHESTRATORS, tenant.activities())
        request = {"scan_id": SCAN_ID, "concurrency": concurrency, "scanned_before": True}
        return Scan(engine, await engine.run(names.SCAN_TENANT, SCAN_ID, request))

    return run
