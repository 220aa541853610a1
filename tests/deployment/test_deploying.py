"""The package, the wait for role assignments, and the check of the deployed app."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from infra.package import HOST_FILES
from tests.deployment.hooks import PRINCIPAL, SCRIPTS, SUBSCRIPTION, Checkout


@pytest.mark.parametrize("hook", ["package.sh", "predeploy.sh"])
@pytest.mark.parametrize("backend", HOST_FILES)
def test_the_package_is_built_for_the_provisioned_back_end(checkout: Checkout, backend: str, hook: str) -> None:
    run = checkout.run(hook, ATLAS_DURABLE_BACKEND=backend)

    assert run.of("make") == [["package", f"BACKEND={backend}"]]


@pytest.mark.parametrize(("age", "waits"), [(timedelta(minutes=1), 5), (timedelta(minutes=10), 0)])
def test_new_role_assignments_are_waited_for(checkout: Checkout, age: timedelta, waits: int) -> None:
    """The fake never ages them, so the wait ends at its limit."""
    created = (datetime.fromtimestamp(time.time(), UTC) - age).isoformat()
    run = checkout.run("predeploy.sh", AZ_ROLE_PRINTS=created)

    assert run.code == 0
    assert run.of("sleep") == [["60"]] * waits
    assert run.output.count("Waiting up to 5 minutes") == (waits > 0)
    assert (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-atlas/providers/Microsoft.Storage/storageAccounts/statlas"
        in (run.of("az")[0])
    )
    assert PRINCIPAL in str(run.of("az")[0])


@pytest.mark.parametrize("exits", ["0", "1"])
def test_undetermined_role_assignments_are_not_waited_for(checkout: Checkout, exits: str) -> None:
    run = checkout.run("predeploy.sh", AZ_ROLE_PRINTS="", AZ_ROLE_EXITS=exits)

    assert (run.code, run.of("sleep")) == (0, [])


def test_the_doctor_runs_once_the_app_responds(checkout: Checkout) -> None:
    run = checkout.run("postdeploy.sh", CURL_PRINTS='{"status": "healthy"}')

    assert run.code == 0
    assert run.of("atlas") == [["doctor", "--app", "https://func-atlas.example"]]
    assert len(run.of("curl")) == 1
    assert "Nothing is missing" in run.output


def test_the_wait_for_a_slow_app_is_limited(checkout: Checkout) -> None:
    run = checkout.run("postdeploy.sh", CURL_PRINTS="<html>", ATLAS_EXITS="1")

    assert len(run.of("curl")) == len(run.of("sleep")) == 18
    assert len(run.of("atlas")) == 1


def test_missing_permissions_do_not_fail_the_deployment(checkout: Checkout) -> None:
    run = checkout.run("postdeploy.sh", CURL_PRINTS="{", ATLAS_EXITS="1")

    assert run.code == 0
    assert "az rest --method POST" in run.output
    assert ".venv/bin/atlas doctor --app https://func-atlas.example" in run.output


def test_commands_for_granted_roles_are_not_printed(checkout: Checkout) -> None:
    checkout.run("postprovision.sh")
    run = checkout.run("postdeploy.sh", CURL_PRINTS="{", ATLAS_EXITS="1")

    assert "az rest --method POST" not in run.output
    assert "Grant-AtlasExchangeRole.ps1" in run.output
    assert "take a few minutes to take effect" in run.output


def test_commands_for_missing_roles_are_printed_again(checkout: Checkout) -> None:
    checkout.run("postprovision.sh", AZ_EXITS="1")
    run = checkout.run("postdeploy.sh", CURL_PRINTS="{", ATLAS_EXITS="1")

    assert "az rest --method POST" in run.output
    assert "take a few minutes to take effect" not in run.output


def test_roles_granted_long_ago_may_be_missing(checkout: Checkout) -> None:
    checkout.run("postprovision.sh")
    [written] = (checkout.folder / ".local").iterdir()
    os.utime(written, (0, 0))

    assert "az rest --method POST" in checkout.run("postdeploy.sh", CURL_PRINTS="{", ATLAS_EXITS="1").output


def test_an_error_of_the_doctor_fails_the_deployment(checkout: Checkout) -> None:
    assert checkout.run("postdeploy.sh", CURL_PRINTS="{", ATLAS_EXITS="2").code == 2


def test_no_hook_handles_a_secret() -> None:
    text = "".join(script.read_text() for script in SCRIPTS).lower()

    assert [word for word in ("secret", "password", "functionkeys", "get-access-token", "set -x") if word in text] == []
