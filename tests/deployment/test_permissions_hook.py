"""After Azure: the identity gets its app roles, or an administrator gets the commands."""

import json
import re

import pytest

from atlas.health import permissions
from tests.deployment.hooks import CLIENT, PRINCIPAL, REGISTRATION, TENANT, Checkout

REQUIRED = {permissions.USER_READ_ALL, permissions.EXCHANGE_MANAGE_AS_APP}
EVERYTHING = REQUIRED | {
    permissions.BOOKINGS_READ_ALL,
    permissions.AUDIT_LOGS_QUERY_EXCHANGE,
    permissions.GROUP_MEMBER_READ_ALL,
}


def test_the_identity_gets_its_roles(checkout: Checkout) -> None:
    run = checkout.run("postprovision.sh", AZ_AD_PRINTS=TENANT)

    assert run.code == 0
    assert {grant["appRoleId"] for grant in run.granted} == EVERYTHING
    assert {(grant["principalId"], grant["resourceId"]) for grant in run.granted} == {(PRINCIPAL, TENANT)}
    assert f"Grant-AtlasExchangeRole.ps1 -AppId {CLIENT} -ObjectId {PRINCIPAL} -WhatIf" in run.output
    assert "az rest" not in run.output


def test_a_role_that_is_already_granted_is_a_success(checkout: Checkout) -> None:
    """The second `azd up` finds all of them."""
    run = checkout.run("postprovision.sh", AZ_REST_PRINTS="\n".join(EVERYTHING))

    assert run.granted == []
    assert "User.Read.All is already granted." in run.output
    assert "could not be granted" not in run.output


def test_only_the_missing_role_is_granted(checkout: Checkout) -> None:
    run = checkout.run("postprovision.sh", AZ_REST_PRINTS="\n".join(EVERYTHING - {permissions.EXCHANGE_MANAGE_AS_APP}))

    assert [grant["appRoleId"] for grant in run.granted] == [permissions.EXCHANGE_MANAGE_AS_APP]


@pytest.mark.parametrize("failing", ["AZ_REST_EXITS", "AZ_AD_EXITS"])
def test_a_missing_permission_prints_the_commands(checkout: Checkout, failing: str) -> None:
    run = checkout.run("postprovision.sh", **{failing: "1"})

    assert run.code == 0
    assert "Privileged Role Administrator" in run.output
    assert run.output.count("az rest --method POST") == 5
    assert "Grant-AtlasExchangeRole.ps1" in run.output
    assert "The app roles could not be granted; see above." in run.output
    assert "azd provision" in run.output


def test_only_what_is_read_is_granted(checkout: Checkout) -> None:
    run = checkout.run("postprovision.sh", ATLAS_EXCHANGE_EVIDENCE="false", ATLAS_SHARED_PAGES="false")

    assert {grant["appRoleId"] for grant in run.granted} == {permissions.USER_READ_ALL}


@pytest.mark.parametrize(("excluded", "granted"), [("group:0b9e9d4c", True), ("anna@contoso.com", False), ("", False)])
def test_an_excluded_group_needs_a_role(checkout: Checkout, excluded: str, granted: bool) -> None:
    run = checkout.run("postprovision.sh", ATLAS_EXCLUDE_USERS=excluded, ATLAS_SHARED_PAGES="false")

    assert (permissions.GROUP_MEMBER_READ_ALL in {grant["appRoleId"] for grant in run.granted}) == granted


def test_a_registration_needs_consent(checkout: Checkout) -> None:
    run = checkout.run(
        "postprovision.sh", ATLAS_SIGN_IN="certificateRegistration", ATLAS_SIGN_IN_CLIENT_ID=REGISTRATION
    )

    assert run.calls == []
    assert f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id={REGISTRATION}" in run.output
    assert (
        f"-AppId {REGISTRATION} -ObjectId <object ID of the enterprise application in the tenant {TENANT}>"
        in run.output
    )
    assert run.output.count("az ad app permission add") == len(EVERYTHING)
    assert CLIENT not in run.output
    assert PRINCIPAL not in run.output


def test_a_registration_without_a_certificate_trusts_the_identity(checkout: Checkout) -> None:
    run = checkout.run("permissions.sh", ATLAS_SIGN_IN="federatedRegistration", ATLAS_SIGN_IN_CLIENT_ID=REGISTRATION)

    [credential] = re.findall(
        r'federated-credential create --id \S+ --parameters \\\n +"(\{.*\})"$', run.output, re.MULTILINE
    )
    home = "$(az account show --query tenantId --output tsv)"
    assert json.loads(credential.replace('\\"', '"')) == {
        "name": "bookings-atlas",
        "issuer": f"https://login.microsoftonline.com/{home}/v2.0",
        "subject": PRINCIPAL,
        "audiences": ["api://AzureADTokenExchange"],
    }


@pytest.mark.parametrize("access", ["key", "entra"])
def test_easy_auth_needs_no_credential(checkout: Checkout, access: str) -> None:
    """It only validates tokens, so the API trusts no identity and has no secret."""
    run = checkout.run("permissions.sh", ATLAS_API_ACCESS=access, ATLAS_API_CLIENT_ID=REGISTRATION)

    assert "federated-credential" not in run.output
    assert REGISTRATION not in run.output


def test_the_printed_roles_are_those_of_the_doctor(checkout: Checkout) -> None:
    run = checkout.run("permissions.sh")

    commands = re.findall(r'"(\{.*\})"$', run.output, re.MULTILINE)
    roles = [
        json.loads(re.sub(r"\$\(az ad sp show --id (\S+) .*?\)", r"\1", text.replace('\\"', '"'))) for text in commands
    ]
    assert roles == [
        {"principalId": PRINCIPAL, "appRoleId": role, "resourceId": service}
        for service, role in (
            (permissions.GRAPH_APP_ID, permissions.USER_READ_ALL),
            (permissions.EXCHANGE_APP_ID, permissions.EXCHANGE_MANAGE_AS_APP),
            (permissions.GRAPH_APP_ID, permissions.BOOKINGS_READ_ALL),
            (permissions.GRAPH_APP_ID, permissions.AUDIT_LOGS_QUERY_EXCHANGE),
            (permissions.GRAPH_APP_ID, permissions.GROUP_MEMBER_READ_ALL),
        )
    ]
    assert run.calls == []


def test_without_exchange_its_administrator_has_nothing_to_do(checkout: Checkout) -> None:
    output = checkout.run("permissions.sh", ATLAS_EXCHANGE_EVIDENCE="false", ATLAS_SHARED_PAGES="false").output

    assert "Exchange" not in output
    assert output.count("az rest") == 1
