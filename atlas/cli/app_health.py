"""``atlas doctor --app``: shows what a deployed app reports at ``/api/health``."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.text import Text

from atlas.cli.grants import grant_instructions
from atlas.cli.screen import INVALID_ARGUMENT, Screen, facts, print_error, show, show_json, status_lines
from atlas.health.checks import HealthStatus
from atlas.health.permissions import Permission
from atlas.microsoft365.connections import trusted_authorities
from atlas.setting_values import LOOPBACK

TIMEOUT_SECONDS = 60
MAX_DETAIL_LENGTH = 500
RESULTS = {True: ("works", "green"), False: ("fails", "red"), None: ("not checked", "dim")}
PERMISSIONS_BY_CHECK = {
    "signIn": (Permission.SIGN_IN,),
    "graph": (Permission.USERS,),
    "exchange": (Permission.EXCHANGE_SETTINGS, Permission.MAILBOXES),
    "bookings": (Permission.BOOKINGS,),
    "tables": (Permission.TABLES,),
}


class _Check(BaseModel):
    model_config = ConfigDict(strict=True)
    ok: bool | None
    detail: str


class _Scan(BaseModel):
    state: str
    finished_at: str | None = Field(alias="finishedAt")


class _Health(BaseModel):
    status: HealthStatus
    checks: dict[str, _Check]
    last_scan: _Scan | None = Field(alias="lastScan")


class NoHealthResponse(Exception):
    """The app did not return its health; the message says what happened instead."""


async def show_app_health(address: str, environment: Mapping[str, str], *, as_json: bool = False) -> int:
    """Show what the app reports; 1 unless it is healthy, 2 for an invalid address. No key is sent."""
    parts = _parse_address(address)
    if parts is None:
        print_error("--app must be the https:// address of a deployed app (http:// only for this machine).")
        return INVALID_ARGUMENT
    url = f"{parts.scheme}://{parts.netloc}/api/health"
    try:
        health = await _get_health(url, environment)
    except NoHealthResponse as problem:
        print_error(f"{url} did not return the app's health: {problem}")
        return 1
    if as_json:
        show_json(health.model_dump(by_alias=True, mode="json"))
    else:
        show(health_screen(health))
    works = health.status is HealthStatus.HEALTHY and all(check.ok is not False for check in health.checks.values())
    return 0 if works else 1


def health_screen(health: _Health) -> Screen:
    """What the app reports, and how to grant what may be missing."""
    rows = [(name, Text(*RESULTS[check.ok]), check.detail) for name, check in health.checks.items()]
    last = health.last_scan
    scan = f"{last.state}, finished {last.finished_at}" if last else "no scan has finished yet"
    failed = [name for name, check in health.checks.items() if check.ok is False]
    # The response does not say whether a service refused the call or only throttled it.
    missing = (permission for name in failed for permission in PERMISSIONS_BY_CHECK.get(name, ()))
    return [
        facts({"app": str(health.status), "last scan": scan}),
        Text(),
        *status_lines(rows),
        *grant_instructions("If this is missing", missing),
    ]


async def _get_health(url: str, environment: Mapping[str, str]) -> _Health:
    extra = environment.get("SSL_CERT_FILE", "").strip()
    trust = trusted_authorities(Path(extra) if extra else None)
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=trust, trust_env=False) as http:
            response = await http.get(url)
        document = json.loads(response.content)
    except httpx.HTTPError as error:
        raise NoHealthResponse(f"no connection ({type(error).__name__})") from None
    except (ValueError, RecursionError):
        raise NoHealthResponse(f"it returned {response.status_code}, and the body is not JSON") from None
    try:
        return _Health.model_validate(document)
    except ValidationError:
        detail = document.get("detail") if isinstance(document, dict) else None
        quoted = f": {detail[:MAX_DETAIL_LENGTH]}" if isinstance(detail, str) else ""
        raise NoHealthResponse(f"it returned {response.status_code} with an unexpected body{quoted}") from None


def _parse_address(address: str) -> SplitResult | None:
    """The address, of which only scheme, host and port are used; ``None`` if it is invalid."""
    address = address.strip()
    if not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port, httpx.URL(f"{parts.scheme}://{parts.netloc}")  # both raise for an invalid address
    except (ValueError, httpx.InvalidURL):
        return None
    if not parts.hostname or "@" in parts.netloc:
        return None
    is_local = LOOPBACK.fullmatch(parts.hostname) is not None
    return parts if parts.scheme == "https" or (parts.scheme == "http" and is_local) else None
