"""Makes the pictures in docs/images from the running product: ``make pictures``.

It starts a simulated tenant, Azurite and the local host, scans, takes screenshots of the report, and exports
what `atlas` prints as SVG. So the pictures show what the product shows.
"""

import argparse
import asyncio
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from local.azurite import azurite_tables
from local.chromium import NoChromium, chromium
from local.host.child import host_child
from local.run_host import CHECKOUT, UNSET
from local.simulator import SimulatedTenant, TenantPlan, running

IMAGES = Path(__file__).with_name("images")
USERS = 120
WIDE = {"width": 1440, "height": 1000}
PHONE = {"width": 390, "height": 844}
COLUMNS = 100
SVG = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Without the fonts that the format of rich loads from another host."""


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
        while (found := (await http.get(address)).json())["state"] in {"pending", "running"}:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
        return dict(found)


async def settled(page: Page) -> None:
    """Wait until the report shows everything."""
    await page.wait_for_selector("#users-table tbody tr")
    await page.wait_for_function("!document.querySelector('[aria-busy]')")
    await page.wait_for_selector("#policy-body dl")
    await page.wait_for_load_state("networkidle")


async def photograph(url: str, folder: Path) -> None:
    """Take the pictures of the report."""
    async with chromium() as browser:
        for name, size, scheme in (("wide", WIDE, "light"), ("dark", WIDE, "dark"), ("phone", PHONE, "light")):
            context = await browser.new_context(viewport=size, color_scheme=scheme)
            page = await context.new_page()
            await page.goto(f"{url}/api/report")
            await settled(page)
            await page.screenshot(path=folder / f"report-{name}.png")
            if name == "wide":
                await page.get_by_label("Name or address begins with").first.fill("a")
                await page.locator("#users-title").scroll_into_view_if_needed()
                await page.locator("#users-table tbody tr", has_text="Switched off").locator("button").first.click()
                await page.wait_for_selector("#detail pre.fix")
                await page.screenshot(path=folder / "user.png")
            await context.close()


def terminal(command: str, settings: Mapping[str, str], path: Path) -> None:
    """Run a command of `atlas` and make a picture of what it prints."""
    environment = {**os.environ, **settings, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    program, *arguments = shlex.split(command)
    run = subprocess.run(  # noqa: S603 - our own commands
        [Path(sys.executable).with_name(program), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    console = Console(width=COLUMNS, record=True, file=io.StringIO())
    console.print(f"$ {command}\n", style="bold", highlight=False)
    console.print(Text.from_ansi(run.stdout + run.stderr), soft_wrap=True)
    path.write_text(console.export_svg(title="", code_format=SVG, unique_id=path.stem), encoding="utf-8")


async def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--folder", type=Path, default=IMAGES)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--scans", type=int, default=3)
    options = parser.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    async with product(options.users) as (tenant, url, settings):
        for _ in range(options.scans):
            await scan(url)
        await photograph(url, folder)
        user = next(one for one in tenant.users(top=USERS) if one["expected"]["status"] == "switchedOff")
        await asyncio.to_thread(terminal, f"atlas user {user['upn']}", settings, folder / "atlas-user.svg")
        await asyncio.to_thread(terminal, "atlas doctor", settings, folder / "atlas-doctor.svg")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except NoChromium as problem:
        sys.exit(str(problem))
