"""A client of the sample app: the requests of the tests, in one line each."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from local.host.child import HostChild

SAMPLE_APP = Path(__file__).parent / "app"
SETTINGS = {"SAMPLE_SCHEDULE": "0 0 3 * * *"}
PATIENCE_SECONDS = 20.0

numbers = itertools.count(1)


async def until[Found](look: Callable[[], Awaitable[Found | None]], what: str) -> Found:
    """Look again until something is found."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := await look()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        await asyncio.sleep(0.01)
    return found


@dataclass(frozen=True)
class Sample:
    """The sample app from outside."""

    http: aiohttp.ClientSession
    host: HostChild

    async def get(self, path: str) -> Any:
        async with self.http.get(f"{self.host.url}/api/{path}") as response:
            return await response.json(content_type=None)

    async def post(self, path: str, body: Any = None) -> tuple[int, str]:
        async with self.http.post(f"{self.host.url}/api/{path}", json=body) as response:
            return response.status, await response.text()

    async def start(self, orchestrator: str, argument: Any = None) -> str:
        instance_id = f"{orchestrator}-{next(numbers)}"
        status, text = await self.post(f"start/{orchestrator}?id={instance_id}", argument)
        assert status == 202, text
        return instance_id

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        path = f"/runtime/webhooks/durabletask/instances/{instance_id}?showHistory=true&code={self.host.code}"
        async with self.http.get(self.host.url + path) as response:
            return list((await response.json())["historyEvents"])

    async def status(self, instance_id: str) -> Any:
        return await self.get(f"status/{instance_id}")

    async def wait_for_end(self, instance_id: str) -> Any:
        async def look() -> Any:
            found = await self.status(instance_id)
            return found if found and found["runtimeStatus"] in {"Completed", "Failed", "Terminated"} else None

        return await until(look, f"the end of {instance_id}")

    async def is_running(self, instance_id: str) -> Any:
        async def look() -> Any:
            found = await self.status(instance_id)
            return found if found and found["runtimeStatus"] == "Running" else None

        return await until(look, f"{instance_id} running")

    async def output_of(self, orchestrator: str, argument: Any = None) -> Any:
        ended = await self.wait_for_end(await self.start(orchestrator, argument))
        assert ended["runtimeStatus"] == "Completed", ended
        return ended["output"]

    async def failure_of(self, orchestrator: str, argument: Any = None) -> str:
        ended = await self.wait_for_end(await self.start(orchestrator, argument))
        assert ended["runtimeStatus"] == "Failed", ended
        return str(ended["output"])
