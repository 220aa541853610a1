"""Before Azure: invalid settings stop `azd up`, and the API is registered if callers use tokens."""

import re

import pytest

from infra.package import HOST_FILES
from tests.deployment.hooks import CLIENT, CONNECTOR, PROVISIONED, REGISTRATION, ROOT, TENANT, Checkout


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ATLAS_TENANT_ID": ""}, "azd env set ATLAS_TENANT_ID"),
        ({"AZURE_SUBSCRIPTION_ID": ""}, "azd env set AZURE_SUBSCRIPTION_ID"),
        ({"AZURE_LOCATION": ""}, "azd env set AZURE_LOCATION"),
        ({"ATLAS_API_ACCESS": "token"}, "ATLAS_API_ACCESS is 'token'. It must be one of: key entra"),
        ({"ATLAS_SIGN_IN": "secret"}, "ATLAS_SIGN_IN is 'secret'. It must be one of: managedIdentity"),
        ({"ATLAS_DURABLE_BACKEND": "mssql"}, "ATLAS_DURABLE_BACKEND is 'mssql'. It must be one of: storage dts"),
        ({"ATLAS_SIZE": "huge"}, "ATLAS_SIZE is 'huge'. It must be one of: small medium large"),
        ({"ATLAS_SIGN_IN": "federatedRegistration"}, "azd env set ATLAS_SIGN_IN_CLIENT_ID"),
        ({"ATLAS_SIGN_IN": "certificateRegistration"}, "azd env set ATLAS_SIGN_IN_CLIENT_ID"),
        ({"ATLAS_HISTORY_DAYS": ""}, "ATLAS_HISTORY_DAYS is ''. It must be something, not empty"),
        ({"ATLAS_HISTORY_DAYS": "30 days"}, "ATLAS_HISTORY_DAYS is '30 days'. It must be a whole number"),
        ({"ATLAS_SHARED_PAGES": "yes"}, "ATLAS_SHARED_PAGES is 'yes'. It must be true or false"),
        ({"ATLAS_SCAN_SCHEDULE": ""}, "ATLAS_SCAN_SCHEDULE is ''. It must be something, not empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_an_invalid_setting_stops_before_any_call(checkout: Checkout, settings: dict[str, str], message: str) -> None:
    run = checkout.run("preprovision.sh", **{"ATLAS_API_ACCESS": "entra", **settings})

    assert run.code == 1
    assert message in run.output
    assert "unbound variable" not in run.output
    assert run.calls == []


def test_every_variable_with_a_default_rejects_an_empty_value(checkout: Checkout) -> None:
    text = (ROOT / "infra" / "main.bicepparam").read_text()
    with_default = re.findall(r"readEnvironmentVariable\('(\w+)', '[^']+'\)", text)

    assert len(with_default) > 20
    for name in with_default:
        assert f"{name} is ''" in checkout.run("preprovision.sh", **{name: ""}).output


def test_valid_values_are_those_of_the_template(checkout: Checkout) -> None:
    types = (ROOT / "infra" / "modules" / "types.bicep").read_text()
    variables = {
        "ATLAS_API_ACCESS": "ApiAccess",
        "ATLAS_SIGN_IN": "SignInKind",
        "ATLAS_DURABLE_BACKEND": "DurableBackend",
        "ATLAS_SIZE": "Size",
    }

    for variable, name in variables.items():
        values = re.findall(r"'(\w+)'", re.findall(rf"^type {name} = (.+)$", types, re.MULTILINE)[0])
        output = checkout.run("preprovision.sh", **{variable: "?"}).output
        assert f"must be one of: {' '.join(values)}. Run" in output
    assert list(HOST_FILES) == re.findall(
        r"'(\w+)'", re.findall(r"^type DurableBackend = (.+)$", types, re.MULTILINE)[0]
    )


def test_an_identity_cannot_read_another_tenant(checkout: Checkout) -> None:
    run = checkout.run("preprovision.sh", ATLAS_TENANT_ID=REGISTRATION, ATLAS_API_ACCESS="entra")

    assert run.code == 1
    assert f"belongs to the tenant {TENANT}" in run.output
    assert "azd env set ATLAS_SIGN_IN federatedRegistration" in run.output
    assert '"Scanning another tenant" in docs/identity.md' in run.output
    assert "### Scanning another tenant" in (ROOT / "docs" / "identity.md").read_text()
    assert [call[:2] for call in run.of("az")] == [["account", "show"]]


def test_the_case_of_a_tenant_id_does_not_matter(checkout: Checkout) -> None:
    assert checkout.run("preprovision.sh", ATLAS_TENANT_ID=TENANT.upper()).code == 0


def test_a_registration_may_read_another_tenant(checkout: Checkout) -> None:
    run = checkout.run(
        "preprovision.sh",
        ATLAS_TENANT_ID=REGISTRATION,
        ATLAS_SIGN_IN="federatedRegistration",
        ATLAS_SIGN_IN_CLIENT_ID=CLIENT,
    )

    assert (run.code, [call[0] for call in run.of("az")]) == (0, ["provider"])


def test_an_undetermined_tenant_is_a_warning(checkout: Checkout) -> None:
    run = checkout.run("preprovision.sh", AZ_ACCOUNT_EXITS="1", AZ_ACCOUNT_PRINTS="")

    assert run.code == 0
    assert "could not be determined" in run.output


@pytest.mark.parametrize("address", ["", "operator@contoso.com"])
def test_alerts_without_a_recipient_are_a_warning(checkout: Checkout, address: str) -> None:
    run = checkout.run("preprovision.sh", ATLAS_ALERT_EMAIL=address)

    assert run.code == 0
    assert ("no one receives the alerts" in run.output) == (not address)


@pytest.mark.parametrize("private", ["true", "false"])
@pytest.mark.parametrize("exits", ["0", "1"])
def test_every_deployment_registers_the_resource_provider(checkout: Checkout, private: str, exits: str) -> None:
    """Flex Consumption needs it without a private network too. A failure may mean that it is registered already."""
    run = checkout.run("preprovision.sh", ATLAS_PRIVATE_NETWORKING=private, AZ_PROVIDER_EXITS=exits)

    assert run.code == 0
    assert ["provider", "register", "--namespace", "Microsoft.App"] in [call[:4] for call in run.of("az")]
    assert ("could not be registered" in run.output) == (exits == "1")


def test_function_keys_need_no_registration(checkout: Checkout) -> None:
    run = checkout.run("preprovision.sh")

    assert run.code == 0
    assert [call[0] for call in run.of("az")] == ["account", "provider"]


def test_tokens_need_registrations_whose_ids_are_stored(checkout: Checkout) -> None:
    run = checkout.run("preprovision.sh", ATLAS_API_ACCESS="entra", AZ_DEPLOYMENT_PRINTS=f"{REGISTRATION}\n{CONNECTOR}")

    assert run.code == 0
    assert run.deployment[:3] == ["deployment", "sub", "create"]
    nothing = {"apiClientId=", "connectorRedirectUris=[]", "preauthorizedClients=[]"}
    assert {"infra/entra/main.bicep", "environmentName=atlas", *nothing} <= {*run.deployment}
    assert run.of("azd") == [
        ["env", "set", "ATLAS_API_CLIENT_ID", REGISTRATION],
        ["env", "set", "ATLAS_CONNECTOR_CLIENT_ID", CONNECTOR],
    ]


def test_a_later_deployment_knows_the_api_and_the_redirect_uris(checkout: Checkout) -> None:
    run = checkout.run(
        "preprovision.sh",
        ATLAS_API_ACCESS="entra",
        ATLAS_API_CLIENT_ID=REGISTRATION,
        ATLAS_CONNECTOR_REDIRECT_URIS="https://a.example/1, https://a.example/2",
        ATLAS_PREAUTHORIZED_CLIENTS=CLIENT,
        AZ_DEPLOYMENT_PRINTS=f"{REGISTRATION}\t{CONNECTOR}",
    )

    assert f"apiClientId={REGISTRATION}" in run.deployment
    assert f'preauthorizedClients=["{CLIENT}"]' in run.deployment
    assert 'connectorRedirectUris=["https://a.example/1", "https://a.example/2"]' in run.deployment
    assert run.of("azd")[1] == ["env", "set", "ATLAS_CONNECTOR_CLIENT_ID", CONNECTOR]


def test_deployment_names_contain_the_region_and_fit(checkout: Checkout) -> None:
    """Azure rejects one name in two regions, and names of more than 64 characters."""
    run = checkout.run("preprovision.sh", ATLAS_API_ACCESS="entra", AZ_DEPLOYMENT_PRINTS="a b", AZURE_ENV_NAME="a" * 64)

    name = run.deployment[run.deployment.index("--name") + 1]
    assert name == f"entra-westeurope-{'a' * 47}"
    assert f"environmentName={'a' * 64}" in run.deployment


def test_a_missing_permission_prints_who_may_register(checkout: Checkout) -> None:
    run = checkout.run("preprovision.sh", ATLAS_API_ACCESS="entra", AZ_DEPLOYMENT_EXITS="1")

    assert run.code == 1
    assert "Administrator in Entra and Contributor of the subscription" in run.output
    assert f"--subscription {PROVISIONED['AZURE_SUBSCRIPTION_ID']}" in run.output
    assert "--template-file infra/entra/main.bicep" in run.output
    assert "azd env set ATLAS_API_CLIENT_ID" in run.output
    assert run.of("azd") == []


def test_an_existing_registration_is_enough(checkout: Checkout) -> None:
    run = checkout.run(
        "preprovision.sh",
        ATLAS_API_ACCESS="entra",
        AZ_DEPLOYMENT_EXITS="1",
        ATLAS_API_CLIENT_ID=REGISTRATION,
        ATLAS_CONNECTOR_REDIRECT_URIS="https://a.example/1",
    )

    assert run.code == 0
    assert f"'apiClientId={REGISTRATION}' \\\n" in run.output
    assert """'connectorRedirectUris=["https://a.example/1"]' \\\n""" in run.output
