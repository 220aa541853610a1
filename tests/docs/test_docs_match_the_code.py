"""Holds the documents to the code: what exists is documented, and what is documented exists."""

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import pytest
import typer.main
from documents import DOCUMENTS, ROOT, blocks, code_of, only_once, section_of, table_of, text_of

from atlas import cli
from atlas.domain.changes import ChangeKind
from atlas.domain.findings import Finding
from atlas.domain.learned import Reason
from atlas.domain.policy import AGENT, EwsScope, ews_scope, judge_policy
from atlas.domain.scans import ScanState
from atlas.domain.statuses import Status
from atlas.settings import Settings

SOURCES = [
    file
    for folder in ("atlas", "activities", "api", "orchestrators", "local")
    for file in (ROOT / folder).rglob("*.py")
]
DEPLOYMENT = [file for kind in ("*.bicep", "*.bicepparam", "*.sh") for file in (ROOT / "infra").rglob(kind)]
SETTINGS = {field.alias or "": field for field in Settings.model_fields.values()}
SETTING_LIKE = re.compile(r"\b(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:AzureWebJobs|Status)Storage\w*)\b")


# Settings


def default_of(name: str) -> str:
    """The default of a setting as its table tells it."""
    field = SETTINGS[name]
    match field.default:
        case _ if field.is_required():
            return "required"
        case None:
            return "-"
        case bool() as switch:
            return f"`{str(switch).lower()}`"
        case tuple() as words:
            return f"`{','.join(words)}`"
        case value:
            return f"`{value}`"


def test_every_setting_is_documented_with_its_default_and_no_other_is():
    documented = {row[0]: row[1] for row in table_of(section_of("docs/settings.md", "## All settings"), "name")}

    assert documented == {name: default_of(name) for name in SETTINGS}


def test_every_name_that_looks_like_a_setting_is_one_or_a_name_in_the_code():
    known = set(re.findall(r"\w+", "\n".join(file.read_text() for file in [*SOURCES, *DEPLOYMENT])))

    named = {
        name for document in DOCUMENTS for code in code_of(document.read_text()) for name in SETTING_LIKE.findall(code)
    }
    assert len(named) > 20
    assert not named - known


def test_the_example_of_local_settings_holds_settings_that_the_product_takes():
    example = json.loads(blocks("docs/settings.md", "json")[0])["Values"]

    assert set(example) <= SETTINGS.keys()
    without_file = {name: value for name, value in example.items() if not name.endswith("_PATH")}
    beside = {"AZURE_CLIENT_SECRET": "x", "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    assert Settings.load(without_file | beside).tenant_id == example["TENANT_ID"]


# Commands


def said_to_run(program: str) -> set[str]:
    """The word after a program's name where code, or a line of it, begins with that name."""
    pattern = re.compile(rf"^(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?{program} ([a-z]+)", re.MULTILINE)
    return {word for document in DOCUMENTS for code in code_of(document.read_text()) for word in pattern.findall(code)}


def test_every_make_target_is_documented_and_no_other_is():
    targets = set(re.findall(r"^([a-z]+):.*## ", text_of("Makefile"), re.MULTILINE))
    set_up = section_of("CONTRIBUTING.md", "## Set-up")

    assert only_once(row[0] for row in table_of(set_up, "command")) == {f"make {target}" for target in targets}
    assert said_to_run("make") == targets


def test_every_command_of_atlas_is_documented_and_no_other_is():
    assert said_to_run("atlas") == typer.main.get_command(cli.app).commands.keys()


def test_every_option_of_simulate_is_documented_with_its_default_and_no_other_is():
    options = typer.main.get_command(cli.app).commands["simulate"].params

    documented = {row[0]: row[1].strip("`") for row in table_of(text_of("docs/simulator.md"), "option")}
    assert documented == {option.opts[0]: "-" if option.default is None else str(option.default) for option in options}


# Limits


def leaves(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def host_json() -> dict[str, Any]:
    return dict(leaves(json.loads(text_of("host.json"))))


def test_every_limit_of_host_json_is_documented_with_its_value_and_its_reason_and_no_other_is():
    table = table_of(section_of("docs/host.md", "## `host.json`, limit by limit"), "limit")

    told = {name: value for name, value in host_json().items() if name != "version"}  # the version of its form
    assert {row[0]: row[1] for row in table} == {name: f"`{value}`" for name, value in told.items()}
    assert all(row[2] for row in table)


def test_the_host_runs_as_many_activities_at_once_as_probes_may_be_in_flight():
    rules = SETTINGS["PROBE_CONCURRENCY"].metadata

    most = next(rule.le for rule in rules if hasattr(rule, "le"))
    assert host_json()["extensions.durableTask.maxConcurrentActivityFunctions"] >= most


def test_every_bound_that_the_architecture_tells_has_that_value_in_the_code():
    table = table_of(section_of("docs/architecture.md", "## What bounds it"), "bound")

    assert len(table) > 10
    for name, value, _ in table:
        module, _, constant = name.rpartition(".")
        assert getattr(importlib.import_module(module), constant) == float(value), name


# Names that users see


@pytest.mark.parametrize(
    ("names", "document", "heading", "first_header"),
    [
        (Status, "docs/administrator.md", "## What a status means", "status"),
        (Status, "README.md", "## How it works", "status"),
        (Finding, "docs/administrator.md", "## Findings", "finding"),
        (Reason, "docs/administrator.md", "## When a status is `unknown`", "reason"),
        (ScanState, "docs/api.md", "## `GET /api/scans/{id}`", "state"),
        (ChangeKind, "docs/tables.md", "## `BookingsChanges`", "Kind"),
    ],
)
def test_every_name_that_users_see_is_documented_and_no_other_is(
    names: type[StrEnum], document: str, heading: str, first_header: str
):
    table = table_of(section_of(document, heading), first_header)

    assert only_once(row[0] for row in table) == {str(name) for name in names}


# Policy verdicts


UNHEARD_OF = "EnforceSomethingNew"


def scopes() -> Iterator[EwsScope | None]:
    """Every kind of EWS settings that one scope can have, and those that were not learned."""
    yield None
    for policy in (None, "EnforceAllowList", "EnforceBlockList", UNHEARD_OF):
        for entries in ([], [AGENT]):
            for enabled in (True, False):
                yield ews_scope(policy, entries, entries, ews_enabled=enabled)


def test_every_policy_reason_is_documented_with_its_verdict_and_no_other_is():
    judged = {judge_policy(organization, mailbox) for organization in scopes() for mailbox in scopes()}

    table = table_of(section_of("docs/administrator.md", "## What a policy verdict means"), "policyReason")
    assert only_once(row[0] for row in table)
    assert {(row[0], row[1].strip("`")) for row in table} == {
        (verdict.reason.replace(UNHEARD_OF, "…"), str(verdict.verdict)) for verdict in judged
    }
