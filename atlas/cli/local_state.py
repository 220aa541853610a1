"""Where ``atlas scan`` stores its rows and its log on this machine: in a folder of the user, one file per tenant."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

FOLDER = "bookings-atlas"


def state_folder(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The folder for this user's state, as the operating system's conventions have it."""
    home = Path.home()
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / FOLDER
    if platform == "darwin":
        return home / "Library" / "Application Support" / FOLDER
    return Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state") / FOLDER


def state_file(environment: Mapping[str, str], tenant_id: str) -> Path:
    """The rows of this tenant."""
    return state_folder(environment) / f"{tenant_id}.sqlite"


def log_file(state: Path) -> Path:
    """The log beside the rows, whatever the name of their file."""
    return state.with_name(f"{state.name}.log")


def log_to(file: Path) -> None:
    """Write warnings and errors to this file, which only its owner may read, instead of the terminal."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    handler = logging.StreamHandler(os.fdopen(descriptor, "w", encoding="utf-8"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
