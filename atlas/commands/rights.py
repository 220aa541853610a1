"""``atlas doctor``: which rights are there, by calls that need them, and what each missing one costs."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from atlas import wiring
from atlas.commands.calibration import calibrate_markers
from atlas.commands.printing import complain, show
from atlas.domain.needs import NEEDS, Need
from atlas.report.screens import health_screen, rights_screen
from atlas.scan.checking import Check, check_needs, check_shared_pages, check_tables
from atlas.settings import (
    LOOPBACK,
    ClientCertificate,
    ClientSecret,
    FederatedIdentity,
    ManagedIdentity,
    Settings,
    SignInKind,
)

WRONG_ARGUMENT = 2
LONGEST_SECONDS = 60
NOT_ASKED = Check(None, "no storage is set")


async def examine(environment: Mapping[str, str], calibrate: tuple[str, str] | None, url: str | None) -> int:
    """Show what is granted; 1 if something needed is missing, 2 for an address that is none."""
    if url:
        return await _ask_app(url)
    settings = Settings.load(environment, needs_storage=False)
    async with wiring.open_services(settings, _now) as (services, sign_in):
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
    async with wiring.open_tools(settings, _now) as opened:
        check, _ = await check_tables(opened.tools)
    return check


async def _ask_app(url: str) -> int:
    if not _is_address(url):
        complain("--app should be the https:// address of a deployed app (http:// on this machine only).")
        return WRONG_ARGUMENT
    try:
        health = await _health(f"{url.rstrip('/').removesuffix('/api/health')}/api/health")
        show(health_screen(health))
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        complain(f"{url} did not tell how it is: {type(error).__name__} {error}")
        return 1
    return 0 if health["status"] == "healthy" else 1


async def _health(address: str) -> Any:
    async with httpx.AsyncClient(timeout=LONGEST_SECONDS) as http:
        answer = await http.get(address)
    if answer.status_code not in (httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE):
        raise ValueError(f"it answered {answer.status_code}")
    document = json.loads(answer.content)
    if "checks" not in document:
        raise ValueError(str(document.get("detail", "the answer is none of /api/health"))[:500])
    return document


def _is_address(url: str) -> bool:
    try:
        httpx.URL(url)  # refuses what it could not ask
        parts, port = urlsplit(url), urlsplit(url).port
    except (ValueError, httpx.InvalidURL):
        return False
    if port == 0 or " " in url:
        return False
    is_local = LOOPBACK.fullmatch(parts.hostname or "") is not None
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_local))


def _now() -> datetime:
    return datetime.now(UTC)
