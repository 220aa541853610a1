"""Before Azure: values that cannot work stop `azd up`, and the API is registered where tokens are asked for."""

import re

import pytest

from infra.package import HOST_FILES
from tests.deployment.hooks import CLIENT, PROVISIONED, REGISTRATION, ROOT, TENANT, Checkout


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ATLAS_TENANT_ID": ""}, "azd env set ATLAS_TENANT_ID"),
        ({"AZURE_SUBSCRIPTION_ID": ""}, "azd env set AZURE_SUBSCRIPTION_ID"),
        ({"AZURE_LOCATION": ""}, "azd env set AZURE_LOCATION"),
        ({"ATLAS_API_ACCESS": "token"}, "ATLAS_API_ACCESS is 'token', and may be one of: key entra"),
        ({"ATLAS_SIGN_IN": "secret"}, "ATLAS_SIGN_IN is 'secret', and may be one of: managedIdentity"),
        ({"ATLAS_DURABLE_BACKEND": "mssql"}, "ATLAS_DURABLE_BACKEND is 'mssql', and may be one of: storage dts"),
        ({"ATLAS_SIGN_IN": "federatedRegistration"}, "azd env set ATLAS_SIGN_IN_CLIENT_ID"),
        ({"ATLAS_SIGN_IN": "certificateRegistration"}, "azd env set ATLAS_SIGN_IN_CLIENT_ID"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_with_a_value_that_is_missing_or_unknown_nothing_begins(
    checkout: Checkout, given: dict[str, str], named: str
) -> None:
    ran = checkout.run("preprovision.sh", **{"ATLAS_API_ACCESS": "entra", **given})

    assert ran.code == 1
    assert named in ran.said
    assert "unbound variable" not in ran.said
    assert ran.calls == []


def test_the_values_that_may_be_are_those_of_the_template(checkout: Checkout) -> None:
    template = (ROOT / "infra" / "entra" / "main.bicep").read_text()
    kinds = re.findall(r"@allowed\(\[\s+([^]]+?)\s+\]\)\s+param (\w+)", template)
    allowed = {name: re.findall(r"'(\w+)'", values) for values, name in kinds}

    for variable, parameter in (("ATLAS_API_ACCESS", "apiAccess"), ("ATLAS_SIGN_IN", "signInKind")):
        said = checkout.run("preprovision.sh", **{variable: "?"}).said
        assert f"may be one of: {' '.join(allowed[parameter])}." in said
    assert f"may be one of: {' '.join(HOST_FILES)}." in checkout.run("preprovision.sh", ATLAS_DURABLE_BACKEND="?").said


def test_an_identity_for_another_tenant_is_refused_with_the_way_out(checkout: Checkout) -> None:
    ran = checkout.run("preprovision.sh", ATLAS_TENANT_ID=REGISTRATION, ATLAS_API_ACCESS="entra")

    assert ran.code == 1
    assert f"belongs to the tenant {TENANT}" in ran.said
    assert "azd env set ATLAS_SIGN_IN federatedRegistration" in ran.said
    assert '"Scanning another tenant"' in ran.said
    assert "### Scanning another tenant" in (ROOT / "docs" / "operate.md").read_text()
    assert [call[:2] for call in ran.of("az")] == [["account", "show"]]


def test_a_tenant_in_capitals_is_the_same(checkout: Checkout) -> None:
    assert checkout.run("preprovision.sh", ATLAS_TENANT_ID=TENANT.upper()).code == 0


def test_a_registration_may_read_another_tenant(checkout: Checkout) -> None:
    ran = checkout.run(
        "preprovision.sh",
        ATLAS_TENANT_ID=REGISTRATION,
        ATLAS_SIGN_IN="federatedRegistration",
        ATLAS_SIGN_IN_CLIENT_ID=CLIENT,
    )

    assert (ran.code, ran.calls) == (0, [])


def test_a_tenant_that_cannot_be_asked_for_is_a_warning(checkout: Checkout) -> None:
    ran = checkout.run("preprovision.sh", AZ_ACCOUNT_EXITS="1", AZ_ACCOUNT_SAYS="")

    assert ran.code == 0
    assert "could not be asked" in ran.said


@pytest.mark.parametrize("address", ["", "operator@contoso.com"])
def test_a_deployment_that_tells_nobody_is_warned_of(checkout: Checkout, address: str) -> None:
    ran = checkout.run("preprovision.sh", ATLAS_ALERT_EMAIL=address)

    assert ran.code == 0
    assert ("nobody will be told when it stops" in ran.said) == (not address)


@pytest.mark.parametrize("ends", ["0", "1"])
def test_a_private_network_registers_its_provider(checkout: Checkout, ends: str) -> None:
    ran = checkout.run("preprovision.sh", ATLAS_PRIVATE_NETWORKING="true", AZ_PROVIDER_EXITS=ends)

    assert ran.code == 0
    assert ["provider", "register", "--namespace", "Microsoft.App"] in [call[:4] for call in ran.of("az")]
    assert ("could not be registered" in ran.said) == (ends == "1")


def test_with_keys_nothing_is_registered(checkout: Checkout) -> None:
    ran = checkout.run("preprovision.sh")

    assert ran.code == 0
    assert [call[:2] for call in ran.of("az")] == [["account", "show"]]


def test_with_tokens_the_api_is_registered_and_its_id_is_kept(checkout: Checkout) -> None:
    ran = checkout.run("preprovision.sh", ATLAS_API_ACCESS="entra", AZ_SAYS=REGISTRATION, IDENTITY_PRINCIPAL_ID="")

    deployment = ran.deployment
    assert ran.code == 0
    assert deployment[:3] == ["deployment", "sub", "create"]
    assert "infra/entra/main.bicep" in deployment
    assert {"environmentName=atlas", "apiAccess=entra", "signInKind=managedIdentity", "identityPrincipalId="} <= {
        *deployment
    }
    assert ran.of("azd") == [["env", "set", "ATLAS_API_CLIENT_ID", REGISTRATION]]


def test_the_name_of_a_deployment_is_never_too_long(checkout: Checkout) -> None:
    ran = checkout.run("preprovision.sh", ATLAS_API_ACCESS="entra", AZ_SAYS=REGISTRATION, AZURE_ENV_NAME="a" * 64)

    assert len(ran.deployment[ran.deployment.index("--name") + 1]) == 64
    assert f"environmentName={'a' * 64}" in ran.deployment


def test_who_may_not_register_the_api_is_told_who_may_and_how(checkout: Checkout) -> None:
    ran = checkout.run("preprovision.sh", ATLAS_API_ACCESS="entra", AZ_EXITS="1")

    assert ran.code == 1
    assert "Application Administrator in Entra and Contributor of the subscription" in ran.said
    assert f"--subscription {PROVISIONED['AZURE_SUBSCRIPTION_ID']}" in ran.said
    assert "--template-file infra/entra/main.bicep" in ran.said
    assert "azd env set ATLAS_API_CLIENT_ID" in ran.said
    assert ran.of("azd") == []


def test_an_api_that_is_registered_already_is_enough(checkout: Checkout) -> None:
    ran = checkout.run("preprovision.sh", ATLAS_API_ACCESS="entra", AZ_EXITS="1", ATLAS_API_CLIENT_ID=REGISTRATION)

    assert ran.code == 0
    assert REGISTRATION in ran.said
