"""Opens the sockets of a simulated tenant, and provides the settings to reach it."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

from local.simulator import expected_results
from local.simulator.bookings import Bookings
from local.simulator.certificate import registered_certificate
from local.simulator.control_api import Control
from local.simulator.endpoint import ServiceEndpoint
from local.simulator.entra import Entra
from local.simulator.exchange import Exchange
from local.simulator.faults import Fault
from local.simulator.graph import Graph
from local.simulator.http_messages import Service
from local.simulator.managed_identity import ManagedIdentity
from local.simulator.options import Behaviour, TenantPlan
from local.simulator.principals import principals_of
from local.simulator.shared_pages import SharedPage
from local.simulator.state import SimulatorState
from local.simulator.tokens import Tokens
from local.simulator.users import SimulatedUser

_HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 0.1
"""How long shutdown waits for responses in progress."""


class SimulatedTenant:
    """A running tenant: its settings, its expected results, and everything that can be changed."""

    def __init__(self, state: SimulatorState, folder: Path) -> None:
        self.state = state
        self.folder = folder
        self.principals = principals_of(state.plan.seed)
        self._tokens = Tokens()
        self.identity = ManagedIdentity(state, self._tokens, self.principals)
        self.entra = Entra(state, self._tokens, self.principals)
        self.control = Control(state, self.all_settings)

    @property
    def services(self) -> tuple[Service, ...]:
        """Every simulated service."""
        graph, exchange = Graph(self.state, self._tokens), Exchange(self.state, self._tokens)
        return (self.identity, self.entra, graph, exchange, Bookings(self.state))

    @property
    def control_url(self) -> str:
        """Base of the control API."""
        return self.state.urls["control"]

    @property
    def tenant_id(self) -> str:
        """The tenant that is scanned."""
        return self.state.tenant.tenant_id

    @property
    def authority_file(self) -> Path:
        """PEM of the certificate authority that clients must trust."""
        return self.folder / "simulated-authority.pem"

    def settings(self) -> dict[str, str]:
        """The product's settings for the system-assigned managed identity."""
        urls = self.state.urls
        return {
            "TENANT_ID": self.tenant_id,
            "GRAPH_URL": urls["graph"],
            "EXCHANGE_URL": urls["exchange"],
            "BOOKINGS_URL": urls["bookings"],
            "AZURE_AUTHORITY_HOST": urls["entra"],
            "SSL_CERT_FILE": str(self.authority_file),
            "IDENTITY_ENDPOINT": f"{urls['managed_identity']}/msi/token",
            "IDENTITY_HEADER": self.identity.header,
        }

    def settings_for_user_assigned(self) -> dict[str, str]:
        """The same for a user-assigned managed identity."""
        return {**self.settings(), "MANAGED_IDENTITY_CLIENT_ID": self.principals.user_assigned.client_id}

    def settings_for_secret(self) -> dict[str, str]:
        """The same for an app registration with a secret."""
        return {**self._settings_for_app(), "AZURE_CLIENT_SECRET": self.principals.app_secret}

    def settings_for_certificate(self, *, as_text: bool = False) -> dict[str, str]:
        """The same for an app registration with a certificate, as a file or as the PEM text itself."""
        path = self.folder / "simulated-app.pem"
        if self.entra.certificate is None:
            self.entra.certificate = registered_certificate(path)
        credential = (
            {"AZURE_CLIENT_CERTIFICATE": path.read_text()} if as_text else {"AZURE_CLIENT_CERTIFICATE_PATH": str(path)}
        )
        return {**self._settings_for_app(), **credential}

    def settings_for_federated(self) -> dict[str, str]:
        """The same for an app registration that trusts the user-assigned identity."""
        return {**self._settings_for_app(), "FEDERATED_IDENTITY_CLIENT_ID": self.principals.user_assigned.client_id}

    def all_settings(self) -> dict[str, dict[str, str]]:
        """Settings for each way to sign in."""
        return {
            "system_assigned": self.settings(),
            "user_assigned": self.settings_for_user_assigned(),
            "secret": self.settings_for_secret(),
            "certificate": self.settings_for_certificate(),
            "federated": self.settings_for_federated(),
        }

    def _settings_for_app(self) -> dict[str, str]:
        return {**self.settings(), "AZURE_CLIENT_ID": self.principals.app.client_id}

    def user(self, key: str | int) -> SimulatedUser:
        """One user by index, object id, UPN or mailbox GUID."""
        return self.control.found(str(key))

    def users(self, skip: int = 0, top: int = 100, **evidence: bool) -> list[dict[str, Any]]:
        """Users by index, each with the expected result."""
        return self.control.users(skip, top, expected_results.Evidence(**evidence))

    def expected(self, key: str | int, **evidence: bool) -> expected_results.Expected:
        """What a scan that starts now must find for one user."""
        return self.control.expected(self.user(key), expected_results.Evidence(**evidence))

    def expected_counts(self, **evidence: bool) -> dict[str, int]:
        """Licensed users by the status that a scan must find."""
        return self.control.expected_counts(expected_results.Evidence(**evidence))

    def change_user(self, key: str | int, action: str, **more: Any) -> dict[str, Any]:
        """Do something to a user: the actions of the control API."""
        return self.control.change_user(str(key), action, **more)

    def shared_pages(self) -> list[SharedPage]:
        """Every shared page that exists."""
        return list(self.state.shared_pages.all())

    def change_shared_page(self, key: str | int, action: str, **more: Any) -> None:
        """Do something to a shared page: the actions of the control API."""
        self.control.change_shared_page(str(key), action, **more)

    def behave(self, **changes: Any) -> Behaviour:
        """Change behaviour, for example `behave(bookings={"latency_ms": 200})`."""
        return self.state.behave(changes)

    def add_fault(self, fault: Fault) -> None:
        """Let requests fail."""
        self.state.faults.add(fault)

    def clear_faults(self) -> None:
        """Let everything work again."""
        self.state.faults.clear()

    def metrics(self) -> dict[str, Any]:
        """The requests to each service."""
        return self.state.metrics.to_dict()

    def reset_metrics(self) -> None:
        """Count from zero."""
        self.state.metrics.reset()


