"""The commands of ``atlas``, run in this process against a simulated tenant."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import stamina

from atlas.cli import doctor as doctor_command
from atlas.cli import forget as forget_command
from atlas.cli import policy as policy_command
from atlas.cli import shared as shared_command
from atlas.cli import user as user_command
from atlas.microsoft365.calls import MAX_REQUEST_ATTEMPTS
from local.simulator import Behaviour, SimulatedTenant, TenantPlan, running

WIDTH = 100


@pytest.fixture(autouse=True)
def retries_without_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=MAX_REQUEST_ATTEMPTS):
        yield


@dataclass(frozen=True)
class Shown:
    """What a command printed, and its exit code."""

    code: int
    text: str
    errors: str

    @property
    def words(self) -> str:
        """What was printed in one line, so that it does not matter where a table wraps."""
        return " ".join(self.text.split())

    @property
    def lines(self) -> int:
        """How many lines of a terminal it takes: a line that is too long goes on in the next."""
        return sum(max(1, -(-len(line) // WIDTH)) for line in self.text.splitlines())


class Commands:
    """The commands, with the settings of a tenant and these on top."""

    def __init__(
        self, tenant: SimulatedTenant, capture: pytest.CaptureFixture[str], settings: dict[str, str] | None = None
    ) -> None:
        self.tenant = tenant
        self._capture = capture
        self._settings = tenant.settings() if settings is None else settings

    async def user(self, who: str, *, as_json: bool = False, **settings: str) -> Shown:
        """``atlas user``."""
        return await self._capture_output(user_command.run(who, {**self._settings, **settings}, as_json=as_json))

    async def policy(self, *, as_json: bool = False, **settings: str) -> Shown:
        """``atlas policy``."""
        return await self._capture_output(policy_command.run({**self._settings, **settings}, as_json=as_json))

    async def shared(self, environment: dict[str, str], **options: Any) -> Shown:
        """``atlas shared``, with these settings on top."""
        chosen = shared_command.SharedOptions(**options)
        return await self._capture_output(shared_command.run({**self._settings, **environment}, chosen))

    async def forget(self, who: str, **settings: str) -> Shown:
        """``atlas forget``."""
        return await self._capture_output(forget_command.run(who, {**self._settings, **settings}))

    async def doctor(
        self,
        calibrate: tuple[str, str] | None = None,
        app: str | None = None,
        *,
        as_json: bool = False,
        **settings: str,
    ) -> Shown:
        """``atlas doctor``."""
        command = doctor_command.run({**self._settings, **settings}, calibrate, app, as_json=as_json)
        return await self._capture_output(command)

    async def _capture_output(self, command: Awaitable[int]) -> Shown:
        self._capture.readouterr()
        code = await command
        captured = self._capture.readouterr()
        return Shown(code, captured.out, captured.err)

    def find_user(self, **having: Any) -> dict[str, Any]:
        """A licensed user with these attributes or this expected result."""
        users = self.tenant.control.users(0, 5000, licensed=True)
        return next(user for user in users if having.items() <= {**user["expected"], **user}.items())


@pytest.fixture
async def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Callable[..., Any]]:
    """Starts a tenant and returns its commands; the tenant stops with the test."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    async with AsyncExitStack() as stack:

        async def start_tenant(
            behaviour: dict[str, Any] | None = None,
            *,
            settings_of: Callable[[SimulatedTenant], dict[str, str]] = SimulatedTenant.settings,
            **plan: Any,
        ) -> Commands:
            tenant_plan = TenantPlan(behaviour=Behaviour().with_changes(behaviour or {}), **plan)
            tenant = await stack.enter_async_context(running(tenant_plan, folder=tmp_path))
            settings = settings_of(tenant)
            for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
                monkeypatch.setenv(name, settings[name])
            return Commands(tenant, capsys, settings)

        yield start_tenant
