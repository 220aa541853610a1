"""Calls with a token: a token that the service refuses is thrown away and asked for anew, once."""

from dataclasses import replace

from atlas.microsoft365.calls import Calls, FailureOf, Question, Reply
from atlas.microsoft365.failures import TenantFailure
from atlas.microsoft365.sign_in import Grants


class SignedCalls:
    """Asks one service in the name of the product's identity."""

    def __init__(self, calls: Calls, grants: Grants, scope: str) -> None:
        self._calls = calls
        self._grants = grants
        self._scope = scope

    async def ask(self, question: Question, failure_of: FailureOf) -> Reply:
        """As ``Calls.ask``, with a token; a 401 is put down to an old token once."""
        token = await self._grants.token(self._scope)
        reply = await self._calls.ask(_signed(question, token), lambda reply: _unless_401(reply, failure_of))
        if reply.status != 401:
            return reply
        self._grants.forget(self._scope, token)
        return await self._calls.ask(_signed(question, await self._grants.token(self._scope)), failure_of)


def _signed(question: Question, token: str) -> Question:
    return replace(question, headers={**question.headers, "authorization": f"Bearer {token}"})


def _unless_401(reply: Reply, failure_of: FailureOf) -> TenantFailure | None:
    return None if reply.status == 401 else failure_of(reply)
