"""A small simulated tenant, and plain HTTP to its sockets."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.simulator import Behaviour, SimulatedTenant, TenantPlan, running

LICENSED = "assignedPlans/any(a:a/servicePlanId eq 199a5c09-e0ca-4e37-8f7c-b05d533e1ea2)"


class Clock:
    """Time that moves only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_795_248_000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Plain requests to a simulated tenant, with tokens of its managed identity."""

    def __init__(self, tenant: SimulatedTenant, http: httpx.AsyncClient) -> None:
        self.tenant = tenant
        self.http = http
        self.settings = tenant.settings()

    async def token(self, resource: str, **more: str) -> str:
        return str((await self.identity(resource, **more)).json()["access_token"])

    async def identity(self, resource: str, **more: str) -> httpx.Response:
        params = {"api-version": "2019-08-01", "resource": resource, **more}
        headers = {"X-IDENTITY-HEADER": self.settings["IDENTITY_HEADER"]}
        return await self.http.get(self.settings["IDENTITY_ENDPOINT"], params=params, headers=headers)

    async def graph(self, path: str, params: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        url = path if path.startswith("http") else f"{self.settings['GRAPH_URL']}/v1.0{path}"
        bearer = {"Authorization": f"Bearer {await self.token('https://graph.microsoft.com')}"}
        return await self.http.get(url, params=params, headers={**bearer, **headers})

    async def get_licensed_users(self, url: str | None = None, **params: str) -> httpx.Response:
        if url:
            return await self.graph(url, ConsistencyLevel="eventual")
        query = {"$filter": LICENSED, "$count": "true", **{f"${name}": value for name, value in params.items()}}
        return await self.graph("/users", query, ConsistencyLevel="eventual")

    async def all_licensed(self, **params: str) -> list[dict[str, Any]]:
        page = (await self.get_licensed_users(**params)).json()
        users = page["value"]
        while link := page.get("@odata.nextLink"):
            page = (await self.get_licensed_users(link)).json()
            users += page["value"]
        return users

    async def batch(self, *requests: dict[str, Any]) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {await self.token('https://graph.microsoft.com')}"}
        url = f"{self.settings['GRAPH_URL']}/v1.0/$batch"
        return await self.http.post(url, json={"requests": list(requests)}, headers=bearer)

    async def cmdlet(
        self, name: str, parameters: Any = None, *, url: str = "", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        tenant_id = self.tenant.tenant_id
        url = url or f"{self.settings['EXCHANGE_URL']}/adminapi/beta/{tenant_id}/InvokeCommand"
        usual = {
            "Authorization": f"Bearer {await self.token('https://outlook.office365.com')}",
            "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant_id}",
        }
        body = {"CmdletInput": {"CmdletName": name, "Parameters": {} if parameters is None else parameters}}
        return await self.http.post(url, json=body, headers={**usual, **(headers or {})})

    def page_url(self, key: str | int, what: str = "services") -> str:
        guid = self.tenant.user(key).mailbox_guid.replace("-", "")
        business = f"mbx:{guid}@{self.tenant.tenant_id}"
        return f"{self.settings['BOOKINGS_URL']}/BookingsService/api/V1/bookingBusinessesc2/{business}/{what}"

    async def services(self, key: str | int) -> httpx.Response:
        return await self.http.get(self.page_url(key))

    async def availability(
        self, key: str | int, start: str, end: str, zone: str = "UTC", **more: Any
    ) -> httpx.Response:
        body = {
            "staffIds": ["1c1c7887-e0fc-479b-ac7d-6983d0f026ff"],
            "startDateTime": {"dateTime": start, "timeZone": zone},
            "endDateTime": {"dateTime": end, "timeZone": zone},
            **more,
        }
        return await self.http.post(self.page_url(key, "getStaffAvailability"), json=body)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def start(tmp_path: Path, clock: Clock) -> AsyncIterator[Callable[..., Any]]:
    """Starts a tenant of a plan, and ends it with the test."""
    async with AsyncExitStack() as stack:

        async def start_client(behaviour: dict[str, Any] | None = None, **plan: Any) -> Client:
            whole = TenantPlan(behaviour=Behaviour().with_changes(behaviour or {}), **plan)
            tenant = await stack.enter_async_context(running(whole, folder=tmp_path, clock=clock))
            trusted = ssl.create_default_context(cafile=tenant.settings()["SSL_CERT_FILE"])
            return Client(tenant, await stack.enter_async_context(httpx.AsyncClient(verify=trusted)))

        yield start_client
