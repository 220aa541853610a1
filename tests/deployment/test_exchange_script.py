"""The script that grants what Exchange asks for: valid PowerShell, careful, and at one with the operator's guide."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "infra" / "exchange" / "Grant-AtlasExchangeRights.ps1"
RUNBOOK = ROOT / "docs" / "operate.md"
ROLES = {"View-Only Recipients", "View-Only Configuration"}
"""The least that reads mailboxes and settings (docs/microsoft-365.md, section 3.4)."""
CHANGES = re.compile(r"^(Add|Remove|New|Set|Enable|Disable)-\w+$")
NO_CHANGE = {"Set-StrictMode"}


def parsed(source: bytes) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(source).root_node


@pytest.fixture(scope="module")
def tree() -> Node:
    return parsed(SCRIPT.read_bytes())


def each(node: Node, kind: str) -> Iterator[Node]:
    if node.type == kind:
        yield node
    for child in node.children:
        yield from each(child, kind)


def text(node: Node) -> str:
    return (node.text or b"").decode()


def commands(tree: Node) -> Iterator[tuple[str, Node]]:
    for command in each(tree, "command"):
        yield text(next(each(command, "command_name"))), command


def asks_first(command: Node) -> bool:
    """Whether the command is in a branch that ShouldProcess lets through."""
    node: Node | None = command
    while node := node.parent:
        if node.type in {"if_statement", "elseif_clause"}:
            condition = next(child for child in node.children if child.type == "pipeline")
            if "$PSCmdlet.ShouldProcess(" in text(condition):
                return True
    return False


def test_it_is_powershell(tree: Node) -> None:
    assert not tree.has_error


def test_a_script_with_a_brace_left_out_would_be_found() -> None:
    assert parsed(SCRIPT.read_bytes().replace(b"if ($Remove) {", b"if ($Remove)", 1)).has_error


def test_every_change_is_asked_about_so_that_a_dry_run_changes_nothing(tree: Node) -> None:
    changes = [(name, command) for name, command in commands(tree) if CHANGES.match(name) and name not in NO_CHANGE]

    assert {name for name, _ in changes} == {
        "New-ServicePrincipal",
        "New-RoleGroup",
        "New-ManagementRoleAssignment",
        "Add-RoleGroupMember",
        "Remove-RoleGroupMember",
        "Remove-RoleGroup",
        "Remove-ServicePrincipal",
    }
    assert [text(command) for _, command in changes if not asks_first(command)] == []
    assert "[CmdletBinding(SupportsShouldProcess)]" in text(tree)


def test_no_command_of_exchange_fails_in_silence(tree: Node) -> None:
    asked = [
        command for name, command in commands(tree) if re.search(r"-(ServicePrincipal|RoleGroup|Management)", name)
    ]

    assert len(asked) > 9
    assert [text(command) for command in asked if "-ErrorAction Stop" not in text(command)] == []


def test_no_removal_waits_for_an_answer(tree: Node) -> None:
    removals = [text(command) for name, command in commands(tree) if name.startswith("Remove-")]

    assert len(removals) == 3
    assert all("-Confirm:$false" in removal for removal in removals)


def test_only_known_commands_are_used(tree: Node) -> None:
    exchange = r"(Get|New|Add|Remove)-(ServicePrincipal|RoleGroup|RoleGroupMember|ManagementRoleAssignment)"
    own = {
        "Get-Command",
        "Set-StrictMode",
        "Write-Output",
        "Write-Warning",
        "Out-Null",
        "Where-Object",
        "ForEach-Object",
    }

    assert [name for name, _ in commands(tree) if not re.fullmatch(exchange, name) and name not in own] == []


def test_the_roles_are_those_of_the_contract_and_the_guide_names_them(tree: Node) -> None:
    roles = re.search(r"\$roles = @\((.*)\)", text(tree))
    assert roles
    assert set(re.findall(r"'([^']+)'", roles[1])) == ROLES

    guide = RUNBOOK.read_text()
    default = re.search(r"\$RoleGroup = '([^']+)'", text(tree))
    assert default
    assert {name for name in (*ROLES, default[1], "View-Only Audit Logs") if name not in guide} == set()


def test_its_help_tells_every_parameter_and_how_long_it_takes(tree: Node) -> None:
    source = text(tree)
    declared = re.search(r"^param\((.*?)^\)", source, re.MULTILINE | re.DOTALL)
    assert declared
    parameters = re.findall(r"^    \[\w+\] \$(\w+)", declared[1], re.MULTILINE)

    assert re.findall(r"^\.PARAMETER (\w+)$", source, re.MULTILINE) == parameters
    assert {".SYNOPSIS", ".DESCRIPTION", ".EXAMPLE"} <= set(re.findall(r"^\.[A-Z]+$", source, re.MULTILINE))
    assert "from 30 minutes to some hours" in source.rstrip().splitlines()[-1]


def test_the_guide_calls_it_with_parameters_that_it_has(tree: Node) -> None:
    parameters = set(re.findall(r"^\.PARAMETER (\w+)$", text(tree), re.MULTILINE)) | {"WhatIf"}
    calls = re.findall(r"^.*Grant-AtlasExchangeRights\.ps1 (-.*)$", RUNBOOK.read_text(), re.MULTILINE)

    assert len(calls) > 1
    assert {name for call in calls for name in re.findall(r"-([A-Z]\w+)", call)} <= parameters
