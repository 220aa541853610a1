"""``atlas doctor``: sends requests to see which permissions are granted, and says what fails without the others."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from atlas import wiring
from atlas.cli.app_health import show_app_health
from atlas.cli.calibration import calibrate_markers
from atlas.cli.connection import connect, describe_sign_in
from atlas.cli.grants import NO_IDENTITY_HERE, grant_instructions, how_to_grant
from atlas.cli.screen import Screen, facts, print_error, section, show, show_json, status_lines
from atlas.domain.unknown import Reason
from atlas.health.checks import Check, check_permissions, check_shared_pages, check_tables
from atlas.health.permissions import PERMISSIONS, Permission
from atlas.settings import ManagedIdentity, Settings, SignInKind

NO_STORAGE = Check(None, "no storage is configured")
CHECK_NETWORK = "Check the network, the proxy and, if they are set, AZURE_AUTHORITY_HOST and the URLs in the settings."
NOT_SIGNED_IN = Check(None, "requires sign-in")
CHECKED_WITHOUT_TOKEN = frozenset({Permission.SIGN_IN, Permission.BOOKINGS, Permission.TABLES})
"""Checks whose results are valid even if signing in failed."""


async def run(
    environment: Mapping[str, str], calibrate: tuple[str, str] | None, url: str | None, *, as_json: bool = False
) -> int:
    """Show the result of every check; returns 1 if a required one fails."""
    if url:
        return await show_app_health(url, environment, as_json=as_json)
    connection = connect(environment)
    settings = connection.settings
    async with wiring.open_clients(settings, connection.sign_in) as (clients, sign_in):
        if calibrate:
            return await calibrate_markers(clients, settings, calibrate)
        checks = await check_permissions(clients, sign_in)
        checks[Permission.TABLES] = await _check_storage(settings)
        if settings.shared_pages:
            checks |= await check_shared_pages(clients)
    if _is_offline(checks):
        print_error(f"Microsoft 365 cannot be reached from here: {checks[Permission.SIGN_IN].detail}. {CHECK_NETWORK}")
        return 1
    if checks[Permission.SIGN_IN].ok is False:  # everything that needs a token failed for this one reason
        checks = {name: check if name in CHECKED_WITHOUT_TOKEN else NOT_SIGNED_IN for name, check in checks.items()}
    if as_json:
        show_json(permissions_document(checks, settings.tenant_id, connection.sign_in))
    else:
        show(permissions_screen(checks, settings.tenant_id, connection.sign_in))
    return 1 if _required_failures(checks) else 0


def _required_failures(checks: Mapping[Permission, Check]) -> list[Permission]:
    return [name for name, check in checks.items() if check.ok is False and not PERMISSIONS[name].is_optional]


def _is_offline(checks: Mapping[Permission, Check]) -> bool:
    needed = (Permission.SIGN_IN, Permission.BOOKINGS)
    return all(checks[name].reason is Reason.UNREACHABLE for name in needed)


async def _check_storage(settings: Settings) -> Check:
    if settings.storage is None:
        return NO_STORAGE
    async with wiring.open_resources(settings) as opened:
        check, _ = await check_tables(opened.resources)
    return check


def permissions_document(checks: Mapping[Permission, Check], tenant_id: str, sign_in: SignInKind) -> dict[str, Any]:
    """Every check as JSON, with what is lost if it failed and, if it was refused, how to grant the permission."""
    return {
        "tenantId": tenant_id,
        "signedInAs": describe_sign_in(sign_in),
        "checks": [
            {
                "name": str(name),
                "result": _result(name, check)[0],
                "ok": check.ok,
                "detail": check.detail,
                "impact": PERMISSIONS[name].impact if check.ok is False else None,
                "grant": how_to_grant(name, sign_in) if check.reason is Reason.REFUSED else None,
            }
            for name, check in checks.items()
        ],
    }


def permissions_screen(checks: Mapping[Permission, Check], tenant_id: str, sign_in: SignInKind) -> Screen:
    """Every check with its result and, for refused ones, what does not work and how to grant the permission."""
    rows = [(str(name), Text(*_result(name, check)), check.detail) for name, check in checks.items()]
    signed_in = facts({"tenant": tenant_id, "signed in as": describe_sign_in(sign_in)})
    screen: Screen = [signed_in, Text(), *status_lines(rows)]
    failed = [name for name, check in checks.items() if check.ok is False]
    refused = [name for name in failed if checks[name].reason is Reason.REFUSED]
    optional = [name for name in refused if PERMISSIONS[name].is_optional]
    if not _required_failures(checks):
        screen += [Text("\nEverything required works.", style="bold")]
    screen += grant_instructions("Missing", (name for name in refused if name not in optional), sign_in)
    if Permission.SIGN_IN in refused and isinstance(sign_in, ManagedIdentity):
        screen += [Text(NO_IDENTITY_HERE)]
    screen += grant_instructions("Optional", optional, sign_in)
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
