"""What the product is held against: a bare loop of the same requests, the known script's way, and a bare point read."""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from local.simulator import SimulatedTenant

STAFF_ID = "1c1c7887-e0fc-479b-ac7d-6983d0f026ff"


def page_address(tenant: SimulatedTenant, mailbox_guid: str) -> str:
    """The base of a page's service."""
    business = f"mbx:{mailbox_guid.replace('-', '')}@{tenant.tenant_id}"
    return f"{tenant.settings()['BOOKINGS_URL']}/BookingsService/api/V1/bookingBusinessesc2/{business}"


def availability_question(service_id: str | None) -> dict[str, Any]:
    """The body of the question for the next day."""
    now = datetime.now(UTC)
    return {
        "staffIds": [STAFF_ID],
        "startDateTime": {"dateTime": now.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"},
        "endDateTime": {"dateTime": (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"},
        "serviceId": service_id,
    }


async def script(tenant: SimulatedTenant, users: int) -> float:
    """Seconds of the known script's way: one user after another, four calls each."""
    exchange = f"{tenant.settings()['EXCHANGE_URL']}/adminapi/beta/{tenant.tenant_id}/InvokeCommand"
    started_at = time.perf_counter()
    async with httpx.AsyncClient(timeout=60, headers={"accept": "application/json"}) as http:
        for user in tenant.users(top=users):
            mailbox = {"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {"Identity": user["id"]}}}
            await http.post(exchange, json=mailbox)  # refused without a token, after the same wait
            await http.post(exchange, json=mailbox)
            address = page_address(tenant, user["expected"]["mailbox_guid"] or user["id"])
            services = (await http.get(f"{address}/services")).json().get("service") or [{}]
            await http.post(f"{address}/getStaffAvailability", json=availability_question(services[0].get("serviceId")))
    return time.perf_counter() - started_at


async def bare_loop(addresses: list[str], in_flight: int) -> float:
    """CPU seconds of this process for GETs of these addresses, so many at a time, on httpx as it comes."""
    gate = asyncio.Semaphore(in_flight)
    async with httpx.AsyncClient(timeout=60) as http:
        started_at = time.process_time()

        async def get(address: str) -> None:
            async with gate:
                await http.get(address)

        await asyncio.gather(*(get(address) for address in addresses))
        return time.process_time() - started_at


if __name__ == "__main__":  # in a process of its own, so that its CPU time is its own
    sys.stdout.write(str(asyncio.run(bare_loop(sys.stdin.read().split(), int(sys.argv[1])))))
