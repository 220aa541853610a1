"""``atlas doctor``: which rights are there, by calls that need them, and what each missing one costs."""

from collections.abc import Mapping

from atlas import wiring
from atlas.cli.app_health import show_app_health
from atlas.cli.calibration import calibrate_markers
from atlas.cli.output import show
from atlas.cli.screens import permissions_screen
from atlas.health.checks import Check, check_permissions, check_shared_pages, check_tables
from atlas.health.permissions import PERMISSIONS, Permission
from atlas.settings import (
    ClientCertificate,
    ClientSecret,
    FederatedIdentity,
    ManagedIdentity,
    Settings,
    SignInKind,
)

NOT_ASKED = Check(None, "no storage is set")


async def examine(environment: Mapping[str, str], calibrate: tuple[str, str] | None, url: str | None) -> int:
    """Show what is granted; 1 if something needed is missing, 2 for an address that is none."""
    if url:
        return await show_app_health(url, environment)
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_clients(settings) as (clients, sign_in):
        if calibrate:
            return await calibrate_markers(clients, settings, calibrate)
        checks = await check_permissions(clients, sign_in)
        checks[Permission.TABLES] = await _tables(settings)
        if settings.shared_pages:
            checks[Permission.SHARED_PAGES] = await check_shared_pages(clients)
    show(permissions_screen(checks, settings.tenant_id, _identity(settings.sign_in)))
    return 1 if any(check.ok is False and not PERMISSIONS[need].is_optional for need, check in checks.items()) else 0


def _identity(sign_in: SignInKind) -> str:
    match sign_in:
        case ManagedIdentity(client_id=None):
            return "the system-assigned managed identity"
        case ManagedIdentity(client_id=client_id):
            return f"the managed identity {client_id}"
        case ClientSecret(client_id=client_id):
            return f"the app registration {client_id}, by a secret"
        case ClientCertificate(client_id=client_id):
            return f"the app registration {client_id}, by a certificate"
        case FederatedIdentity(client_id=client_id, identity_client_id=identity):
            return f"the app registration {client_id}, by the managed identity {identity}"


async def _tables(settings: Settings) -> Check:
    if settings.storage is None:
        return NOT_ASKED
    async with wiring.open_resources(settings) as opened:
        check, _ = await check_tables(opened.resources)
    return check
