"""Imports point down the layers of the design, so that the list of folders shows the design."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("atlas", "activities", "orchestrators", "api", "local", "benchmarks", "tests", "function_app")
DEPLOYED = ("function_app", "atlas", "activities", "orchestrators", "api")

PURE_SCAN_STATE = (
    "atlas.scans.messages",
    "atlas.scans.lanes",
    "atlas.scans.warnings",
    "atlas.scans.personal_progress",
    "atlas.scans.shared_progress",
    "atlas.scans.progress",
    "atlas.scans.plan",
)
FOUNDATIONS = ("atlas.resources", "atlas.microsoft365", "atlas.tables", "atlas.domain", "atlas.concurrency")

# The first entry that a module belongs to says what it may import besides its own package.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "function_app": ("api", "activities", "orchestrators"),
    "orchestrators.names": (),
    "orchestrators": PURE_SCAN_STATE,
    "activities": ("atlas",),
    "api": ("atlas", "orchestrators.names"),
    "atlas.setting_values": (),
    "atlas.settings": ("atlas.setting_values",),
    "atlas.concurrency": (),
    "atlas.live_queries": (),
    "atlas.telemetry": ("atlas.domain", "atlas.settings"),
    "atlas.domain": (),
    "atlas.microsoft365": ("atlas.domain", "atlas.settings", "atlas.concurrency"),
    "atlas.tables": ("atlas.domain", "atlas.settings"),
    "atlas.resources": ("atlas.microsoft365", "atlas.tables", "atlas.domain"),
    "atlas.pages": (*FOUNDATIONS, "atlas.live_queries"),
    "atlas.scans.messages": ("atlas.domain",),
    "atlas.scans.lanes": ("atlas.domain", "atlas.scans.messages"),
    "atlas.scans.warnings": ("atlas.domain", "atlas.scans.messages", "atlas.scans.lanes"),
    "atlas.scans.personal_progress": (
        "atlas.domain",
        "atlas.scans.messages",
        "atlas.scans.lanes",
        "atlas.scans.warnings",
    ),
    "atlas.scans.shared_progress": ("atlas.scans.messages",),
    "atlas.scans.progress": ("atlas.domain", *PURE_SCAN_STATE),
    "atlas.scans.plan": PURE_SCAN_STATE,
    "atlas.shared_pages": ("atlas.pages", *FOUNDATIONS),
    "atlas.scans": ("atlas.pages", "atlas.shared_pages", *FOUNDATIONS),
    "atlas.health": ("atlas.pages", *FOUNDATIONS),
    "atlas.report": ("atlas.pages", "atlas.exports", *FOUNDATIONS),
    "atlas.exports": FOUNDATIONS,
    "atlas.wiring": (*FOUNDATIONS, "atlas.live_queries", "atlas.settings", "atlas.telemetry"),
    "atlas.cli": ("atlas",),
}
OUTSIDE_ORCHESTRATORS = {"asyncio", "time", "random", "uuid", "os", "logging", "secrets", "httpx", "aiohttp"}
OUTSIDE_THE_DOMAIN = OUTSIDE_ORCHESTRATORS - {"uuid"} | {"azure", "pathlib", "stamina", "socket"}


def files():
    for part in DEPLOYED:
        path = ROOT / part
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_in(module, part):
    return module == part or module.startswith(f"{part}.")


def imports_of(path):
    """Every module that a file imports, inside functions too."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                # `from atlas import wiring` imports atlas.wiring; `from atlas.settings import Settings` only a name.
                names = [f"{module}.{alias.name}" for alias in node.names]
                yield from (name if is_module(name) else module for name in names)
            case ast.ImportFrom():
                raise AssertionError(f"{path}: imports are written in full")


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def part_of(module):
    return next((part for part in MAY_IMPORT if is_in(module, part)), None)


FILES = list(files())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_no_import_goes_back_up_a_layer(path):
    module = module_of(path)
    part = part_of(module)
    ours = [name for name in imports_of(path) if name.split(".")[0] in OURS]
    if part is None:
        assert ours == [], f"{module} belongs to no package of the design"
        return

    wrong = [name for name in ours if not is_in(name, part) and not any(is_in(name, to) for to in MAY_IMPORT[part])]

    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_deployed_code_never_imports_local(path):
    assert [name for name in imports_of(path) if is_in(name, "local")] == []


@pytest.mark.parametrize("path", [path for path in FILES if is_in(module_of(path), "atlas.domain")], ids=module_of)
def test_the_domain_does_no_io(path):
    assert {name.split(".")[0] for name in imports_of(path)} & OUTSIDE_THE_DOMAIN == set()


@pytest.mark.parametrize("path", [path for path in FILES if is_in(module_of(path), "orchestrators")], ids=module_of)
def test_orchestrators_import_nothing_nondeterministic(path):
    assert {name.split(".")[0] for name in imports_of(path)} & OUTSIDE_ORCHESTRATORS == set()


def test_no_module_imports_itself_through_others():
    imported = {module_of(path): {name for name in imports_of(path) if is_module(name)} for path in FILES}

    TopologicalSorter(imported).prepare()  # raises CycleError, which names the cycle


def test_every_package_has_its_directions():
    modules = {module_of(path) for path in FILES}

    assert {"function_app", "orchestrators.scan_tenant", "atlas.domain.statuses", "api.scans"} <= modules
    assert all(any(is_in(module, part) for module in modules) for part in MAY_IMPORT)


def test_no_root_folder_shadows_a_package():
    roots = {
        path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name.isidentifier())
    }

    assert roots & {"http", "queue", "types", "azure", "httpx", "msal"} == set()
