"""``atlas doctor``: which rights are there, by calls that need them, and what each missing one costs."""

from collections.abc import Mapping

from atlas import wiring
from atlas.commands.app_health import ask_app
from atlas.commands.calibration import calibrate_markers
from atlas.commands.printing import show
from atlas.domain.needs import NEEDS, Need
from atlas.report.screens import rights_screen
from atlas.scan.checking import Check, check_needs, check_shared_pages, check_tables
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
        return await ask_app(url, environment)
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_services(settings) as (services, sign_in):
        if calibrate:
            return await calibrate_markers(services, settings, calibrate)
        checks = await check_needs(services, sign_in)
        checks[Need.TABLES] = await _tables(settings)
        if settings.shared_pages:
            checks[Need.SHARED_PAGES] = await check_shared_pages(services)
    show(rights_screen(checks, settings.tenant_id, _identity(settings.sign_in)))
    return 1 if any(check.ok is False and not NEEDS[need].is_optional for need, check in checks.items()) else 0


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
    async with wiring.open_tools(settings) as opened:
        check, _ = await check_tables(opened.tools)
    return check
