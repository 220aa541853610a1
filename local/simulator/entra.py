"""Microsoft Entra's discovery document and token endpoint: docs/microsoft-365.md, sections 1.1 to 1.6."""

import re
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from local.simulator import assertions
from local.simulator.assertions import Refusal
from local.simulator.device_codes import GRANTS, DeviceCodes
from local.simulator.faults import Fault
from local.simulator.http_messages import Request, Response
from local.simulator.principals import Principals, roles_for
from local.simulator.state import SimulatorState
from local.simulator.tokens import ISSUER, Tokens, app_claims

_PATH = re.compile(
    r"/(?P<tenant>[^/]+)/(?P<what>v2\.0/\.well-known/openid-configuration|oauth2/v2\.0/(?:token|devicecode))"
)
_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DEFAULT = "/.default"


class Entra:
    """The sign-in service."""

    name = "entra"

    def __init__(self, state: SimulatorState, tokens: Tokens, principals: Principals) -> None:
        self.certificate: x509.Certificate | None = None
        """The certificate that is registered on the application, if any."""
        self._state = state
        self._tokens = tokens
        self._principals = principals
        self._device_codes = DeviceCodes(tokens, principals, lambda: state.behaviour.sign_in)

    def operation_of(self, request: Request) -> str:
        """discovery, token, devicecode or other."""
        matched = _PATH.fullmatch(request.path)
        if matched is None:
            return "other"
        name = matched["what"].rpartition("/")[2]
        return "discovery" if name == "openid-configuration" else name

    def is_write(self, request: Request) -> bool:
        """Nothing can be written here."""
        return request.method not in {"GET", "HEAD", "POST"}

    def reject_write(self, request: Request) -> Response:
        """Only GET and POST are supported."""
        return Response(405, {"error": "invalid_request", "error_description": f"{request.method} is not supported"})

    def respond_with_fault(self, fault: Fault, request: Request) -> Response:
        """A fault in Entra's format."""
        del request
        error = fault.error or "temporarily_unavailable"
        return self._refusal(Refusal(fault.status, error, 90055, "Too many requests; try again later."))

    def respond(self, request: Request) -> Response:
        """The discovery document, a token, or a refusal."""
        matched = _PATH.fullmatch(request.path)
        if matched is None:
            return Response(404, b"")
        refusal = self._tenant_refusal(matched["tenant"])
        if refusal:
            return self._refusal(refusal)
        tenant_id = self._tenant_id(matched["tenant"])
        if matched["what"].endswith("openid-configuration"):
            return Response(200, self._discovery(tenant_id))
        if request.method != "POST":
            return self._refusal(Refusal(400, "invalid_request", 900561, "The endpoint only accepts POST requests."))
        if matched["what"].endswith("devicecode"):
            return self._result(self._device_codes.issue(request.form))
        if request.form.get("grant_type") in GRANTS:
            return self._result(self._device_codes.exchange(request.form, tenant_id, self._state.clock()))
        endpoints = {f"{self._state.urls['entra']}/{name}/oauth2/v2.0/token" for name in (matched["tenant"], tenant_id)}
        return self._token(request.form, tenant_id, endpoints)

    def _result(self, result: dict[str, Any] | Refusal) -> Response:
        return self._refusal(result) if isinstance(result, Refusal) else Response(200, result)

    def _tenant_refusal(self, name: str) -> Refusal | None:
        if not _TENANT.fullmatch(name):
            return Refusal(400, "invalid_request", 900023, f"Specified tenant identifier '{name}' is not valid.")
        tenant = self._state.tenant
        if name.lower() in {tenant.tenant_id, tenant.home_tenant_id, tenant.initial_domain}:
            return None
        return Refusal(400, "invalid_request", 90002, f"Tenant '{name}' not found.")

    def _tenant_id(self, name: str) -> str:
        return self._state.tenant.tenant_id if name.lower() == self._state.tenant.initial_domain else name.lower()

    def _discovery(self, tenant_id: str) -> dict[str, object]:
        base = f"{self._state.urls['entra']}/{tenant_id}"
        return {
            "issuer": ISSUER.format(tenant_id),
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "response_types_supported": ["code", "token"],
            "tenant_region_scope": "EU",
        }

    def _token(self, form: dict[str, str], tenant_id: str, endpoints: set[str]) -> Response:
        refusal = self._client_refusal(form, tenant_id) or self._credential_refusal(form, endpoints)
        if refusal:
            return self._refusal(refusal)
        audience = self._audience(form.get("scope", ""))
        if isinstance(audience, Refusal):
            return self._refusal(audience)
        sign_in = self._state.behaviour.sign_in
        claims = app_claims(
            audience=audience,
            tenant_id=tenant_id,
            app_id=self._principals.app.client_id,
            object_id=self._principals.app.object_id,
            roles=roles_for(audience, sign_in) or (),
            now=self._state.clock(),
            seconds=sign_in.token_seconds,
        )
        seconds = {"expires_in": sign_in.token_seconds, "ext_expires_in": sign_in.token_seconds}
        return Response(200, {"token_type": "Bearer", **seconds, "access_token": self._tokens.issue(claims)})

    def _client_refusal(self, form: dict[str, str], tenant_id: str) -> Refusal | None:
        if form.get("grant_type") != "client_credentials":
            return Refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        client_id = form.get("client_id", "")
        if client_id.lower() != self._principals.app.client_id:
            message = f"Application with identifier '{client_id}' was not found in the directory '{tenant_id}'."
            return Refusal(400, "unauthorized_client", 700016, message)
        if not self._state.behaviour.sign_in.consented and tenant_id == self._state.tenant.tenant_id:
            message = f"The client application {client_id} is missing service principal in the tenant {tenant_id}."
            return Refusal(401, "invalid_client", 7000229, message)
        return None

    def _credential_refusal(self, form: dict[str, str], endpoints: set[str]) -> Refusal | None:
        if "client_secret" in form:
            return self._secret_refusal(form["client_secret"])
        assertion = form.get("client_assertion")
        if assertion is None or form.get("client_assertion_type") != _JWT_BEARER:
            message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            return Refusal(401, "invalid_client", 7000218, message)
        return self._assertion_refusal(assertion, endpoints)

    def _secret_refusal(self, secret: str) -> Refusal | None:
        if secret != self._principals.app_secret:
            message = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                "value, not the client secret ID, for a secret added to app "
                f"'{self._principals.app.client_id}'."
            )
            return Refusal(401, "invalid_client", 7000215, message)
        if self._state.behaviour.sign_in.secret_expired:
            return Refusal(401, "invalid_client", 7000222, "The provided client secret keys for app are expired.")
        return None

    def _assertion_refusal(self, assertion: str, endpoints: set[str]) -> Refusal | None:
        issuer, now = assertions.issuer_of(assertion), self._state.clock()
        if issuer is None:
            return assertions.NOT_AN_ASSERTION
        client_id = self._principals.app.client_id
        if issuer == client_id:
            checks = (
                assertions.check_certificate_assertion(assertion, self.certificate, client_id, endpoint, now)
                for endpoint in sorted(endpoints)
            )
            refusals = list(checks)
            return None if None in refusals else refusals[0]
        home, subject = self._state.tenant.home_tenant_id, self._principals.user_assigned.object_id
        sign_in = self._state.behaviour.sign_in
        return assertions.check_federated_assertion(assertion, self._tokens, home, subject, sign_in, now)

    def _audience(self, scope: str) -> str | Refusal:
        scopes = scope.split()
        if len(scopes) != 1:
            return Refusal(400, "invalid_scope", 70011, f"The provided value for 'scope' is not valid: '{scope}'.")
        if not scope.endswith(_DEFAULT):
            message = f"The provided value for scope {scope} is not valid. Client credential flows must have /.default."
            return Refusal(400, "invalid_scope", 1002012, message)
        audience = scope.removesuffix(_DEFAULT).rstrip("/")
        if roles_for(audience, self._state.behaviour.sign_in) is None:
            message = f"The resource principal named {audience} was not found in the tenant."
            return Refusal(400, "invalid_resource", 500011, message)
        return audience

    def _refusal(self, refusal: Refusal) -> Response:
        at = datetime.fromtimestamp(self._state.clock(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        trace_id, correlation_id = self._state.request_id(), self._state.request_id()
        trail = f"\r\nTrace ID: {trace_id}\r\nCorrelation ID: {correlation_id}\r\nTimestamp: {at}"
        body = {
            "error": refusal.error,
            "error_description": f"AADSTS{refusal.code}: {refusal.message}{trail}",
            "error_codes": [refusal.code],
            "timestamp": at,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={refusal.code}",
        }
        return Response(refusal.status, body)
