"""Sign-in in each of its four ways, with Microsoft's own libraries against the simulated services."""

import asyncio
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from atlas.microsoft365.connections import trusted_authorities
from atlas.microsoft365.failures import Refused, SignInRefused, Throttled, Unreachable
from atlas.microsoft365.sign_in import EXCHANGE_SCOPE, GRAPH_SCOPE, RETRY_RENEWAL_AFTER_SECONDS, SignIn, sign_in_with
from atlas.settings import ClientCertificate, ClientSecret, DeviceCode, FederatedIdentity, ManagedIdentity
from local.simulator import Fault, SimulatedTenant

WAYS = {
    "system-assigned": SimulatedTenant.settings,
    "user-assigned": SimulatedTenant.settings_for_user_assigned,
    "secret": SimulatedTenant.settings_for_secret,
    "certificate file": SimulatedTenant.settings_for_certificate,
    "certificate text": lambda tenant: tenant.settings_for_certificate(as_text=True),
    "federated": SimulatedTenant.settings_for_federated,
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_to_sign_in_reaches_graph_and_exchange(start, way):
    clients = await start(users=3, settings_of=WAYS[way])

    page = await clients.graph.get_licensed_page(None)
    organization = await clients.exchange.get_organization()

    assert len(page.users) == 3
    assert organization.bookings_auth_enabled is False


def with_home(**changed):
    """Settings of an app whose registration is in another tenant than the one that is scanned."""
    return {"home_tenant_id": "99999999-8888-4777-8666-555555555555", **changed}


async def test_an_app_of_another_tenant_signs_in_by_its_federated_identity(start):
    clients = await start(users=2, settings_of=SimulatedTenant.settings_for_federated, **with_home())

    assert len((await clients.graph.get_licensed_page(None)).users) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_concurrent_callers_share_one_token_request(start, way):
    clients = await start(users=1, settings_of=WAYS[way])

    tokens = await asyncio.gather(*(clients.sign_in.token(GRAPH_SCOPE) for _ in range(20)))

    assert len(set(tokens)) == 1
    service = "managed_identity" if "assigned" in way else "entra"
    assert clients.request_count(service, "token") == 1


async def test_each_scope_has_its_own_token(start):
    clients = await start(users=1, settings_of=SimulatedTenant.settings_for_secret)

    graph, exchange = await asyncio.gather(clients.sign_in.token(GRAPH_SCOPE), clients.sign_in.token(EXCHANGE_SCOPE))

    assert graph != exchange
    assert clients.request_count("entra", "token") == 2


class TokenSource:
    """Gives tokens that are numbered, or fails when a test says so."""

    def __init__(self, lifetime=3600.0):
        self.given = 0
        self.tried = 0
        self.lifetime = lifetime
        self.failure = None

    def __call__(self, scope):
        self.tried += 1
        if self.failure:
            raise self.failure
        self.given += 1
        return f"{scope}-{self.given}", self.lifetime


@pytest.fixture
def sign_in_with_clock():
    now = SimpleNamespace(seconds=1000.0)
    tokens = TokenSource()
    return now, tokens, SignIn(tokens, lambda: now.seconds)


async def test_a_token_is_reused_until_shortly_before_it_expires(sign_in_with_clock):
    now, tokens, sign_in = sign_in_with_clock
    first = await sign_in.token("s")

    now.seconds += 3299
    stored = await sign_in.token("s")
    now.seconds += 2
    renewed = await sign_in.token("s")

    assert first == stored == "s-1"
    assert renewed == "s-2"
    assert tokens.given == 2


async def test_a_short_lived_token_is_reused_for_half_its_lifetime(sign_in_with_clock):
    now, tokens, sign_in = sign_in_with_clock
    tokens.lifetime = 100
    await sign_in.token("s")

    now.seconds += 49
    assert await sign_in.token("s") == "s-1"
    now.seconds += 2

    assert await sign_in.token("s") == "s-2"


@pytest.mark.parametrize("failure", [Throttled("429", 30), Unreachable("503"), SignInRefused("AADSTS7000215")])
async def test_a_failed_renewal_returns_the_old_token(sign_in_with_clock, failure):
    now, tokens, sign_in = sign_in_with_clock
    await sign_in.token("s")
    tokens.failure = failure

    now.seconds += 3500
    assert await sign_in.token("s") == "s-1"
    now.seconds += 101
    with pytest.raises(type(failure)):
        await sign_in.token("s")


async def test_a_failed_renewal_is_retried_after_a_pause(sign_in_with_clock):
    now, tokens, sign_in = sign_in_with_clock
    await sign_in.token("s")
    tokens.failure = Unreachable("503")
    now.seconds += 3400

    for _ in range(20):
        assert await sign_in.token("s") == "s-1"
    tried = tokens.tried
    now.seconds += RETRY_RENEWAL_AFTER_SECONDS - 1
    await sign_in.token("s")
    assert tokens.tried == tried == 2
    now.seconds += 2
    tokens.failure = None

    assert await sign_in.token("s") == "s-2"


async def test_the_pause_ends_with_the_old_token(sign_in_with_clock):
    now, tokens, sign_in = sign_in_with_clock
    await sign_in.token("s")
    tokens.failure = Unreachable("503")
    now.seconds += 3595
    await sign_in.token("s")

    now.seconds += 6
    tokens.failure = None

    assert await sign_in.token("s") == "s-2"


async def test_only_the_rejected_token_is_discarded(sign_in_with_clock):
    _, tokens, sign_in = sign_in_with_clock
    first = await sign_in.token("s")

    sign_in.discard("s", "an older one")
    sign_in.discard("other", first)
    stored = await sign_in.token("s")
    sign_in.discard("s", first)

    assert stored == first
    assert await sign_in.token("s") == "s-2"
    assert tokens.given == 2


async def test_a_rejected_token_is_replaced_once(start):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("graph.users", status=401))

    page = await clients.graph.get_licensed_page(None)

    assert len(page.users) == 2
    assert clients.request_count("managed_identity", "token") == 2


