"""Signing in to the simulated tenant: Microsoft's own libraries get tokens, and each refusal has its code."""

import asyncio
import base64
import hashlib
import time
from pathlib import Path

import jwt
import msal
import pytest
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from local.simulator import Fault
from local.simulator.options import SignIn

GRAPH = "https://graph.microsoft.com"
SCOPE = f"{GRAPH}/.default"
OTHER_TENANT = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ROLES = list(SignIn().graph_roles)


@pytest.fixture
def clock():
    """Libraries look at the real clock."""
    return time.time


@pytest.fixture(autouse=True)
def own_authority_only(monkeypatch):
    """requests prefers these to the authority that a client was given."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def endpoint(client, tenant_id=None):
    return f"{client.settings['AZURE_AUTHORITY_HOST']}/{tenant_id or client.tenant.tenant_id}/oauth2/v2.0/token"


async def sign_in(client, tenant_id=None, **form):
    settings = client.tenant.settings_for_secret()
    usual = {"grant_type": "client_credentials", "client_id": settings["AZURE_CLIENT_ID"], "scope": SCOPE}
    if "client_assertion" in form:
        form = {"client_assertion_type": BEARER, **form}
    else:
        usual["client_secret"] = settings["AZURE_CLIENT_SECRET"]
    return await client.http.post(endpoint(client, tenant_id), data={**usual, **form})


def assertion(client, *, algorithm="PS256", thumbprint="sha256", **changes):
    settings = client.tenant.settings_for_certificate()
    pem = Path(settings["AZURE_CLIENT_CERTIFICATE_PATH"]).read_bytes()
    key, der = load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    digest = hashlib.new(thumbprint, der).digest()
    name = {"sha256": "x5t#S256", "sha1": "x5t"}[thumbprint]
    now = int(time.time())
    app = settings["AZURE_CLIENT_ID"]
    claims = {"aud": endpoint(client), "iss": app, "sub": app, "jti": "once", "nbf": now, "exp": now + 600}
    headers = {name: base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
    return jwt.encode({**claims, **changes}, key, algorithm=algorithm, headers=headers)


async def with_msal(client, credential):
    """A token by msal, in a thread of its own, because it waits."""
    settings = client.settings

    def send():
        app = msal.ConfidentialClientApplication(
            client.tenant.settings_for_secret()["AZURE_CLIENT_ID"],
            client_credential=credential,
            authority=f"{settings['AZURE_AUTHORITY_HOST']}/{settings['TENANT_ID']}",
            instance_discovery=False,
            verify=settings["SSL_CERT_FILE"],
        )
        return app.acquire_token_for_client([SCOPE])

    return await asyncio.to_thread(send)


async def with_azure_identity(make):
    def send():
        with make() as credential:
            return credential.get_token(SCOPE).token

    return await asyncio.to_thread(send)


def trust(client):
    return {"connection_verify": client.settings["SSL_CERT_FILE"], "authority": client.settings["AZURE_AUTHORITY_HOST"]}


async def test_msal_signs_in_with_a_secret(start):
    client = await start(users=1)

    result = await with_msal(client, client.tenant.settings_for_secret()["AZURE_CLIENT_SECRET"])

    claims = claims_of(result["access_token"])
    assert result["expires_in"] == 3599
    assert (claims["aud"], claims["tid"], claims["roles"]) == (GRAPH, client.tenant.tenant_id, ROLES)


async def test_msal_signs_in_with_a_certificate(start):
    client = await start(users=1)
    pem = client.tenant.settings_for_certificate(as_text=True)["AZURE_CLIENT_CERTIFICATE"]

    result = await with_msal(client, {"private_key": pem, "public_certificate": pem})

    assert claims_of(result["access_token"])["idtyp"] == "app"


async def test_msal_signs_in_with_a_managed_identity_as_federated_credential(start):
    client = await start(users=1)
    settings = client.tenant.settings_for_federated()
    token = await client.token("api://AzureADTokenExchange", client_id=settings["FEDERATED_IDENTITY_CLIENT_ID"])

    result = await with_msal(client, {"client_assertion": lambda: token})

    assert claims_of(result["access_token"])["appid"] == settings["AZURE_CLIENT_ID"]


async def test_msal_reports_a_wrong_secret(start):
    client = await start(users=1)

    result = await with_msal(client, "wrong")

    assert result["error"] == "invalid_client"
    assert result["error_description"].startswith("AADSTS7000215:")


async def test_azure_identity_signs_in_with_secret_certificate_and_assertion(start):
    client = await start(users=1)
    tenant_id, secret = client.tenant.tenant_id, client.tenant.settings_for_secret()
    certificate = client.tenant.settings_for_certificate()["AZURE_CLIENT_CERTIFICATE_PATH"]
    federated = client.tenant.settings_for_federated()["FEDERATED_IDENTITY_CLIENT_ID"]
    token = await client.token("api://AzureADTokenExchange", client_id=federated)
    app, quiet = secret["AZURE_CLIENT_ID"], {"disable_instance_discovery": True, **trust(client)}

    tokens = [
        await with_azure_identity(
            lambda: ClientSecretCredential(tenant_id, app, secret["AZURE_CLIENT_SECRET"], **quiet)
        ),
        await with_azure_identity(lambda: CertificateCredential(tenant_id, app, certificate, **quiet)),
        await with_azure_identity(lambda: ClientAssertionCredential(tenant_id, app, lambda: token, **trust(client))),
    ]

    assert {claims_of(one)["appid"] for one in tokens} == {app}


@pytest.mark.parametrize("is_user_assigned", [True, False])
async def test_azure_identity_signs_in_as_a_managed_identity(start, monkeypatch, is_user_assigned):
    client = await start(users=1)
    settings = client.tenant.settings_for_user_assigned()
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.setenv(name, settings[name])
    which = {"client_id": settings["MANAGED_IDENTITY_CLIENT_ID"]} if is_user_assigned else {}

    token = await with_azure_identity(lambda: ManagedIdentityCredential(**which))

    assert claims_of(token)["roles"] == ROLES
    assert (claims_of(token)["appid"] == settings["MANAGED_IDENTITY_CLIENT_ID"]) is is_user_assigned


@pytest.mark.parametrize(("algorithm", "thumbprint"), [("PS256", "sha256"), ("RS256", "sha1")])
async def test_both_forms_of_certificate_assertion_are_accepted(start, algorithm, thumbprint):
    client = await start(users=1)

    reply = await sign_in(client, client_assertion=assertion(client, algorithm=algorithm, thumbprint=thumbprint))

    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": 1_000_000}, 700024),
        ({"nbf": 4_000_000_000}, 700024),
        ({"aud": "https://login.microsoftonline.com/common"}, 700023),
        ({"iss": "https://elsewhere"}, 50012),
    ],
)
async def test_an_invalid_assertion_is_rejected(start, changes, code):
    client = await start(users=1)

    reply = await sign_in(client, client_assertion=assertion(client, **changes))

    assert (reply.status_code, reply.json()["error_codes"]) == (401, [code])


async def test_an_assertion_of_another_key_is_rejected(start):
    client = await start(users=1)
    head, claims, signature = assertion(client).split(".")
    forged = ".".join([head, claims, signature[:100][::-1] + signature[100:]])
    app = client.tenant.settings_for_secret()["AZURE_CLIENT_ID"]
    unknown = jwt.encode({"iss": app, "sub": app}, "k" * 32, algorithm="HS256")

    codes = [(await sign_in(client, client_assertion=one)).json()["error_codes"] for one in (forged, unknown, "x")]

    assert codes == [[50012], [700027], [50027]]


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": OTHER_TENANT}, 400, "unauthorized_client", 700016),
        ({"scope": f"{SCOPE} offline_access"}, 400, "invalid_scope", 70011),
        ({"scope": f"{GRAPH}/User.Read.All"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://example.com/.default"}, 400, "invalid_resource", 500011),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"tenant_id": OTHER_TENANT}, 400, "invalid_request", 90002),
        ({"tenant_id": "common"}, 400, "invalid_request", 900023),
    ],
)
async def test_each_refusal_has_its_code(start, form, status, error, code):
    client = await start(users=1)

    reply = await sign_in(client, **form)

    body = reply.json()
    assert (reply.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert "Trace ID" in body["error_description"]


async def test_expired_secrets_and_missing_consent_are_rejected(start):
    expired = await sign_in(await start({"sign_in": {"secret_expired": True}}, users=1))
    unconsented = await sign_in(await start({"sign_in": {"consented": False}}, users=1))

    assert (expired.status_code, expired.json()["error_codes"]) == (401, [7000222])
    assert (unconsented.status_code, unconsented.json()["error_codes"]) == (401, [7000229])


async def test_a_federated_assertion_needs_the_trusted_identity(start):
    client = await start(users=1)
    client_id = client.tenant.settings_for_federated()["FEDERATED_IDENTITY_CLIENT_ID"]
    good = await client.token("api://AzureADTokenExchange", client_id=client_id)
    system = await client.token("api://AzureADTokenExchange")

    async def code(token, **options):
        client.tenant.behave(sign_in={"federated_audience": "api://AzureADTokenExchange", **options})
        return (await sign_in(client, client_assertion=token)).json().get("error_codes")

    assert await code(good) is None
    assert await code(system) == [700213]
    assert await code(await client.token(GRAPH)) == [700211]
    assert await code(good, federated_audience="api://Other") == [700212]
    assert await code(good, federated_credential=False) == [70021]


async def test_an_identity_cannot_sign_in_to_another_tenant(start):
    client = await start(users=1, home_tenant_id=OTHER_TENANT)
    client_id = client.tenant.settings_for_federated()["FEDERATED_IDENTITY_CLIENT_ID"]
    token = await client.token("api://AzureADTokenExchange", client_id=client_id)

    reply = await sign_in(client, client_assertion=token)

    assert claims_of(token)["iss"] == f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"
    assert claims_of(reply.json()["access_token"])["tid"] == client.tenant.tenant_id
    assert (await client.graph("/users")).status_code == 401


async def test_a_token_may_lack_roles_and_be_short_lived(start):
    client = await start({"sign_in": {"graph_roles": [], "token_seconds": 5}}, users=1)

    body = (await sign_in(client)).json()

    assert "roles" not in claims_of(body["access_token"])
    assert body["expires_in"] == 5


async def test_sign_in_can_be_throttled(start):
    client = await start(users=1)
    client.tenant.add_fault(Fault("entra.token", status=429, retry_after="3"))

    reply = await sign_in(client)

    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
    assert reply.json()["error"] == "temporarily_unavailable"


async def test_the_discovery_document_names_the_endpoints(start):
    client = await start(users=1)
    tenant_id = client.tenant.tenant_id

    document = (
        await client.http.get(
            f"{client.settings['AZURE_AUTHORITY_HOST']}/{tenant_id}/v2.0/.well-known/openid-configuration"
        )
    ).json()

    assert document["token_endpoint"] == endpoint(client)
    assert {"issuer", "authorization_endpoint"} <= set(document)


async def test_the_identity_endpoint_validates_its_request(start):
    client = await start(users=1)

    no_header = await client.http.get(client.settings["IDENTITY_ENDPOINT"])
    no_resource = await client.identity("")
    stranger = await client.identity(GRAPH, client_id=OTHER_TENANT)
    good = await client.identity(GRAPH)

    assert [one.status_code for one in (no_header, no_resource, stranger)] == [401, 400, 400]
    assert good.json()["expires_on"].isdecimal()
    assert good.json()["resource"] == GRAPH
