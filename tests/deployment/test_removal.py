"""`azd down`: what remains outside Azure is printed after the IDs are gone."""

from tests.deployment.hooks import CLIENT, CONNECTOR, PRINCIPAL, REGISTRATION, ROOT, TENANT, Checkout


def test_what_remains_is_printed_after_the_removal(checkout: Checkout) -> None:
    before = checkout.run(
        "predown.sh", ATLAS_API_CLIENT_ID=REGISTRATION, ATLAS_CONNECTOR_CLIENT_ID=CONNECTOR, AZ_AD_PRINTS=TENANT
    )
    after = checkout.run("postdown.sh", IDENTITY_CLIENT_ID="", IDENTITY_PRINCIPAL_ID="", ATLAS_TENANT_ID="")

    assert (before.code, after.code) == (0, 0)
    assert f"-AppId {CLIENT} -ObjectId {PRINCIPAL} -Remove" in after.output
    for client in (REGISTRATION, CONNECTOR):
        assert f"az ad app delete --id {client}" in after.output
        assert ["ad", "app", "show", "--id", client, "--query", "id", "--output", "tsv"] in before.of("az")
    assert f"https://graph.microsoft.com/v1.0/directory/deletedItems/{TENANT}" in after.output
    assert after.calls == []


def test_an_unreadable_registration_does_not_stop_the_removal(checkout: Checkout) -> None:
    assert checkout.run("predown.sh", ATLAS_API_CLIENT_ID=REGISTRATION, AZ_EXITS="1").code == 0
    assert f"/deletedItems/<object ID of the registration {REGISTRATION}>" in checkout.run("postdown.sh").output


def test_function_keys_leave_no_registration(checkout: Checkout) -> None:
    assert checkout.run("predown.sh").calls == []
    assert "az ad app" not in checkout.run("postdown.sh").output


def test_the_registration_that_signs_in_remains(checkout: Checkout) -> None:
    checkout.run("predown.sh", ATLAS_SIGN_IN="certificateRegistration", ATLAS_SIGN_IN_CLIENT_ID=REGISTRATION)
    output = checkout.run("postdown.sh").output

    assert f"az ad app delete --id {REGISTRATION}" in output
    assert "purge protection" in output
    assert '"Remove" in docs/operate.md' in output
    assert "\n## Remove\n" in (ROOT / "docs" / "operate.md").read_text()


def test_nothing_is_printed_if_nothing_was_written(checkout: Checkout) -> None:
    run = checkout.run("postdown.sh")

    assert (run.code, run.output) == (0, "")
