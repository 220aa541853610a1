"""`azd up` and `azd down`: what azure.yaml names is there, and each hook calls and says what it should."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from atlas.domain import needs
from infra.package import HOST_FILES

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "infra" / "hooks"
SCRIPTS = sorted(HOOKS.glob("*.sh"))
PRINCIPAL = "0b9e9d4c-4c1e-4a55-8a4e-6f1f5f5f2a10"
CLIENT = "5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11"
REGISTRATION = "66666666-7777-4888-9999-000000000000"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
PROVISIONED = {
    "AZURE_ENV_NAME": "atlas",
    "AZURE_LOCATION": "westeurope",
    "AZURE_SUBSCRIPTION_ID": "11111111-2222-4333-8444-555555555555",
    "ATLAS_TENANT_ID": TENANT,
    "IDENTITY_CLIENT_ID": CLIENT,
    "IDENTITY_PRINCIPAL_ID": PRINCIPAL,
    "FUNCTION_APP_URL": "https://func-atlas.example",
    "RESOURCE_GROUP": "rg-atlas",
    "AZ_ACCOUNT_SAYS": TENANT,
    "AZ_ACCOUNT_EXITS": "0",
}
FAKE = """#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
name = Path(sys.argv[0]).name
with Path(os.environ["CALLS"]).open("a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
def told(what, default):
    command = f"{name}_{sys.argv[1]}" if len(sys.argv) > 1 else name
    return os.environ.get(f"{command}_{what}".upper(), os.environ.get(f"{name}_{what}".upper(), default))
print(told("says", ""))
sys.exit(int(told("exits", "0")))
"""
"""AZ_SAYS and AZ_EXITS: what `az` prints and how it ends; AZ_ACCOUNT_SAYS: the same of `az account` alone."""


@dataclass(frozen=True)
class Ran:
    """How a hook ended: its exit code, all that it said, and what it called."""

    code: int
    said: str
    calls: list[list[str]]

    def of(self, program: str) -> list[list[str]]:
        return [arguments for name, *arguments in self.calls if name == program]

    @property
    def deployment(self) -> list[str]:
        """The one deployment that it made."""
        [found] = [arguments for arguments in self.of("az") if arguments[0] == "deployment"]
        return found


class Checkout:
    """A folder with the hooks, and programs that note how they are called in place of the real ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(HOOKS, folder / "infra" / "hooks")
        for program in ("bin/az", "bin/azd", "bin/make", "bin/curl", "bin/sleep", ".venv/bin/atlas"):
            (folder / program).parent.mkdir(parents=True, exist_ok=True)
            (folder / program).write_text(FAKE.replace("/usr/bin/env python3", sys.executable))
            (folder / program).chmod(0o755)

    def run(self, hook: str, **environment: str) -> Ran:
        noted = self.folder / "calls"
        noted.write_text("")
        ended = subprocess.run(
            ["/bin/bash", self.folder / "infra" / "hooks" / hook],
            env={"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "CALLS": str(noted), **PROVISIONED, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",  # azd starts hooks where it likes
        )
        return Ran(ended.returncode, ended.stdout, [json.loads(line) for line in noted.read_text().splitlines()])


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def azure_yaml() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "azure.yaml").read_text())


# azure.yaml


def test_every_file_that_azure_yaml_names_is_there(azure_yaml: dict[str, Any]) -> None:
    infra = azure_yaml["infra"]
    scripts = {hook["run"] for hook in azure_yaml["hooks"].values()}

    assert (ROOT / infra["path"] / f"{infra['module']}.bicepparam").exists()
    assert [script for script in scripts if not (ROOT / script).stat().st_mode & 0o100] == []
    assert {ROOT / script for script in scripts} == set(SCRIPTS) - {HOOKS / "common.sh", HOOKS / "rights.sh"}


def test_the_service_is_what_make_package_builds_for_the_app_with_its_tag(azure_yaml: dict[str, Any]) -> None:
    [(name, service)] = azure_yaml["services"].items()

    assert service == {"host": "function", "language": "python", "project": ".local/package", "remoteBuild": True}
    assert f"'azd-service-name': '{name}'" in (ROOT / "infra" / "modules" / "function-app.bicep").read_text()
    assert '".local" / "package"' in (ROOT / "infra" / "package.py").read_text()


