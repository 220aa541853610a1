"""Requests with a token, which is bound to one service. A token that the service rejects is replaced once."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Protocol

from atlas.domain.pages import origin
from atlas.microsoft365.calls import ApiClient, ClassifyFailure, Request, Response, host_of
from atlas.microsoft365.failures import NotUnderstood, TenantFailure


class TokenSource(Protocol):
    """What a signed client needs of ``SignIn``."""

    def token(self, scope: str) -> Awaitable[str]:
        """A token of this scope."""

    def discard(self, scope: str, rejected: str) -> None:
        """Drop a token that its service rejected."""


class SignedApiClient:
    """Sends requests to one service with the app's own identity."""

    def __init__(self, client: ApiClient, token_source: TokenSource, scope: str, base_url: str) -> None:
        self._client = client
        self._token_source = token_source
        self._scope = scope
        self.base_url = base_url

    async def send(self, request: Request, classify_failure: ClassifyFailure) -> Response:
        """As ``ApiClient.send``, with a token. A 401 is first blamed on an old token.

        Raises ``NotUnderstood`` before a token is requested if the URL leads to another origin than the service's own.
        """
        if origin(request.url) != origin(self.base_url):
            raise NotUnderstood(f"a link leads away from {host_of(self.base_url)}; no token was sent")
        token = await self._token_source.token(self._scope)
        response = await self._client.send(
            _with_token(request, token), lambda response: _failure_unless_401(response, classify_failure)
        )
        if response.status != 401:
            return response
        self._token_source.discard(self._scope, token)
        token = await self._token_source.token(self._scope)
        return await self._client.send(_with_token(request, token), classify_failure)


def _with_token(request: Request, token: str) -> Request:
    return replace(request, headers={**request.headers, "authorization": f"Bearer {token}"})


def _failure_unless_401(response: Response, classify_failure: ClassifyFailure) -> TenantFailure | None:
    return None if response.status == 401 else classify_failure(response)