async def test_repeated_rejection_is_a_refusal(start):
    clients = await start(users=2)
    clients.tenant.add_fault(Fault("graph.users", status=401, times=None))

    with pytest.raises(Refused, match=r"User\.Read\.All"):
        await clients.graph.get_licensed_page(None)

    assert clients.request_count("managed_identity", "token") == 2
    assert clients.request_count("graph", "users") == 2


REFUSALS = {
    "AZURE_CLIENT_SECRET": (ClientSecret, {"secret_expired": True}, SimulatedTenant.settings_for_secret),
    "AZURE_CLIENT_CERTIFICATE": (ClientCertificate, {"consented": False}, SimulatedTenant.settings_for_certificate),
    "FEDERATED_IDENTITY_CLIENT_ID": (
        FederatedIdentity,
        {"federated_credential": False},
        SimulatedTenant.settings_for_federated,
    ),
}


@pytest.mark.parametrize("setting", REFUSALS)
async def test_a_refused_sign_in_names_the_settings(start, setting):
    _, behaviour, settings_of = REFUSALS[setting]
    clients = await start({"sign_in": behaviour}, users=1, settings_of=settings_of)

    with pytest.raises(SignInRefused, match=setting) as caught:
        await clients.sign_in.token(GRAPH_SCOPE)

    assert "TENANT_ID" in str(caught.value)
    assert "AADSTS" in str(caught.value)
    assert clients.tenant.principals.app_secret not in str(caught.value)
    assert "Trace ID" not in str(caught.value)


async def test_a_wrong_secret_is_not_quoted(start):
    clients = await start(
        users=1, settings_of=lambda tenant: {**tenant.settings_for_secret(), "AZURE_CLIENT_SECRET": "hunter2~Zz"}
    )

    with pytest.raises(SignInRefused, match="AZURE_CLIENT_SECRET") as caught:
        await clients.sign_in.token(GRAPH_SCOPE)

    assert "hunter2" not in str(caught.value)


async def test_an_unknown_tenant_names_its_setting(start):
    clients = await start(
        users=1,
        settings_of=lambda tenant: {
            **tenant.settings_for_secret(),
            "TENANT_ID": "00000000-1111-4222-8333-444444444444",
        },
    )

    with pytest.raises(SignInRefused, match="TENANT_ID"):
        await clients.sign_in.token(GRAPH_SCOPE)


async def test_an_unknown_identity_names_its_setting(start):
    unknown = "00000000-1111-4222-8333-444444444444"
    clients = await start(
        users=1, settings_of=lambda tenant: {**tenant.settings(), "MANAGED_IDENTITY_CLIENT_ID": unknown}
    )

    with pytest.raises(SignInRefused, match="MANAGED_IDENTITY_CLIENT_ID"):
        await clients.sign_in.token(GRAPH_SCOPE)


async def test_an_unreadable_certificate_names_its_setting(start):
    parts = ("PRIVATE KEY", "CERTIFICATE")
    broken = "\n".join(f"-----BEGIN {part}-----\nAAAA\n-----END {part}-----" for part in parts)
    clients = await start(users=1)
    kind = ClientCertificate(clients.tenant.principals.app.client_id, SecretStr(broken))
    authority = clients.tenant.state.urls["entra"]
    sign_in = sign_in_with(
        kind, clients.tenant.tenant_id, authority, trusted_authorities(clients.tenant.authority_file)
    )

    with pytest.raises(SignInRefused, match="AZURE_CLIENT_CERTIFICATE"):
        await sign_in.token(GRAPH_SCOPE)


