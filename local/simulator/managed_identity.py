"""The local managed identity endpoint of App Service: docs/microsoft-365.md, section 1.4."""

import secrets

from local.simulator.faults import Fault
from local.simulator.http_messages import Request, Response
from local.simulator.principals import TOKEN_EXCHANGE, Principal, Principals, roles_for
from local.simulator.state import SimulatorState
from local.simulator.tokens import ISSUER, Tokens, app_claims


class ManagedIdentity:
    """Issues tokens to callers that know the identity header."""

    name = "managed_identity"

    def __init__(self, state: SimulatorState, tokens: Tokens, principals: Principals) -> None:
        self.header = secrets.token_hex(16)
        self._state = state
        self._tokens = tokens
        self._principals = principals

    def operation_of(self, request: Request) -> str:
        """There is one operation."""
        return "token" if request.path == "/msi/token" else "other"

    def is_write(self, request: Request) -> bool:
        """Nothing can be written here."""
        return request.method not in {"GET", "HEAD"}

    def reject_write(self, request: Request) -> Response:
        """Only GET is supported."""
        return Response(405, {"statusCode": 405, "message": f"{request.method} is not supported"})

    def respond_with_fault(self, fault: Fault, request: Request) -> Response:
        """A fault in the endpoint's own format."""
        return Response(
            fault.status, {"statusCode": fault.status, "message": fault.error or "The identity is unavailable"}
        )

    def respond(self, request: Request) -> Response:
        """A token for the requested resource."""
        if request.path != "/msi/token":
            return Response(404, {"statusCode": 404, "message": "Not found"})
        if not secrets.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), self.header):
            return Response(401, {"statusCode": 401, "message": "The header X-IDENTITY-HEADER is missing or wrong"})
        if request.query.get("api-version") != "2019-08-01" or not request.query.get("resource"):
            return Response(400, {"statusCode": 400, "message": "api-version 2019-08-01 and resource are needed"})
        identity = self._identity(request.query.get("client_id"))
        if identity is None:
            return Response(400, {"statusCode": 400, "message": "No User Assigned identity found for the client id"})
        return self._token(identity, request.query["resource"])

    def _identity(self, client_id: str | None) -> Principal | None:
        if client_id is None:
            return self._principals.system_assigned
        wanted = self._principals.user_assigned
        return wanted if client_id.lower() == wanted.client_id else None

    def _token(self, identity: Principal, resource: str) -> Response:
        sign_in, now = self._state.behaviour.sign_in, self._state.clock()
        audience = resource.rstrip("/")
        roles = () if audience == TOKEN_EXCHANGE else roles_for(audience, sign_in)
        if roles is None:
            return Response(400, {"statusCode": 400, "message": f"AADSTS500011: The resource {resource} was not found"})
        claims = app_claims(
            audience=audience,
            tenant_id=self._state.tenant.home_tenant_id,
            app_id=identity.client_id,
            object_id=identity.object_id,
            roles=roles,
            now=now,
            seconds=sign_in.managed_token_seconds,
        )
        if audience == TOKEN_EXCHANGE:
            claims["iss"] = ISSUER.format(self._state.tenant.home_tenant_id)
        body = {
            "access_token": self._tokens.issue(claims),
            "expires_on": str(claims["exp"]),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": identity.client_id,
        }
        return Response(200, body)
