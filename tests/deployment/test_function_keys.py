"""Function keys: each caller gets one that opens only what it needs."""

import re
import runpy
import shutil
from functools import cache
from pathlib import Path

import azure.functions as func
import pytest

from tests.deployment.hooks import ROOT, Checkout

SCRIPT = ROOT / "infra" / "function-keys.sh"
ENVIRONMENT = {"FUNCTION_APP_NAME": "func-atlas"}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    shutil.copy(SCRIPT, tmp_path / "infra")
    return made


def parts() -> dict[str, list[str]]:
    return {
        part: names.split()
        for part, names in re.findall(r"^    (\w+)\) say ([\w ]+) ;;$", SCRIPT.read_text(), re.MULTILINE)
    }


@cache
def functions_that_need_a_key() -> dict[str, tuple[str, ...]]:
    """The functions with a route that a function key opens, with their methods."""
    app = runpy.run_path(str(ROOT / "function_app.py"))["app"]  # a new one: an app returns its functions only once
    triggers = {function.get_function_name(): function.get_trigger() for function in app.get_functions()}
    return {
        name: tuple(method.value for method in trigger.methods)
        for name, trigger in triggers.items()
        if isinstance(trigger, func.decorators.http.HttpTrigger)
        and trigger.auth_level == func.AuthLevel.FUNCTION
        and name != "unknown_route"
    }


def test_every_function_belongs_to_exactly_one_part() -> None:
    """A new route needs a part in infra/function-keys.sh: read, availability, scans or agents."""
    named = [name for names in parts().values() for name in names]

    assert sorted(named) == sorted(functions_that_need_a_key())


def test_a_key_for_reading_opens_neither_availability_nor_scans() -> None:
    methods = functions_that_need_a_key()

    assert [name for name in parts()["read"] if methods[name] != ("GET",)] == []
    assert [name for name in parts()["read"] if "bookings" in name or "availability" in name] == []
    assert "get_user_bookings" in parts()["availability"]
    assert {method for name in parts()["scans"] for method in methods[name]} == {"POST", "DELETE"}


def test_a_caller_gets_one_key_for_its_parts(checkout: Checkout) -> None:
    run = checkout.run("../function-keys.sh", "flows", "read", "scans", **ENVIRONMENT)

    calls = run.of("az")
    assert run.code == 0
    assert [call[call.index("--function-name") + 1] for call in calls] == [*parts()["read"], *parts()["scans"]]
    [key] = {call[call.index("--key-value") + 1] for call in calls}
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert run.output.splitlines()[-1] == key
    assert {call[call.index("--key-name") + 1] for call in calls} == {"flows"}


def test_every_key_of_a_caller_is_new(checkout: Checkout) -> None:
    first, second = (checkout.run("../function-keys.sh", "flows", "read", **ENVIRONMENT).output for _ in range(2))

    assert first != second


def test_a_key_is_deleted_from_every_function(checkout: Checkout) -> None:
    run = checkout.run("../function-keys.sh", "--delete", "flows", **ENVIRONMENT)

    assert run.code == 0
    assert {call[3] for call in run.of("az")} == {"delete"}
    assert {call[call.index("--function-name") + 1] for call in run.of("az")} == functions_that_need_a_key().keys()


@pytest.mark.parametrize("arguments", [(), ("flows",), ("flows", "everything"), ("two words", "read")], ids=str)
def test_invalid_arguments_create_no_key(checkout: Checkout, arguments: tuple[str, ...]) -> None:
    run = checkout.run("../function-keys.sh", *arguments, **ENVIRONMENT)

    assert (run.code, run.calls) == (2, [])


def test_the_guide_names_every_part() -> None:
    guide = (ROOT / "docs" / "identity.md").read_text()

    assert re.findall(r"^\| `(\w+)` \| (?:lists|lookups|starting)", guide, re.MULTILINE) == list(parts())
