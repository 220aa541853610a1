"""``atlas doctor --app``: asks a deployed app how it is, and shows the answer if it is one of ``/api/health``."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atlas.cli.output import INVALID_ARGUMENT, print_error, show
from atlas.cli.screens import health_screen
from atlas.health.checks import HealthStatus
from atlas.microsoft365.connections import trusted_authorities
from atlas.setting_values import LOOPBACK

TIMEOUT_SECONDS = 60
MAX_DETAIL_LENGTH = 500


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
    """The app did not tell how it is; the message says what came instead."""


async def show_app_health(address: str, environment: Mapping[str, str]) -> int:
    """Show what the app says; 1 unless it is healthy, 2 for an address that is none. No key is sent."""
    parts = _parts(address)
    if parts is None:
        print_error("--app should be the https:// address of a deployed app (http:// on this machine only).")
        return INVALID_ARGUMENT
    url = f"{parts.scheme}://{parts.netloc}/api/health"
    try:
        health = await _health(url, environment)
    except NoHealthResponse as problem:
        print_error(f"{url} did not tell how the app is: {problem}")
        return 1
    show(health_screen(health.model_dump(by_alias=True)))
    works = health.status is HealthStatus.HEALTHY and all(check.ok is not False for check in health.checks.values())
    return 0 if works else 1


async def _health(url: str, environment: Mapping[str, str]) -> _Health:
    extra = environment.get("SSL_CERT_FILE", "").strip()
    trust = trusted_authorities(Path(extra) if extra else None)
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=trust, trust_env=False) as http:
            answer = await http.get(url)
        document = json.loads(answer.content)
    except httpx.HTTPError as error:
        raise NoHealthResponse(f"no connection ({type(error).__name__})") from None
    except (ValueError, RecursionError):
        raise NoHealthResponse(f"it answered {answer.status_code} with something else than JSON") from None
    try:
        return _Health.model_validate(document)
    except ValidationError:
        detail = document.get("detail") if isinstance(document, dict) else None
        told = f": {detail[:MAX_DETAIL_LENGTH]}" if isinstance(detail, str) else ""
        raise NoHealthResponse(f"it answered {answer.status_code}, and not as /api/health does{told}") from None


def _parts(address: str) -> SplitResult | None:
    """The address without a path, a query or a key in it; ``None`` where it is none."""
    address = address.strip()
    if not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port, httpx.URL(f"{parts.scheme}://{parts.netloc}")  # checked when they are read
    except (ValueError, httpx.InvalidURL):
        return None
    is_whole = bool(parts.hostname) and "@" not in parts.netloc
    is_local = LOOPBACK.fullmatch(parts.hostname or "") is not None
    is_open = parts.scheme == "http" and is_local
    return parts if is_whole and (parts.scheme == "https" or is_open) else None
