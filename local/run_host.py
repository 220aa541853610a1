"""Runs this app on the local host, as `make host` does: checks settings, and starts Azurite if no storage is set."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.settings import STORAGE_NAMES, Settings
from local.azurite import AzuriteNotThere, azurite_tables
from local.host.__main__ import main as run_host
from local.host.settings import UnusableSettings, given_settings

CHECKOUT = Path(__file__).resolve().parent.parent
UNSET = dict.fromkeys((field.alias or "" for field in Settings.model_fields.values()), "")
"""Overrides the product's settings that this terminal or a local.settings.json may hold."""
AZURITE_FILES = CHECKOUT / ".local" / "azurite"


def main(*, port: int) -> int:
    """Run until stopped; returns 1 if the host cannot start. Raises ``InvalidSettings`` before anything is started."""
    try:
        with contextlib.ExitStack() as stack:
            os.environ.update(stack.enter_context(storage_of(given_settings(CHECKOUT, os.environ))))
            Settings.load(given_settings(CHECKOUT, os.environ))
            return run_host(["--port", str(port), "--app", str(CHECKOUT)])
    except (AzuriteNotThere, UnusableSettings) as fault:
        print(f"The local host cannot start: {fault}")  # noqa: T201 - for the terminal
        return 1


@contextlib.contextmanager
def storage_of(settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The setting of an Azurite that runs until the block ends, if the settings name no storage."""
    if any(settings.get(name, "").strip() for name in STORAGE_NAMES):
        yield {}
        return
    Settings.load({**settings, "AzureWebJobsStorage": "UseDevelopmentStorage=true"})  # before anything starts
    private_folder(AZURITE_FILES.parent)
    with azurite_tables(AZURITE_FILES) as azurite:
        yield {"AzureWebJobsStorage": azurite.connection_string}


def private_folder(folder: Path) -> Path:
    """Create a folder that only its owner can read: rows and logs name people."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder
