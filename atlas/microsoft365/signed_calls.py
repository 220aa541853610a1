"""Calls with a token: a token that the service refuses is thrown away and asked for anew, once."""

from dataclasses import replace

from atlas.microsoft365.calls import ApiClient, ClassifyFailure, Request, Response
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.sign_in import TokenSource


class SignedApiClient:
    """Asks one service in the name of the product's identity."""

    def __init__(self, calls: ApiClient, grants: TokenSource, scope: str) -> None:
        self._calls = calls
        self._grants = grants
        self._scope = scope

    async def send(self, request: Request, failure_of: ClassifyFailure) -> Response:
        """As ``Calls.ask``, with a token; a 401 is put down to an old token once."""
        token = await self._grants.token(self._scope)
        response = await self._calls.send(_signed(request, token), lambda response: _unless_401(response, failure_of))
        if response.status != 401:
            return response
        self._grants.forget(self._scope, token)
        return await self._calls.send(_signed(request, await self._grants.token(self._scope)), failure_of)


def _signed(request: Request, token: str) -> Request:
    return replace(request, headers={**request.headers, "authorization": f"Bearer {token}"})


def _unless_401(response: Response, failure_of: ClassifyFailure) -> TenantFailure | None:
    return None if response.status == 401 else failure_of(response)