def test_every_hook_is_one_of_azd_and_shows_what_it_says(azure_yaml: dict[str, Any]) -> None:
    commands = ("provision", "package", "deploy", "down")

    assert azure_yaml["hooks"].keys() <= {f"{when}{command}" for when in ("pre", "post") for command in commands}
    silent = {"prepackage", "predeploy"}
    assert {name for name, hook in azure_yaml["hooks"].items() if not hook.get("interactive")} == silent


def test_the_package_is_built_before_azd_takes_it_in_each_way(azure_yaml: dict[str, Any]) -> None:
    assert azure_yaml["hooks"]["prepackage"] == azure_yaml["hooks"]["predeploy"]


def test_an_azd_that_reads_the_parameters_before_the_hook_is_refused(azure_yaml: dict[str, Any]) -> None:
    assert azure_yaml["requiredVersions"] == {"azd": ">= 1.18.0"}


# Scripts


def test_a_checkout_on_windows_has_scripts_that_bash_reads() -> None:
    rules = dict(line.split(" ", 1) for line in (ROOT / ".gitattributes").read_text().splitlines() if line[0] != "#")

    assert rules["*.sh"] == rules["*.ps1"] == "text eol=lf"


def test_the_scripts_are_sound() -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    told = subprocess.run(
        [shellcheck, "--external-sources", "--source-path=SCRIPTDIR", *SCRIPTS, ROOT / ".ci" / "run"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout == ""
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_variable_of_a_script_is_set_somewhere(script: Path) -> None:
    """One that azd does not know would be empty, and nobody would notice."""
    deployment = "".join(file.read_text() for file in (ROOT / "infra").glob("*.bicep*"))
    known = set(re.findall(r"\w+", deployment)) | {"ATLAS_READ_SHARED_BOOKINGS", "AZURE_SUBSCRIPTION_ID"}

    used = set(re.findall(r"\$\{?((?:ATLAS|AZURE|IDENTITY|FUNCTION|RESOURCE)_\w+)", script.read_text()))
    assert used <= known


def test_the_entra_deployment_gets_parameters_that_it_has_and_has_one_output() -> None:
    template = (ROOT / "infra" / "entra" / "main.bicep").read_text()
    given = {
        name
        for script in (*SCRIPTS, ROOT / "docs" / "operate.md")
        for name in re.findall(
            r"\b(\w+)=\S+", " ".join(re.findall(r"--parameters ((?:\S+=\S+ (?:\\\n +)?)+)", script.read_text()))
        )
    }

    assert len(given) > 3
    assert given <= set(re.findall(r"^param (\w+)", template, re.MULTILINE))
    assert re.findall(r"^output (\w+)", template, re.MULTILINE) == ["API_CLIENT_ID"]


# Before provisioning


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


# Rights


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
    assert failed.count(command) == checkout.run("rights.sh", **given).said.count(command) == 1
    assert f'\\"subject\\": \\"{PRINCIPAL}\\"' in failed
    assert "/atlas-identity'" in (ROOT / "infra" / "entra" / "main.bicep").read_text()
    assert '\\"name\\": \\"atlas-identity\\"' in failed
    assert command not in checkout.run("postprovision.sh", **given).said
    assert command not in checkout.run("rights.sh", **{**given, "ATLAS_API_ACCESS": "key"}).said


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
    ran = checkout.run("rights.sh", ATLAS_SIGN_IN="federatedRegistration", ATLAS_SIGN_IN_CLIENT_ID=REGISTRATION)

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
    ran = checkout.run("rights.sh", ATLAS_READ_SHARED_BOOKINGS="true")

    commands = re.findall(r'"(\{.*\})"$', ran.said, re.MULTILINE)
    asked = [
        json.loads(re.sub(r"\$\(az ad sp show --id (\S+) .*?\)", r"\1", text.replace('\\"', '"'))) for text in commands
    ]
    assert asked == [
        {"principalId": PRINCIPAL, "appRoleId": role, "resourceId": service}
        for service, role in (
            (needs.GRAPH_APP_ID, needs.USER_READ_ALL),
            (needs.EXCHANGE_APP_ID, needs.EXCHANGE_MANAGE_AS_APP),
            (needs.GRAPH_APP_ID, needs.BOOKINGS_READ_ALL),
        )
    ]
    assert ran.calls == []


def test_without_exchange_nothing_is_asked_of_its_administrator(checkout: Checkout) -> None:
    said = checkout.run("rights.sh", ATLAS_EXCHANGE_EVIDENCE="false").said

    assert "Exchange" not in said
    assert said.count("az rest") == 1


# Code


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


# Taking it away


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