@asynccontextmanager
async def running(
    plan: TenantPlan | None = None, *, folder: Path, clock: Callable[[], float] = time.time
) -> AsyncIterator[SimulatedTenant]:
    """A tenant on free ports of the loopback address until the block ends; its files are in the folder."""
    tenant = SimulatedTenant(SimulatorState(plan or TenantPlan(), clock), folder)
    secure = _create_tls_context(tenant.authority_file)
    async with AsyncExitStack() as stack:
        for service in tenant.services:
            server = web.Server(ServiceEndpoint(service, tenant.state), access_log=None)
            is_entra = service.name == tenant.entra.name
            url = await _open(
                stack, web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS), secure if is_entra else None
            )
            tenant.state.urls[service.name] = url
        runner = web.AppRunner(tenant.control.routes(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        tenant.state.urls["control"] = await _open(stack, runner, None)
        yield tenant


def _create_tls_context(authority_file: Path) -> ssl.SSLContext:
    """The context of an https socket; its certificate authority is written to the file."""
    authority = trustme.CA()
    authority_file.parent.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(str(authority_file))
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(_HOST, "localhost").configure_cert(secure)
    return secure


async def _open(stack: AsyncExitStack, runner: web.ServerRunner | web.AppRunner, secure: ssl.SSLContext | None) -> str:
    """Base URL of a runner that now listens on a free port."""
    await runner.setup()
    stack.push_async_callback(_close, runner)
    await web.TCPSite(runner, _HOST, 0, ssl_context=secure).start()
    port = runner.addresses[0][1]
    return f"{'https' if secure else 'http'}://{_HOST}:{port}"


async def _close(runner: web.ServerRunner | web.AppRunner) -> None:
    """Close a runner immediately: an orderly end of TLS would wait for clients that have gone."""
    connections = runner.server.connections if runner.server else []
    transports = [connection.transport for connection in connections if connection.transport]
    await runner.cleanup()
    for transport in transports:
        transport.abort()
    await asyncio.sleep(0)
