"""Signs in to the tenant: one token for each service, cached, renewed in time, and requested once for all who wait."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.token_requests import RequestToken, app_registration, device_code, managed_identity, own_login
from atlas.settings import DeviceCode, ManagedIdentity, OwnLogin, SignInKind

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
RENEW_BEFORE_SECONDS = 300
RETRY_RENEWAL_AFTER_SECONDS = 30
"""How long to wait after a failed renewal, while the old token is still valid."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and when to renew it and when it expires, in seconds of the clock."""

    text: str
    renew_at: float
    expires_at: float


class SignIn:
    """The tokens of one identity, of any kind. Can be shared by everything that runs in one event loop."""

    def __init__(
        self,
        request_token: RequestToken,
        clock: Callable[[], float] = time.monotonic,
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._request_token = request_token
        self._clock = clock
        self._stop = stop
        """Ends a request that waits for a person."""
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def token(self, scope: str) -> str:
        """A token of this scope that is valid for the next request.

        Raises ``SignInRefused``, which names the setting to check, ``Throttled``, ``Unreachable`` or ``NotUnderstood``.
        An old token is returned while it is valid and cannot be renewed.
        """
        async with self._locks.setdefault(scope, asyncio.Lock()):
            held = self._tokens.get(scope)
            if held and self._clock() < held.renew_at:
                return held.text
            try:
                text, lifetime = await asyncio.to_thread(self._request_token, scope)
            except TenantFailure:
                if held and (now := self._clock()) < held.expires_at:
                    renew_at = min(now + RETRY_RENEWAL_AFTER_SECONDS, held.expires_at)
                    self._tokens[scope] = replace(held, renew_at=renew_at)
                    return held.text
                raise
            except asyncio.CancelledError:
                self._stop()
                raise
            now = self._clock()
            renew_at = now + max(lifetime - RENEW_BEFORE_SECONDS, lifetime / 2)
            self._tokens[scope] = Token(text, renew_at, now + lifetime)
            return text

    def discard(self, scope: str, rejected: str) -> None:
        """Drop a token that its service rejected, so that the next request gets a new one."""
        held = self._tokens.get(scope)
        if held and held.text == rejected:
            del self._tokens[scope]


def sign_in_with(
    kind: SignInKind,
    tenant_id: str,
    authority_host: str,
    trust: ssl.SSLContext,
    show_code: Callable[[str], None] | None = None,
) -> SignIn:
    """Sign-in by the settings. Nothing is requested until the first token is.

    ``show_code`` shows a person where to enter which code, for a sign-in by device code.
    """
    authority = f"{authority_host}/{tenant_id}"
    match kind:
        case ManagedIdentity(client_id=client_id):
            return SignIn(managed_identity(client_id))
        case OwnLogin():
            return SignIn(own_login(kind, tenant_id))
        case DeviceCode(client_id=client_id):
            stopped = threading.Event()
            request_token = device_code(client_id, authority, trust, show_code or print, stopped)
            return SignIn(request_token, stop=stopped.set)
        case _:
            return SignIn(app_registration(kind, authority, trust))
