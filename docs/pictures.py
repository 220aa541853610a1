"""Makes the pictures in docs/images from the running product: ``make pictures``.

It starts a simulated tenant, Azurite and the local host, scans, takes screenshots of the report, and exports
what `atlas` prints as SVG. So the pictures show what the product shows.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page

from local.azurite import azurite_tables
from local.chromium import NoChromium, chromium
from local.host.child import host_child
from local.run_host import CHECKOUT, UNSET
from local.simulator import SimulatedTenant, TenantPlan, running

IMAGES = Path(__file__).with_name("images")
USERS = 240
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@asynccontextmanager
async def product(users: int = USERS) -> AsyncIterator[tuple[SimulatedTenant, str, Mapping[str, str]]]:
    """A simulated tenant and the product that scans it: the tenant, the address of the host, the settings."""
    with tempfile.TemporaryDirectory(prefix="bookings-atlas-") as folder:
        async with running(TenantPlan(users=users), folder=Path(folder)) as tenant:
            with azurite_tables() as azurite:
                settings = {**tenant.settings(), "AzureWebJobsStorage": azurite.connection_string}
                with host_child(CHECKOUT, settings={**UNSET, **settings}, arguments=(), port=0) as host:
                    yield tenant, host.url, settings


async def scan(url: str) -> dict[str, Any]:
    """Scan the tenant to the end."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        address = f"/api/scans/{(await http.post('/api/scans')).json()['id']}"
        while (found := (await http.get(address)).json())["state"] in {"pending", "running"}:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        return dict(found)


async def settled(page: Page) -> None:
    """Wait until the report shows everything."""
    await page.wait_for_selector("#users-table tbody tr")
    await page.wait_for_function("!document.querySelector('[aria-busy]')")
    await page.wait_for_selector("#policy-body dl")
    await page.wait_for_load_state("networkidle")


async def take(url: str, folder: Path) -> None:
    """Take the pictures of the report."""
    async with chromium() as browser:
        for scheme in ("light", "dark"):
            for name, size in (("wide", WIDE), ("phone", PHONE)):
                context = await browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1)
                page = await context.new_page()
                await page.goto(f"{url}/api/report")
                await settled(page)
                await page.screenshot(path=folder / f"report-{name}-{scheme}.png", full_page=True)
                await page.locator("#users-table tbody button").first.click()
                await page.wait_for_load_state("networkidle")
                await page.screenshot(path=folder / f"user-{name}-{scheme}.png")
                await context.close()


async def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    async with product() as (_, url, _settings):
        for _ in range(2):
            await scan(url)
        await take(url, folder)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except NoChromium as problem:
        sys.exit(str(problem))
