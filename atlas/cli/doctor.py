"""``atlas doctor``: sends requests to see which permissions are granted, and says what fails without the others."""

from collections.abc import Mapping

from rich.text import Text

from atlas import wiring
from atlas.cli.app_health import show_app_health
from atlas.cli.calibration import calibrate_markers
from atlas.cli.grants import grant_instructions
from atlas.cli.screen import Screen, facts, new_table, plain, print_error, section, show
from atlas.domain.unknown import Reason
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

NO_STORAGE = Check(None, "no storage is configured")
USE_APP_REGISTRATION = (
    "On your own machine, there is no managed identity: sign in as an app registration. Set AZURE_CLIENT_ID and "
    "AZURE_CLIENT_SECRET (docs/register-the-app.md)."
)
CHECK_NETWORK = "Check the network, the proxy and, if they are set, AZURE_AUTHORITY_HOST and the URLs in the settings."
NOT_SIGNED_IN = Check(None, "requires sign-in")
CHECKED_WITHOUT_TOKEN = frozenset({Permission.SIGN_IN, Permission.BOOKINGS, Permission.TABLES})
"""Checks whose results are valid even if signing in failed."""


async def run(environment: Mapping[str, str], calibrate: tuple[str, str] | None, url: str | None) -> int:
    """Show the result of every check; returns 1 if a required one fails."""
    if url:
        return await show_app_health(url, environment)
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_clients(settings) as (clients, sign_in):
        if calibrate:
            return await calibrate_markers(clients, settings, calibrate)
        checks = await check_permissions(clients, sign_in)
        checks[Permission.TABLES] = await _check_storage(settings)
        if settings.shared_pages:
            checks[Permission.SHARED_PAGES] = await check_shared_pages(clients)
    if _is_offline(checks):
        print_error(f"Microsoft 365 cannot be reached from here: {checks[Permission.SIGN_IN].detail}. {CHECK_NETWORK}")
        return 1
    if checks[Permission.SIGN_IN].ok is False:  # everything that needs a token failed for this one reason
        checks = {name: check if name in CHECKED_WITHOUT_TOKEN else NOT_SIGNED_IN for name, check in checks.items()}
    show(permissions_screen(checks, settings.tenant_id, settings.sign_in))
    return 1 if _required_failures(checks) else 0


def _required_failures(checks: Mapping[Permission, Check]) -> list[Permission]:
    return [name for name, check in checks.items() if check.ok is False and not PERMISSIONS[name].is_optional]


def _is_offline(checks: Mapping[Permission, Check]) -> bool:
    needed = (Permission.SIGN_IN, Permission.BOOKINGS)
    return all(checks[name].reason is Reason.UNREACHABLE for name in needed)


def _describe_sign_in(sign_in: SignInKind) -> str:
    match sign_in:
        case ManagedIdentity(client_id=None):
            return "the system-assigned managed identity"
        case ManagedIdentity(client_id=client_id):
            return f"the managed identity {client_id}"
        case ClientSecret(client_id=client_id):
            return f"the app registration {client_id}, with a secret"
        case ClientCertificate(client_id=client_id):
            return f"the app registration {client_id}, with a certificate"
        case FederatedIdentity(client_id=client_id, identity_client_id=identity):
            return f"the app registration {client_id}, with the managed identity {identity}"


async def _check_storage(settings: Settings) -> Check:
    if settings.storage is None:
        return NO_STORAGE
    async with wiring.open_resources(settings) as opened:
        check, _ = await check_tables(opened.resources)
    return check


def permissions_screen(checks: Mapping[Permission, Check], tenant_id: str, sign_in: SignInKind) -> Screen:
    """Every check with its result and, for refused ones, what does not work and how to grant the permission."""
    table = new_table("check", "result", "details")
    for name, check in checks.items():
        result, colour = _result(name, check)
        table.add_row(plain(name), Text(result, style=colour), plain(check.detail))
    screen: Screen = [facts({"tenant": tenant_id, "signed in as": _describe_sign_in(sign_in)}), table]
    failed = [name for name, check in checks.items() if check.ok is False]
    refused = [name for name in failed if checks[name].reason is Reason.REFUSED]
    optional = [name for name in refused if PERMISSIONS[name].is_optional]
    if not _required_failures(checks):
        screen += [Text("\nEverything required works.", style="bold")]
    screen += grant_instructions("Missing", (name for name in refused if name not in optional))
    if Permission.SIGN_IN in refused and isinstance(sign_in, ManagedIdentity):
        screen += [Text(USE_APP_REGISTRATION)]
    screen += grant_instructions("Optional", optional)
    not_verified = [name for name in failed if name not in refused]
    return screen + section(
        "Try again later", *(f"{name} could not be verified: {checks[name].detail}." for name in not_verified)
    )


def _result(name: Permission, check: Check) -> tuple[str, str]:
    permission = PERMISSIONS[name]
    match check.ok, check.reason:
        case True, _:
            return "granted" if permission.is_grantable else "works", "green"
        case None, _:
            return "not checked", "dim"
        case False, Reason.REFUSED if permission.is_optional:
            return "not granted", "yellow"
        case False, Reason.REFUSED:
            return "missing" if permission.is_grantable else "refused", "red"
        case _:
            return "not verified", "yellow"
