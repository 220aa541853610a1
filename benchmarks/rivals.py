"""What the product is compared with: a bare loop of the same requests, and the script of the seed."""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from atlas.microsoft365.connections import open_http, trusted_authorities
from local.simulator import SimulatedTenant

STAFF_ID = "1c1c7887-e0fc-479b-ac7d-6983d0f026ff"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"


def page_address(tenant: SimulatedTenant, mailbox_guid: str) -> str:
    """The base of a page's service."""
    business = f"mbx:{mailbox_guid.replace('-', '')}@{tenant.tenant_id}"
    return f"{tenant.settings()['BOOKINGS_URL']}/BookingsService/api/V1/bookingBusinessesc2/{business}"


def availability_request(service_id: str | None) -> dict[str, Any]:
    """The body of the request for the next day."""
    now = datetime.now(UTC)
    return {
        "staffIds": [STAFF_ID],
        "startDateTime": {"dateTime": now.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"},
        "endDateTime": {"dateTime": (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"},
        "serviceId": service_id,
    }


async def script(tenant: SimulatedTenant, users: int) -> float:
    """Seconds of the seed's script for these users: one after another, two Exchange and two Bookings calls each.

    It signs in once, as the script does, and receives the responses that the script would.
    """
    settings = tenant.settings_for_secret()
    exchange = f"{settings['EXCHANGE_URL']}/adminapi/beta/{tenant.tenant_id}/InvokeCommand"
    trust = trusted_authorities(tenant.authority_file)
    started_at = time.perf_counter()
    async with httpx.AsyncClient(timeout=60, verify=trust) as http:
        token = await http.post(
            f"{settings['AZURE_AUTHORITY_HOST']}/{tenant.tenant_id}/oauth2/v2.0/token",
            data={
                "client_id": settings["AZURE_CLIENT_ID"],
                "client_secret": settings["AZURE_CLIENT_SECRET"],
                "grant_type": "client_credentials",
                "scope": EXCHANGE_SCOPE,
            },
        )
        headers = {"authorization": f"Bearer {token.raise_for_status().json()['access_token']}"}
        for user in tenant.users(top=users):
            mailbox = {"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {"Identity": user["id"]}}}
            for _ in range(2):  # Get-EXOMailbox and Get-Mailbox
                (await http.post(exchange, json=mailbox, headers=headers)).raise_for_status()
            address = page_address(tenant, user["expected"]["mailbox_guid"] or user["id"])
            services = await http.get(f"{address}/services")
            found = services.json().get("service") if services.is_success else None
            body = availability_request(found[0].get("serviceId") if found else None)
            await http.post(f"{address}/getStaffAvailability", json=body)
    return time.perf_counter() - started_at


async def bare_loop(requests: list[tuple[str, str]], in_flight: int) -> float:
    """CPU seconds of this process for these requests, so many at a time, on the product's own HTTP stack.

    Each request is a method and an address; the body of a POST is that of a request for availability.
    """
    body = json.dumps(availability_request("00000000-0000-0000-0000-000000000000")).encode()
    waiting = iter(requests)
    async with open_http(trusted_authorities(None)) as http:
        started_at = time.process_time()

        async def work() -> None:
            for method, address in waiting:
                response = await http.request(method, address, content=body if method == "POST" else None)
                response.read()

        await asyncio.gather(*(work() for _ in range(in_flight)))
        return time.process_time() - started_at


async def bare_loop_in_a_process(requests: list[tuple[str, str]], in_flight: int) -> float:
    """As ``bare_loop``, in a process of its own, so that its CPU time is its own."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.rivals", str(in_flight)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await child.communicate(json.dumps(requests).encode())
    return float(output)


if __name__ == "__main__":
    _requests = [(method, address) for method, address in json.loads(sys.stdin.read())]
    sys.stdout.write(str(asyncio.run(bare_loop(_requests, int(sys.argv[1])))))
