"""After Azure: the identity gets its rights, or an administrator gets the commands that grant them."""

import json
import re

import pytest

from atlas.health import permissions
from tests.deployment.hooks import (
    CLIENT,
    PRINCIPAL,
    REGISTRATION,
    ROOT,
    TENANT,
    Checkout,
)


def test_the_identity_gets_its_rights_and_only_exchange_is_left(checkout: Checkout) -> None:
    ran = checkout.run("postprovision.sh")

    assert ran.code == 0
    given = {f"identityPrincipalId={PRINCIPAL}", "apiAccess=key", "readExchange=true", "readSharedBookings=false"}
    assert given <= {*ran.deployment}
    assert f"Grant-AtlasExchangeRights.ps1 -AppId {CLIENT} -ObjectId {PRINCIPAL} -WhatIf" in ran.said
    assert "appRoleAssignments" not in ran.said


def test_who_may_not_grant_goes_on_and_gets_the_commands_for_who_may(checkout: Checkout) -> None:
    ran = checkout.run("postprovision.sh", AZ_EXITS="1")

    assert ran.code == 0
    assert "Privileged Role Administrator" in ran.said
    assert ran.said.count("az rest --method POST") == 2
    assert "Grant-AtlasExchangeRights.ps1" in ran.said
    assert "This did not work; see above." in ran.said
    assert "run azd provision again" in ran.said


def test_what_is_not_read_is_not_granted(checkout: Checkout) -> None:
    ran = checkout.run("postprovision.sh", ATLAS_EXCHANGE_EVIDENCE="false", ATLAS_READ_SHARED_BOOKINGS="true")

    assert {"readExchange=false", "readSharedBookings=true"} <= {*ran.deployment}


@pytest.mark.parametrize("kind", ["managedIdentity", "federatedRegistration"])
def test_the_api_is_told_to_trust_the_identity_where_the_hook_could_not(checkout: Checkout, kind: str) -> None:
    given = {"ATLAS_API_ACCESS": "entra", "ATLAS_API_CLIENT_ID": REGISTRATION, "ATLAS_SIGN_IN": kind}
    command = f"federated-credential create --id {REGISTRATION}"

    failed = checkout.run("postprovision.sh", **given, AZ_EXITS="1").said
    assert failed.count(command) == checkout.run("permissions.sh", **given).said.count(command) == 1
    assert f'\\"subject\\": \\"{PRINCIPAL}\\"' in failed
    assert "/atlas-identity'" in (ROOT / "infra" / "entra" / "main.bicep").read_text()
    assert '\\"name\\": \\"atlas-identity\\"' in failed
    assert command not in checkout.run("postprovision.sh", **given).said
    assert command not in checkout.run("permissions.sh", **{**given, "ATLAS_API_ACCESS": "key"}).said


def test_a_registration_is_consented_to_not_assigned(checkout: Checkout) -> None:
    ran = checkout.run(
        "postprovision.sh", ATLAS_SIGN_IN="certificateRegistration", ATLAS_SIGN_IN_CLIENT_ID=REGISTRATION
    )

    assert ran.calls == []
    assert f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id={REGISTRATION}" in ran.said
    assert (
        f"-AppId {REGISTRATION} -ObjectId <object id of the enterprise application in the tenant {TENANT}>" in ran.said
    )
    assert ran.said.count("az ad app permission add") == 2
    assert CLIENT not in ran.said
    assert PRINCIPAL not in ran.said


def test_a_registration_without_a_certificate_is_told_to_trust_the_identity(checkout: Checkout) -> None:
    ran = checkout.run("permissions.sh", ATLAS_SIGN_IN="federatedRegistration", ATLAS_SIGN_IN_CLIENT_ID=REGISTRATION)

    [credential] = re.findall(
        r'federated-credential create --id \S+ --parameters \\\n +"(\{.*\})"$', ran.said, re.MULTILINE
    )
    home = "$(az account show --query tenantId --output tsv)"
    assert json.loads(credential.replace('\\"', '"')) == {
        "name": "bookings-atlas",
        "issuer": f"https://login.microsoftonline.com/{home}/v2.0",
        "subject": PRINCIPAL,
        "audiences": ["api://AzureADTokenExchange"],
    }


def test_the_api_of_a_registration_still_trusts_the_identity(checkout: Checkout) -> None:
    ran = checkout.run("postprovision.sh", ATLAS_SIGN_IN="certificateRegistration", ATLAS_API_ACCESS="entra")

    assert "signInKind=certificateRegistration" in ran.deployment
    assert "adminconsent" in ran.said


def test_the_rights_are_those_of_the_contract_and_of_the_doctor(checkout: Checkout) -> None:
    ran = checkout.run("permissions.sh", ATLAS_READ_SHARED_BOOKINGS="true")

    commands = re.findall(r'"(\{.*\})"$', ran.said, re.MULTILINE)
    asked = [
        json.loads(re.sub(r"\$\(az ad sp show --id (\S+) .*?\)", r"\1", text.replace('\\"', '"'))) for text in commands
    ]
    assert asked == [
        {"principalId": PRINCIPAL, "appRoleId": role, "resourceId": service}
        for service, role in (
            (permissions.GRAPH_APP_ID, permissions.USER_READ_ALL),
            (permissions.EXCHANGE_APP_ID, permissions.EXCHANGE_MANAGE_AS_APP),
            (permissions.GRAPH_APP_ID, permissions.BOOKINGS_READ_ALL),
        )
    ]
    assert ran.calls == []


def test_without_exchange_nothing_is_asked_of_its_administrator(checkout: Checkout) -> None:
    said = checkout.run("permissions.sh", ATLAS_EXCHANGE_EVIDENCE="false").said

    assert "Exchange" not in said
    assert said.count("az rest") == 1
