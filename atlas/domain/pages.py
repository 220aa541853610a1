"""What the Bookings service's response to ``services`` means (docs/microsoft-365.md, section 5.6)."""

from codecs import BOM_UTF8
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import TypeAdapter, ValidationError

from atlas.domain.json_limits import InvalidJson, parse_json
from atlas.domain.records import MalformedRecord, parse_records
from atlas.domain.text import replace_lone_surrogates
from atlas.domain.unknown import Reason, Unknown

DEFAULT_PORTS = {"http": 80, "https": 443}
ALWAYS_SIGN_IN_HOSTS = ("login.microsoftonline.com", "login.live.com")
UNDETERMINED = {403: Reason.REFUSED, 408: Reason.UNREACHABLE, 429: Reason.THROTTLED}

MAX_MEETING_MINUTES = 366 * 24 * 60

_duration = TypeAdapter(timedelta)


@dataclass(frozen=True, slots=True)
class PageResponse:
    """The parts of an HTTP response of the Bookings service that its meaning depends on."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    url: str
    """The address that sent this response."""


@dataclass(frozen=True, slots=True)
class PublicType:
    """A meeting type that anybody may book."""

    type_id: str
    title: str
    duration_minutes: int | None
    is_online: bool | None


@dataclass(frozen=True, slots=True)
class PageFound:
    """The page exists; ``public_types`` may be empty."""

    public_types: tuple[PublicType, ...]


@dataclass(frozen=True, slots=True)
class SignInRequired:
    """The page requires its visitor to sign in."""


@dataclass(frozen=True, slots=True)
class NoPage:
    """The service says that there is no such page."""

    status: int


@dataclass(frozen=True, slots=True)
class Redirected:
    """The service redirects to another address of its own origin, which is requested next."""

    url: str


type PageEvidence = PageFound | SignInRequired | NoPage | Unknown


@dataclass(frozen=True, slots=True)
class PageRules:
    """How responses are interpreted: the sign-in hosts, and the words that mean "no such page"."""

    sign_in_hosts: tuple[str, ...]
    """Host, with the port unless it is the scheme's default; lower case."""
    not_set_up_markers: tuple[str, ...]


def sign_in_hosts(authority_url: str) -> tuple[str, ...]:
    """The hosts that a redirect or a page points to if sign-in is required."""
    return (_host(authority_url), *ALWAYS_SIGN_IN_HOSTS)


def classify(response: PageResponse, rules: PageRules) -> PageEvidence | Redirected:
    """The meaning of one response to ``services``. Never raises: what fits no row of the table is ``notUnderstood``."""
    if response.status == 401 or _points_to_sign_in(response, rules):
        return SignInRequired()
    match response.status:
        case 200:
            return _classify_services(response)
        case 301 | 302 | 303 | 307 | 308:
            return _classify_redirect(response)
        case 500 if _holds_marker(response.body, rules):
            return NoPage(500)
        case status if status in UNDETERMINED or status >= 500:
            return Unknown(_reason(response), f"Bookings responded with {status}")
        case status if status >= 400:
            return NoPage(status)
        case status:
            return _not_understood(f"the status {status}")


def _classify_services(response: PageResponse) -> PageEvidence:
    if _is_html(response):
        return _not_understood("a web page instead of JSON")
    try:
        document = parse_json(response.body)
    except InvalidJson as error:
        return _not_understood(f"a body that is {error}")
    services = document.get("service") if isinstance(document, dict) else None
    if not isinstance(services, list):
        return _not_understood("JSON without a list `service`")
    types = parse_records(services, _public_type)
    public_types = tuple(public_type for public_type in types.valid if public_type)
    if types.malformed and not public_types:  # the malformed one may be public
        return _not_understood(f"a meeting type of which {types.malformed[0].problem}")
    return PageFound(public_types)


def _public_type(item: Any) -> PublicType | None:
    """The meeting type; ``None`` if it is private or hidden. Raises ``MalformedRecord``."""
    if not isinstance(item, dict):
        raise MalformedRecord("the record is malformed")
    hidden = [item.get("isPrivate"), item.get("isHiddenFromCustomers")]
    if not all(flag is None or isinstance(flag, bool) for flag in hidden):
        raise MalformedRecord("isPrivate or isHiddenFromCustomers is malformed")
    if any(hidden):
        return None
    online = item.get("isLocationOnline")
    type_id = item.get("serviceId")
    if not isinstance(type_id, str) or not type_id:
        raise MalformedRecord("serviceId is missing or malformed")
    return PublicType(
        type_id=replace_lone_surrogates(type_id),
        title=replace_lone_surrogates(str(item.get("title") or "")),
        duration_minutes=parse_minutes(item.get("defaultDuration")),
        is_online=online if isinstance(online, bool) else None,
    )


def parse_minutes(iso_duration: object) -> int | None:
    """The minutes of an ISO 8601 duration, rounded; ``None`` if it is malformed or out of range."""
    try:
        minutes = round(_duration.validate_python(iso_duration).total_seconds() / 60)
    except ValidationError:
        return None
    return minutes if 0 < minutes <= MAX_MEETING_MINUTES else None


def _reason(response: PageResponse) -> Reason:
    reason = UNDETERMINED.get(response.status, Reason.UNREACHABLE)
    return Reason.THROTTLED if reason is Reason.UNREACHABLE and "retry-after" in response.headers else reason


def _classify_redirect(response: PageResponse) -> Redirected | Unknown:
    target = _redirect_target(response)
    if not target or origin(target) != origin(response.url):
        return _not_understood("a redirect to another origin")
    return Redirected(target)


def _redirect_target(response: PageResponse) -> str:
    """Where a redirect leads; empty if it has no valid address."""
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
    return Unknown(Reason.NOT_UNDERSTOOD, f"Bookings sent {what}")


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