async def test_a_busy_sign_in_service_is_throttling(start):
    clients = await start(users=1, settings_of=SimulatedTenant.settings_for_secret)
    clients.tenant.add_fault(Fault("entra.token", status=429, retry_after="12", times=None))

    with pytest.raises(Throttled) as caught:
        await clients.sign_in.token(GRAPH_SCOPE)

    assert caught.value.wait_seconds == 12


async def test_sign_in_recovers_from_one_failure(start):
    clients = await start(users=1, settings_of=SimulatedTenant.settings_for_secret)
    clients.tenant.add_fault(Fault("entra.token", status=503))

    with pytest.raises(Unreachable):
        await clients.sign_in.token(GRAPH_SCOPE)

    assert await clients.sign_in.token(GRAPH_SCOPE)


async def test_an_untrusted_authority_is_rejected(start):
    clients = await start(users=1)
    kind = ClientSecret(clients.tenant.principals.app.client_id, SimpleNamespace(get_secret_value=lambda: "s"))
    sign_in = sign_in_with(
        kind, clients.tenant.tenant_id, clients.tenant.state.urls["entra"], trusted_authorities(None)
    )

    with pytest.raises(Unreachable, match="sign-in service"):
        await sign_in.token(GRAPH_SCOPE)


async def test_a_missing_managed_identity_is_reported(start, monkeypatch):
    clients = await start(users=1)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token")
    sign_in = sign_in_with(ManagedIdentity(), clients.tenant.tenant_id, "https://unused.example", None)
    monkeypatch.setattr("azure.core.pipeline.policies.RetryPolicy.sleep", lambda *_, **__: None)

    with pytest.raises(Unreachable, match="managed identity"):
        await sign_in.token(GRAPH_SCOPE)


@pytest.mark.parametrize(
    ("status", "failure"), [(429, Throttled), (500, Unreachable), (503, Unreachable), (0, Unreachable)]
)
async def test_a_broken_identity_endpoint_is_not_a_refusal(start, monkeypatch, status, failure):
    monkeypatch.setattr("azure.core.pipeline.policies.RetryPolicy.sleep", lambda *_, **__: None)
    clients = await start(users=1)
    clients.tenant.add_fault(Fault("managed_identity.token", status=status, times=None))

    with pytest.raises(failure):
        await clients.sign_in.token(GRAPH_SCOPE)
    clients.tenant.clear_faults()

    assert await clients.sign_in.token(GRAPH_SCOPE)


def by_device_code(clients, show_code=lambda message: None):
    settings = clients.settings
    kind = DeviceCode(clients.tenant.principals.app.client_id)
    trust = trusted_authorities(settings.extra_certificates)
    return sign_in_with(kind, settings.tenant_id, settings.authority_host, trust, show_code)


async def test_a_device_code_signs_in_once_for_both_services(start):
    clients = await start(users=1, settings_of=SimulatedTenant.settings_for_secret)
    shown = []
    sign_in = by_device_code(clients, shown.append)

    graph, exchange = await asyncio.gather(sign_in.token(GRAPH_SCOPE), sign_in.token(EXCHANGE_SCOPE))
    sign_in.discard(GRAPH_SCOPE, graph)
    renewed = await sign_in.token(GRAPH_SCOPE)

    assert len(shown) == 1, "one code must be enough for both services and for new tokens"
    assert "https://microsoft.com/devicelogin" in shown[0]
    assert len({graph, exchange, renewed}) == 3 or renewed == graph
    tokens = {scope: clients.tenant.entra._tokens.claims_of(token) for scope, token in (("g", graph), ("e", exchange))}
    assert "User.Read.All" in tokens["g"]["scp"].split()
    assert tokens["e"]["scp"] == "Exchange.Manage"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"device_code": "declined"}, ["authorization_declined", "AADSTS70017"]),
        ({"public_client": False}, ["invalid_client", "allows public client flows", "--client-id"]),
    ],
)
async def test_a_refused_device_code_reports_what_to_check(start, behaviour, words):
    clients = await start({"sign_in": behaviour}, users=1, settings_of=SimulatedTenant.settings_for_secret)

    with pytest.raises(SignInRefused) as caught:
        await by_device_code(clients).token(GRAPH_SCOPE)

    assert [word for word in words if word not in str(caught.value)] == []


async def test_waiting_for_a_device_code_can_be_interrupted(start):
    """Ctrl-C cancels the task; the thread that waits for the person ends within a second."""
    clients = await start(
        {"sign_in": {"device_code": "pending"}}, users=1, settings_of=SimulatedTenant.settings_for_secret
    )
    shown = asyncio.Event()
    loop = asyncio.get_running_loop()
    sign_in = by_device_code(clients, lambda _: loop.call_soon_threadsafe(shown.set))
    waiting = asyncio.create_task(sign_in.token(GRAPH_SCOPE))
    await shown.wait()
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    await loop.shutdown_default_executor(timeout=20)
