"""The script that grants the role in Exchange: valid PowerShell, safe to repeat, and documented."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "infra" / "exchange" / "Grant-AtlasExchangeRole.ps1"
GUIDE = ROOT / "docs" / "identity.md"
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


def is_confirmed(command: Node) -> bool:
    """Whether the command runs only after ShouldProcess."""
    node: Node | None = command
    while node := node.parent:
        if node.type in {"if_statement", "elseif_clause"}:
            condition = next(child for child in node.children if child.type == "pipeline")
            if "$PSCmdlet.ShouldProcess(" in text(condition):
                return True
    return False


def test_the_script_is_valid_powershell(tree: Node) -> None:
    assert not tree.has_error


def test_a_missing_brace_is_noticed() -> None:
    assert parsed(SCRIPT.read_bytes().replace(b"if ($Remove) {", b"if ($Remove)", 1)).has_error


def test_what_if_changes_nothing(tree: Node) -> None:
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
    assert [text(command) for _, command in changes if not is_confirmed(command)] == []
    assert "[CmdletBinding(SupportsShouldProcess)]" in text(tree)


def test_no_exchange_command_fails_silently(tree: Node) -> None:
    used = [command for name, command in commands(tree) if re.search(r"-(ServicePrincipal|RoleGroup|Management)", name)]

    assert len(used) > 9
    assert [text(command) for command in used if "-ErrorAction Stop" not in text(command)] == []


def test_no_removal_waits_for_confirmation(tree: Node) -> None:
    removals = [text(command) for name, command in commands(tree) if name.startswith("Remove-")]

    assert len(removals) == 3
    assert all("-Confirm:$false" in removal for removal in removals)


def test_the_script_uses_only_known_commands(tree: Node) -> None:
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


def test_the_roles_are_documented(tree: Node) -> None:
    roles = re.search(r"\$roles = @\((.*)\)", text(tree))
    assert roles
    assert set(re.findall(r"'([^']+)'", roles[1])) == ROLES

    guide = GUIDE.read_text()
    default = re.search(r"\$RoleGroup = '([^']+)'", text(tree))
    assert default
    assert {name for name in (*ROLES, default[1], "View-Only Audit Logs") if name not in guide} == set()


def test_the_help_describes_every_parameter(tree: Node) -> None:
    source = text(tree)
    declared = re.search(r"^param\((.*?)^\)", source, re.MULTILINE | re.DOTALL)
    assert declared
    parameters = re.findall(r"^    \[\w+\] \$(\w+)", declared[1], re.MULTILINE)

    assert re.findall(r"^\.PARAMETER (\w+)$", source, re.MULTILINE) == parameters
    assert {".SYNOPSIS", ".DESCRIPTION", ".EXAMPLE"} <= set(re.findall(r"^\.[A-Z]+$", source, re.MULTILINE))
    assert "from 30 minutes to some hours" in source.rstrip().splitlines()[-1]


def test_the_guide_uses_existing_parameters(tree: Node) -> None:
    parameters = set(re.findall(r"^\.PARAMETER (\w+)$", text(tree), re.MULTILINE)) | {"WhatIf"}
    calls = re.findall(r"^.*Grant-AtlasExchangeRole\.ps1 (-.*)$", GUIDE.read_text(), re.MULTILINE)

    assert len(calls) > 1
    assert {name for call in calls for name in re.findall(r"-([A-Z]\w+)", call)} <= parameters
