"""Runs this app on the local host, as `make host` does: settings checked first, Azurite beside it if none is named."""

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
"""Takes the product's settings that this terminal or a local.settings.json has out of a host's way."""
AZURITE_FILES = CHECKOUT / ".local" / "azurite"


def main(*, port: int) -> int:
    """Run until told to stop; 1 if the host cannot start. Raises ``InvalidSettings`` before anything is started."""
    try:
        with contextlib.ExitStack() as stack:
            os.environ.update(stack.enter_context(storage_of(given_settings(CHECKOUT, os.environ))))
            Settings.load(given_settings(CHECKOUT, os.environ))
            return run_host(["--port", str(port), "--app", str(CHECKOUT)])
    except (AzuriteNotThere, UnusableSettings) as fault:
        print(f"The local host cannot start: {fault}")  # noqa: T201 - a terminal's last words
        return 1


@contextlib.contextmanager
def storage_of(settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What to add to settings that name no storage: an Azurite of our own, which ends with the block."""
    if any(settings.get(name, "").strip() for name in STORAGE_NAMES):
        yield {}
        return
    Settings.load({**settings, "AzureWebJobsStorage": "UseDevelopmentStorage=true"})  # the rest, before all else
    AZURITE_FILES.mkdir(parents=True, exist_ok=True)
    with azurite_tables(AZURITE_FILES) as azurite:
        yield {"AzureWebJobsStorage": azurite.connection_string}
