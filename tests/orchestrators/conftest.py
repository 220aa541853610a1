"""The flows of a scan, as plain generators, over activities that a test scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestrators import names, scan_page, scan_tenant
from tests.orchestrators.fake_context import Engine, Instance

SCAN_ID = "scan-20261123T030000000-0a1b2c3d"


def flow_of(builder: Any) -> Callable[[Any], Any]:
    return builder.build().get_user_function().orchestrator_function


FLOWS = {
    names.SCAN_TENANT: flow_of(scan_tenant.scan_tenant),
    names.SCAN_PAGE: flow_of(scan_page.scan_page),
}


class Tenant:
    """Activities over pages of users; a test replaces the answers it is about."""

    def __init__(self, *pages: int) -> None:
        self.pages = pages
        self.organization: list[dict[str, Any]] = []
        self.mailboxes: list[dict[str, Any]] = []
        self.policies: list[dict[str, Any]] = []
        self.users: list[dict[str, Any]] = []
        self.probes: list[dict[str, Any]] = []
        self.to_forget = 0
        self.broken: set[str] = set()
        self.break_message = ""

    def activities(self) -> dict[str, Callable[[Any], Any]]:
        whole = {
            names.READ_ORGANIZATION: self._read_organization,
            names.LIST_MAILBOXES: self._list_mailboxes,
            names.LIST_MAILBOX_POLICIES: self._list_mailbox_policies,
            names.LIST_USERS: self._list_users,
            names.PROBE_USER: self._probe_user,
            names.MARK_GONE: self._mark_gone,
            names.DELETE_EXPIRED: self._forget_old,
            names.CLOSE_SCAN: self._close_scan,
        }
        return {name: self._breaking(name, activity) for name, activity in whole.items()}

    def _breaking(self, name: str, activity: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def answer(value: Any) -> Any:
            if name in self.broken:
                raise RuntimeError(self.break_message or f"{name} is broken")
            return activity(value)

        return answer

    def _read_organization(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["scan_id"] == SCAN_ID
        return self.organization.pop(0) if self.organization else {"sign_in_forced": False}

    def _list_mailboxes(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["scan_id"] == SCAN_ID
        return self.mailboxes.pop(0) if self.mailboxes else {}

    def _list_mailbox_policies(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["scan_id"] == SCAN_ID
        return self.policies.pop(0) if self.policies else {}

    def _list_users(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.users:
            return {"page": request["page"], **self.users.pop(0)}
        at = int(request["link"] or 0)
        link = str(at + 1) if at + 1 < len(self.pages) else None
        total = None if at else sum(self.pages)
        return {"page": request["page"], "count": self.pages[at], "link": link, "total": total}

    def _probe_user(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.probes.pop(0) if self.probes else {"status": "published"}

    def _mark_gone(self, scan_id: str) -> dict[str, Any]:
        assert scan_id == SCAN_ID
        return {"by_status": {"published": sum(self.pages)}}

    def _forget_old(self, scan_id: str) -> bool:
        assert scan_id == SCAN_ID
        self.to_forget -= 1
        return self.to_forget > 0

    def _close_scan(self, closing: dict[str, Any]) -> dict[str, Any]:
        return {"state": "failed" if closing["error"] else "completed"}


class Scan:
    """A scan that has run."""

    def __init__(self, engine: Engine, instance: Instance) -> None:
        self.engine = engine
        self.instance = instance

    @property
    def closing(self) -> dict[str, Any]:
        """With what the scan was closed, whatever it took."""
        first, *others = self.engine.calls(names.CLOSE_SCAN)
        assert all(other == first for other in others)
        return dict(first)

    def probed(self) -> list[tuple[int, int]]:
        """Page and place of every probe, in order."""
        return [(request["page"], request["index"]) for request in self.engine.calls(names.PROBE_USER)]


@pytest.fixture
def scan() -> Callable[..., Any]:
    """Runs a whole scan of a tenant."""

    async def scanned(tenant: Tenant, concurrency: int = 4, **more: Any) -> Scan:
        engine = Engine(FLOWS, tenant.activities())
        request = {"scan_id": SCAN_ID, "concurrency": concurrency, "scanned_before": True, **more}
        return Scan(engine, await engine.run(names.SCAN_TENANT, SCAN_ID, request))

    return scanned
