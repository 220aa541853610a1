"""Compares the documents to the code: what exists is documented, and what is documented exists."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import tree_sitter
import tree_sitter_powershell
import typer.main
from documents import DOCUMENTS, ROOT, blocks, code_of, only_once, section_of, table_of, text_of

from atlas.cli import main
from atlas.domain.bookings_settings import MEANINGS as BOOKINGS_SETTINGS
from atlas.domain.changes import ChangeKind
from atlas.domain.ews_commands import EwsCommands, commands_for
from atlas.domain.ews_settings import AGENT, EwsScope, ews_scope
from atlas.domain.findings import Finding
from atlas.domain.owa_policies import Benchmark
from atlas.domain.policy import Cause, OpenQuestion, PolicyVerdict, judge_mailbox, judge_organization, judge_policy
from atlas.domain.scans import ScanState
from atlas.domain.shared_pages.changes import SharedChangeKind
from atlas.domain.shared_pages.rows import SharedFinding
from atlas.domain.statuses import Status
from atlas.domain.unknown import Reason
from atlas.domain.users import why_not_licensed
from atlas.health.permissions import (
    EXCHANGE_APP_ID,
    EXCHANGE_MANAGE_AS_APP,
    GRAPH_APP_ID,
    PERMISSIONS,
    USER_READ_ALL,
    Permission,
)
from atlas.scans.warnings import NO_PAGE_SEEN
from atlas.settings import Settings
from local.simulator.options import Behaviour
from local.simulator.user_kinds import Plan

SOURCES = [
    file
    for folder in ("atlas", "activities", "api", "orchestrators", "connector", "local")
    for file in (ROOT / folder).rglob("*.py")
]
DEPLOYMENT = [file for kind in ("*.bicep", "*.bicepparam", "*.sh") for file in (ROOT / "infra").rglob(kind)]
SETTINGS = {field.alias or "": field for field in Settings.model_fields.values()}
SETTING_LIKE = re.compile(r"\b(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:AzureWebJobs|Status)Storage\w*)\b")


# Settings


def default_of(name: str) -> str:
    """The default of a setting as the table shows it."""
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


def test_the_settings_are_documented_with_their_defaults():
    documented = {row[0]: row[1] for row in table_of(section_of("docs/settings.md", "## All settings"), "name")}

    assert documented == {name: default_of(name) for name in SETTINGS}


def test_names_that_look_like_settings_exist():
    known = set(re.findall(r"\w+", "\n".join(file.read_text() for file in [*SOURCES, *DEPLOYMENT])))

    named = {
        name for document in DOCUMENTS for code in code_of(document.read_text()) for name in SETTING_LIKE.findall(code)
    }
    assert len(named) > 20
    assert not named - known


def test_the_example_of_local_settings_is_valid():
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


def test_the_make_targets_are_documented():
    targets = set(re.findall(r"^([a-z]+):.*## ", text_of("Makefile"), re.MULTILINE))
    set_up = section_of("CONTRIBUTING.md", "## Set-up")

    assert only_once(row[0] for row in table_of(set_up, "command")) == {f"make {target}" for target in targets}
    assert said_to_run("make") == targets


def test_the_commands_are_documented():
    assert said_to_run("atlas") == typer.main.get_command(main.app).commands.keys()


def test_the_options_of_simulate_are_documented_with_their_defaults():
    options = typer.main.get_command(main.app).commands["simulate"].params

    documented = {row[0]: row[1].strip("`") for row in table_of(text_of("docs/simulator.md"), "option")}
    assert documented == {option.opts[0]: "-" if option.default is None else str(option.default) for option in options}


def test_the_options_of_doctor_are_documented():
    options = typer.main.get_command(main.app).commands["doctor"].params

    table = table_of(section_of("docs/administrator.md", "## Permissions"), "option")
    assert only_once(row[0] for row in table) == {option.opts[0] for option in options}


def test_the_exit_codes_of_the_commands_are_documented():
    table = table_of(section_of("docs/administrator.md", "## Why a user has no page"), "command")

    asking = typer.main.get_command(main.app).commands.keys() - {"demo", "host", "simulate"}
    assert only_once(row[0] for row in table) == {f"atlas {command}" for command in asking}
    assert all(row[2] for row in table)


def test_the_documented_changes_of_behaviour_are_valid():
    bodies = re.findall(r"/control/behaviour\" -d '(.+)'", text_of("docs/simulator.md"))

    assert bodies
    for body in bodies:
        Behaviour().with_changes(json.loads(body))


# Limits


def leaves(document: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def host_json() -> dict[str, Any]:
    return dict(leaves(json.loads(text_of("host.json"))))


def test_the_limits_of_host_json_are_documented_with_a_reason():
    table = table_of(section_of("docs/host.md", "## `host.json`, limit by limit"), "limit")

    limits = {name: value for name, value in host_json().items() if name != "version"}
    assert {row[0]: row[1] for row in table} == {name: f"`{value}`" for name, value in limits.items()}
    assert all(row[2] for row in table)


def test_the_host_runs_enough_activities_for_every_probe():
    rules = SETTINGS["PROBE_CONCURRENCY"].metadata

    most = next(rule.le for rule in rules if hasattr(rule, "le"))
    assert host_json()["extensions.durableTask.maxConcurrentActivityFunctions"] >= most


def test_the_limits_in_the_architecture_match_the_code():
    table = table_of(section_of("docs/architecture.md", "## Limits"), "limit")

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
        (SharedFinding, "docs/administrator.md", "### Findings on shared pages", "finding"),
        (SharedChangeKind, "docs/api.md", "## `GET /api/shared-page-changes`", "kind"),
        (Reason, "docs/administrator.md", "## When a status is `unknown`", "reason"),
        (Permission, "docs/register-the-app.md", "## What each permission is for", "check"),
        (Benchmark, "docs/administrator.md", "## The organisation", "cis139"),
        (ScanState, "docs/api.md", "## `GET /api/scans/{id}`", "state"),
        (ChangeKind, "docs/tables.md", "## `BookingsChanges`", "Kind"),
    ],
)
def test_the_names_that_users_see_are_documented(names: type[StrEnum], document: str, heading: str, first_header: str):
    table = table_of(section_of(document, heading), first_header)

    assert only_once(row[0] for row in table) == {str(name) for name in names}


def test_every_permission_has_a_text():
    assert PERMISSIONS.keys() == set(Permission)


# Policy verdicts


def test_the_open_questions_are_documented():
    table = table_of(section_of("docs/administrator.md", "## What a policy verdict means"), "openQuestions")

    assert only_once(row[0] for row in table) == {question.text for question in OpenQuestion}


UNRECOGNIZED = "EnforceSomethingNew"
WILDCARD = "MicrosoftOWS*"
NOW = datetime(2026, 11, 21, 8, 41, tzinfo=UTC)
POLICIES = (None, "EnforceAllowList", "EnforceBlockList", UNRECOGNIZED)


def scopes(*lists: list[str], changed_at: datetime | None = None) -> Iterator[EwsScope]:
    """Every kind of EWS settings that one scope can have, with these as its lists."""
    for policy in POLICIES:
        for entries in lists:
            for enabled in (True, False):
                yield ews_scope(policy, entries, entries, ews_enabled=enabled, changed_at=changed_at)


def verdicts_without_doubt() -> set[PolicyVerdict]:
    """Every verdict there is, of settings that leave nothing in doubt."""
    plain = [scope for scope in scopes([], [AGENT]) if not scope.has_list_without_policy]
    return {judge_policy(organization, mailbox) for organization in (None, *plain) for mailbox in (None, *plain)}


def verdicts_with_doubt() -> set[PolicyVerdict]:
    """Every verdict of settings that changed lately, with lists that name personal bookings in every way."""
    lists: tuple[list[str], ...] = ([], [AGENT], [WILDCARD])
    return {
        judge_policy(organization, mailbox, NOW)
        for organization in (None, *scopes(*lists), *scopes(*lists, changed_at=NOW))
        for mailbox in (None, *scopes(*lists))
    }


def documented_reason(judged: PolicyVerdict) -> str:
    """A reason as the documents write it, with `…` for what differs from tenant to tenant."""
    return judged.reason.replace(UNRECOGNIZED, "…").replace(WILDCARD, "…").replace(f"{NOW:%Y-%m-%d %H:%M}", "…")


def verdict_table(first_header: str) -> list[list[str]]:
    table = table_of(section_of("docs/administrator.md", "## What a policy verdict means"), first_header)
    assert only_once(row[0] for row in table)
    return table


def test_the_policy_reasons_are_documented_with_their_verdicts():
    documented = {(row[0], row[1].strip("`")) for row in verdict_table("policyReason")}

    assert documented == {(documented_reason(judged), str(judged.verdict)) for judged in verdicts_without_doubt()}


def test_the_additions_to_a_reason_are_documented():
    documented = {row[0] for row in verdict_table("the reason goes on with")}
    plain = sorted((row[0] for row in verdict_table("policyReason")), key=len, reverse=True)

    found: set[str] = set()
    for reason in map(documented_reason, verdicts_with_doubt()):
        rest = reason.removeprefix(next(begin for begin in plain if reason.startswith(begin)))
        for more in sorted(more for more in documented if more in rest):
            found.add(more)
            rest = rest.replace(more, "")
        assert not rest.strip(), reason
    assert found == documented


def switches() -> Iterator[tuple[str, EwsCommands]]:
    """Every setting that can determine a verdict, as the table shows it, with its commands."""
    for scope in scopes([], [AGENT]):
        for judge in (judge_organization, judge_mailbox):
            judged = judge(scope)
            is_by_ews = judged.cause is Cause.EWS_DISABLED
            switch = commands_for("", judged.deciding, None if is_by_ews else judged.value)
            assert (switch is None) == (judged.cause is Cause.UNRECOGNIZED)
            without_policy = "no policy, and the list names it" if judged.entries else "no policy"
            if switch:
                yield "EwsEnabled is False" if is_by_ews else str(judged.value or without_policy), switch


def test_the_commands_for_each_setting_are_documented():
    documented = {(row[0], row[1].strip("`"), row[2].strip("`")) for row in verdict_table("what is set")}

    assert documented == {(name, switch.on.strip(), switch.off.strip()) for name, switch in switches()}


def test_the_bookings_settings_are_documented_with_their_effect():
    table = table_of(section_of("docs/administrator.md", "## The organisation"), "setting")

    assert only_once(row[0] for row in table)
    assert {row[0]: row[1] for row in table} == BOOKINGS_SETTINGS


def test_the_states_of_a_licence_are_documented():
    states = {None, *Plan} - {Plan.ENABLED, Plan.WARNING, Plan.UNINDEXED, Plan.NONE}
    reasons = {why_not_licensed(state).replace(Plan.LOCKED_OUT, "…") for state in states}

    table = table_of(section_of("docs/administrator.md", "### Licences"), "reason")
    assert only_once(row[0] for row in table) == reasons


def test_the_warning_about_a_scan_without_pages_is_quoted():
    section = section_of("docs/administrator.md", "## When a scan is `incomplete` or `failed`")

    assert NO_PAGE_SEEN in " ".join(section.split())


# Registering the app


def test_what_is_lost_without_a_permission_is_documented():
    table = table_of(section_of("docs/register-the-app.md", "## What each permission is for"), "check")

    documented = {row[0]: f"Without it, {row[2]}." for row in table}
    assert documented == {str(name): text.impact for name, text in PERMISSIONS.items()}


@pytest.mark.parametrize("language", ["bash", "powershell"])
def test_each_script_that_registers_the_app_grants_the_same_permissions(language: str):
    [script] = [block for block in blocks("docs/register-the-app.md", language) if "df021288" in block]

    granted = set(re.findall(r"([0-9a-f-]{36})'? '?([0-9a-f-]{36})", script))
    assert granted == {(GRAPH_APP_ID, USER_READ_ALL), (EXCHANGE_APP_ID, EXCHANGE_MANAGE_AS_APP)}
    assert {"TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"} <= set(re.findall(r"\w+", script))


def test_the_bash_script_that_registers_the_app_is_valid(tmp_path: Path):
    [script] = [block for block in blocks("docs/register-the-app.md", "bash") if "df021288" in block]
    (tmp_path / "register.sh").write_text(f"#!/bin/bash\nset -euo pipefail\n{script}")
    checked = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), tmp_path / "register.sh"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_the_bash_script_that_registers_the_app_sends_what_graph_expects(tmp_path: Path):
    """Run with an `az` that records its arguments and returns an ID for every query."""
    [script] = [block for block in blocks("docs/register-the-app.md", "bash") if "df021288" in block]
    az = tmp_path / "az"
    az.write_text(
        '#!/bin/bash\nprintf "%s\\n" "$*" >> "$0.log"\n[[ "$*" == *--query* ]] && echo "<$2 $3 $4>"; exit 0\n'
    )
    az.chmod(0o700)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    run = subprocess.run(["/bin/bash", "-c", script], env=path, capture_output=True, text=True, check=True)
    bodies = [json.loads(body) for body in re.findall(r"--body (\{.*?\}) --output", (tmp_path / "az.log").read_text())]

    assert run.stderr == ""
    assert [body["appRoleId"] for body in bodies] == [USER_READ_ALL, EXCHANGE_MANAGE_AS_APP]
    assert {body["principalId"] for body in bodies} == {"<sp create --id>"}
    assert re.findall(r"^export (\w+)=", run.stdout, re.MULTILINE) == [
        "TENANT_ID",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
    ]


def test_the_powershell_that_registers_the_app_parses():
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))

    for block in blocks("docs/register-the-app.md", "powershell"):
        script = re.sub(r"<[^>]+>", "00000000-0000-0000-0000-000000000000", block)
        assert not parser.parse(script.encode()).root_node.has_error, block
