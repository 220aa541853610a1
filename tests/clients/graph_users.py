"""Records of Microsoft Graph, and its client without a sign-in."""

from typing import Any

from atlas.microsoft365.calls import ApiClient
from atlas.microsoft365.graph import Graph
from atlas.microsoft365.signed_calls import SignedApiClient

BASE = "https://graph.microsoft.com"
PLAN = {"servicePlanId": "199a5c09-e0ca-4e37-8f7c-b05d533e1ea2", "capabilityStatus": "Enabled"}
USER: dict[str, Any] = {
    "id": "6EA91A8D-e32e-41a1-b7bd-d2d185eed0e0",
    "userPrincipalName": "AdeleV@contoso.com",
    "displayName": "Adele Vance",
    "assignedPlans": [PLAN],
}


class TokenSource:
    """Returns a token without any request."""

    def __init__(self):
        self.requested = 0

    async def token(self, scope):
        self.requested += 1
        return "a-token"

    def discard(self, scope, rejected):
        raise AssertionError("nothing was rejected")


def graph_of(http, url):
    return Graph(SignedApiClient(ApiClient(http), TokenSource(), "scope", url))
