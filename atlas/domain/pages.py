"""What the Bookings service's answer to ``services`` means (docs/microsoft-365.md, section 5.6)."""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import TypeAdapter, ValidationError

from atlas.domain.text import replace_lone_surrogates
from atlas.domain.unknown import Reason, Unknown

DEFAULT_PORTS = {"http": 80, "https": 443}
ALWAYS_SIGN_IN_HOSTS = ("login.microsoftonline.com", "login.live.com")
NOT_LEARNED = {403: Reason.REFUSED, 408: Reason.UNREACHABLE, 429: Reason.THROTTLED}

MAX_MEETING_MINUTES = 366 * 24 * 60

_duration = TypeAdapter(timedelta)


@dataclass(frozen=True, slots=True)
class PageResponse:
    """An HTTP answer of the Bookings service, as far as its meaning depends on it."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    url: str
    """The address that gave this answer."""


@dataclass(frozen=True, slots=True)
class PublicType:
    """A meeting type that anybody may book."""

    type_id: str
    title: str
    duration_minutes: int | None
    is_online: bool | None


@dataclass(frozen=True, slots=True)
class PageFound:
    """The page is there; ``public_types`` may be empty."""

    public_types: tuple[PublicType, ...]


@dataclass(frozen=True, slots=True)
class SignInRequired:
    """The page wants its visitor to sign in."""


@dataclass(frozen=True, slots=True)
class NoPage:
    """The service says that there is no such page."""

    status: int


@dataclass(frozen=True, slots=True)
class Redirected:
    """The service redirects to another address of its own origin, which is asked next."""

    url: str


type PageEvidence = PageFound | SignInRequired | NoPage | Unknown


@dataclass(frozen=True, slots=True)
class PageRules:
    """What an administrator may set about reading answers: where one signs in, and the words of "no such page"."""

    sign_in_hosts: tuple[str, ...]
    """Host, with its port where it is not the scheme's own; lower case."""
    not_set_up_markers: tuple[str, ...]


def sign_in_hosts(authority_url: str) -> tuple[str, ...]:
    """The hosts that a redirect or a page may point to when sign-in is asked for."""
    return (_host(authority_url), *ALWAYS_SIGN_IN_HOSTS)


def classify(response: PageResponse, rules: PageRules) -> PageEvidence | Redirected:
    """The meaning of one answer to ``services``. Never raises: what fits no row is ``notUnderstood``."""
    if response.status == 401 or _points_to_sign_in(response, rules):
        return SignInRequired()
    match response.status:
        case 200:
            return _classify_services(response)
        case 301 | 302 | 303 | 307 | 308:
            return _classify_redirect(response)
        case 500 if _holds_marker(response.body, rules):
            return NoPage(500)
        case status if status in NOT_LEARNED or status >= 500:
            reason = NOT_LEARNED.get(status, Reason.UNREACHABLE)
            return Unknown(reason, f"Bookings answered {status}")
        case status if status >= 400:
            return NoPage(status)
        case status:
            return _not_understood(f"status {status}")


def _classify_services(response: PageResponse) -> PageEvidence:
    if _is_html(response):
        return _not_understood("a web page instead of JSON")
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return _not_understood("broken JSON")
    services = document.get("service") if isinstance(document, dict) else None
    if not isinstance(services, list):
        return _not_understood("JSON without a list `service`")
    try:
        return PageFound(tuple(_public_type(item) for item in services if _is_public(item)))
    except (KeyError, TypeError, AttributeError) as error:
        return _not_understood(f"a meeting type without {error}")


def _is_public(item: dict[str, Any]) -> bool:
    hidden = [item.get("isPrivate"), item.get("isHiddenFromCustomers")]
    if not all(flag is None or isinstance(flag, bool) for flag in hidden):
        raise TypeError("isPrivate and isHiddenFromCustomers that are true or false")
    return not any(hidden)


def _public_type(item: dict[str, Any]) -> PublicType:
    online = item.get("isLocationOnline")
    type_id = item["serviceId"]
    if not isinstance(type_id, str) or not type_id:
        raise KeyError("serviceId")
    return PublicType(
        type_id=replace_lone_surrogates(type_id),
        title=replace_lone_surrogates(str(item.get("title") or "")),
        duration_minutes=_minutes(item.get("defaultDuration")),
        is_online=online if isinstance(online, bool) else None,
    )


def _minutes(iso_duration: object) -> int | None:
    try:
        minutes = round(_duration.validate_python(iso_duration).total_seconds() / 60)
    except ValidationError:
        return None
    return minutes if 0 < minutes <= MAX_MEETING_MINUTES else None


def _classify_redirect(response: PageResponse) -> Redirected | Unknown:
    target = _redirect_target(response)
    if not target or origin(target) != origin(response.url):
        return _not_understood("a redirect to another origin")
    return Redirected(target)


def _redirect_target(response: PageResponse) -> str:
    """Where a redirect leads; empty where it names no address."""
    location = response.headers.get("location", "")
    try:
        return urljoin(response.url, location) if location else ""
    except ValueError:
        return ""


def _points_to_sign_in(response: PageResponse, rules: PageRules) -> bool:
    if 300 <= response.status < 400:
        return _host(_redirect_target(response)) in rules.sign_in_hosts
    if not _is_html(response):
        return False
    text = response.body.lower().replace(b"\\/", b"/").replace(b"%2f", b"/").replace(b"%3a", b":")
    return any(f"//{host}".encode() in text for host in rules.sign_in_hosts)


def _is_html(response: PageResponse) -> bool:
    content_type = response.headers.get("content-type", "").lower()
    body = response.body.removeprefix(BOM_UTF8).lstrip()
    return "html" in content_type or ("json" not in content_type and body.startswith(b"<"))


def _holds_marker(body: bytes, rules: PageRules) -> bool:
    text = body.decode("utf-8", "replace").lower()
    return any(marker.lower() in text for marker in rules.not_set_up_markers)


def _not_understood(what: str) -> Unknown:
    return Unknown(Reason.NOT_UNDERSTOOD, f"Bookings answered {what}")


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address; two addresses of one origin give the same. Never raises."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None


def _host(url: str) -> str:
    scheme, name, port = origin(url)
    return name if port == DEFAULT_PORTS.get(scheme) else f"{name}:{port}"
