"""The package, the question to the app that was deployed, and what `azd down` leaves and tells."""

import os

import pytest

from infra.package import HOST_FILES
from tests.deployment.hooks import CLIENT, PRINCIPAL, REGISTRATION, ROOT, SCRIPTS, TENANT, Checkout


@pytest.mark.parametrize("backend", HOST_FILES)
def test_the_package_is_built_for_the_back_end_that_is_provisioned(checkout: Checkout, backend: str) -> None:
    ran = checkout.run("package.sh", ATLAS_DURABLE_BACKEND=backend)

    assert ran.of("make") == [["package", f"BACKEND={backend}"]]


def test_the_app_is_asked_once_it_answers(checkout: Checkout) -> None:
    ran = checkout.run("postdeploy.sh", CURL_SAYS='{"status": "healthy"}')

    assert ran.code == 0
    assert ran.of("atlas") == [["doctor", "--app", "https://func-atlas.example"]]
    assert len(ran.of("curl")) == 1
    assert "Nothing is missing" in ran.said


def test_an_app_that_starts_slowly_is_waited_for_but_not_for_ever(checkout: Checkout) -> None:
    ran = checkout.run("postdeploy.sh", CURL_SAYS="<html>", ATLAS_EXITS="1")

    assert len(ran.of("curl")) == len(ran.of("sleep")) == 18
    assert len(ran.of("atlas")) == 1


def test_missing_rights_are_told_and_do_not_fail_the_deployment(checkout: Checkout) -> None:
    ran = checkout.run("postdeploy.sh", CURL_SAYS="{", ATLAS_EXITS="1")

    assert ran.code == 0
    assert "az rest --method POST" in ran.said
    assert ".venv/bin/atlas doctor --app https://func-atlas.example" in ran.said


def test_what_was_granted_minutes_ago_is_not_asked_for_again(checkout: Checkout) -> None:
    checkout.run("postprovision.sh")
    ran = checkout.run("postdeploy.sh", CURL_SAYS="{", ATLAS_EXITS="1")

    assert "az rest --method POST" not in ran.said
    assert "Grant-AtlasExchangeRights.ps1" in ran.said
    assert "needs some minutes" in ran.said


def test_what_could_not_be_granted_is_asked_for_again(checkout: Checkout) -> None:
    checkout.run("postprovision.sh", AZ_EXITS="1")
    ran = checkout.run("postdeploy.sh", CURL_SAYS="{", ATLAS_EXITS="1")

    assert "az rest --method POST" in ran.said
    assert "needs some minutes" not in ran.said


def test_what_was_granted_long_ago_may_have_been_taken_back(checkout: Checkout) -> None:
    checkout.run("postprovision.sh")
    [noted] = (checkout.folder / ".local").iterdir()
    os.utime(noted, (0, 0))

    assert "az rest --method POST" in checkout.run("postdeploy.sh", CURL_SAYS="{", ATLAS_EXITS="1").said


def test_a_doctor_that_cannot_ask_fails_the_deployment(checkout: Checkout) -> None:
    assert checkout.run("postdeploy.sh", CURL_SAYS="{", ATLAS_EXITS="2").code == 2


def test_a_lock_stops_it_and_says_how_to_go_on(checkout: Checkout) -> None:
    ran = checkout.run("predown.sh", ATLAS_DELETE_LOCK="true")

    assert ran.code == 1
    assert "az lock delete --name keep --resource-group rg-atlas" in ran.said
    assert "name: 'keep'" in (ROOT / "infra" / "modules" / "lock.bicep").read_text()


def test_what_is_left_elsewhere_is_told_after_the_ids_are_gone(checkout: Checkout) -> None:
    before = checkout.run("predown.sh", ATLAS_API_CLIENT_ID=REGISTRATION, AZ_AD_SAYS=TENANT)
    after = checkout.run("postdown.sh", IDENTITY_CLIENT_ID="", IDENTITY_PRINCIPAL_ID="", ATLAS_TENANT_ID="")

    assert (before.code, after.code) == (0, 0)
    assert f"-AppId {CLIENT} -ObjectId {PRINCIPAL} -Remove" in after.said
    assert f"az ad app delete --id {REGISTRATION}" in after.said
    assert (
        f"az rest --method DELETE --url https://graph.microsoft.com/v1.0/directory/deletedItems/{TENANT}" in after.said
    )
    assert before.of("az") == [["ad", "app", "show", "--id", REGISTRATION, "--query", "id", "--output", "tsv"]]
    assert after.calls == []


def test_a_registration_that_cannot_be_asked_for_does_not_stop_it(checkout: Checkout) -> None:
    assert checkout.run("predown.sh", ATLAS_API_CLIENT_ID=REGISTRATION, AZ_EXITS="1").code == 0
    assert "/deletedItems/<its object id, which az ad app show" in checkout.run("postdown.sh").said


def test_with_keys_nothing_is_asked_before_it_goes(checkout: Checkout) -> None:
    assert checkout.run("predown.sh").calls == []


def test_the_registration_that_signed_in_is_left_too(checkout: Checkout) -> None:
    checkout.run("predown.sh", ATLAS_SIGN_IN="certificateRegistration", ATLAS_SIGN_IN_CLIENT_ID=REGISTRATION)
    said = checkout.run("postdown.sh").said

    assert f"az ad app delete --id {REGISTRATION}" in said
    assert "protected from purging" in said


def test_nothing_is_told_where_nothing_was_noted(checkout: Checkout) -> None:
    ran = checkout.run("postdown.sh")

    assert (ran.code, ran.said) == (0, "")


def test_no_hook_asks_for_or_says_a_secret() -> None:
    text = "".join(script.read_text() for script in SCRIPTS).lower()

    assert [word for word in ("secret", "password", "functionkeys", "get-access-token", "set -x") if word in text] == []
