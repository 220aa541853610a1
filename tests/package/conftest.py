"""What is deployed, the Python that Azure runs it with, and the local host without the checkout around it."""

import shutil
from pathlib import Path

import pytest
from azure_python import ROOT, Azure, azure_python

from infra.package import build


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wwwroot")
    build(folder)
    return folder


@pytest.fixture(scope="session")
def azure() -> Azure:
    return azure_python()


@pytest.fixture
def host_alone(tmp_path: Path) -> Path:
    """The local host without the checkout; when it ends, it writes which modules it loaded, and from where."""
    shutil.copytree(ROOT / "local" / "host", tmp_path / "host" / "local" / "host")
    shutil.copy(Path(__file__).with_name("write_modules.py"), tmp_path / "host" / "sitecustomize.py")
    return tmp_path / "host"
