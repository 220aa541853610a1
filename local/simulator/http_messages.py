"""Requests and responses without sockets, so that a service is a function from one to the other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from local.simulator.faults import Effect, Fault


class CaseInsensitiveHeaders(dict[str, str]):
    """Headers of a part; case is ignored in their names."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: Any = None) -> Any:
        """The header with this name, ignoring case."""
        return super().get(name.lower(), default)


@dataclass(frozen=True)
class Request:
    """One request as it was received."""

    method: str
    raw_path: str
    """Path and query, still percent-encoded."""
    headers: Mapping[str, str]
    """Looked up ignoring case."""
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """Decoded path without the query."""
        return unquote(self.raw_path.partition("?")[0])

    @cached_property
    def raw_query(self) -> str:
        """Query as the client wrote it."""
        return self.raw_path.partition("?")[2]

    @cached_property
    def query(self) -> dict[str, str]:
        """Decoded query; `+` is a space."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, str]:
        """Decoded form body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        """Body as JSON; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Response:
    """One response."""

    status: int = 200
    body: Any = b""
    """Bytes and text go out as they are, anything else as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0
    """How long the service takes, besides its latency."""
    is_dropped: bool = False
    """The connection is closed without a response."""
    effect: Effect = Effect.NONE
    drip_seconds: float = 0

    @property
    def content(self) -> bytes:
        """Body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, separators=(",", ":"))
        return text.encode()

    def with_headers(self, headers: Mapping[str, str]) -> "Response":
        """The same response with more headers; its own take precedence."""
        return replace(self, headers={**headers, **self.headers})


class Service(Protocol):
    """One of Microsoft's services."""

    name: str

    def operation_of(self, request: Request) -> str:
        """What is requested, in one word: counted in the metrics, targeted by faults."""

    def is_write(self, request: Request) -> bool:
        """Whether the request would change something in a tenant."""

    def reject_write(self, request: Request) -> Response:
        """The response to a request that would change something."""

    def respond_with_fault(self, fault: Fault, request: Request) -> Response:
        """The response in the service's own error format."""

    def respond(self, request: Request) -> Response:
        """The response that Microsoft would send."""
