"""The settings of the command line: the environment and, in a source checkout, local.settings.json."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from atlas.settings import InvalidSettings

LOCAL_SETTINGS = Path(__file__).parents[2] / "local.settings.json"
"""Beside host.json in a source checkout; an installed package has no such file."""


def read_environment(file: Path = LOCAL_SETTINGS) -> Mapping[str, str]:
    """The settings of the file, overridden by the environment. Raises ``InvalidSettings`` for an unreadable file."""
    return {**_file_settings(file), **os.environ}


def _file_settings(file: Path) -> Mapping[str, str]:
    if not file.exists():
        return {}
    try:
        values = json.loads(file.read_text(encoding="utf-8-sig")).get("Values", {})
        return {name: str(value) for name, value in values.items()}
    except (ValueError, AttributeError, OSError):
        raise InvalidSettings(
            (f'{file} is not valid; it must be JSON like {{"Values": {{"TENANT_ID": "…"}}}}.',)
        ) from None
