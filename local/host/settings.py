"""What the host reads before it starts: host.json and local.settings.json, both from the app's folder."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_CONCURRENCY = 10 * (os.cpu_count() or 1)  # as the durable extension has it outside of Consumption


class UnusableSettings(Exception):
    """A settings file that cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The part of host.json that this host acts on."""

    route_prefix: str = "api"
    hub_name: str = "TestHubName"
    concurrent_activities: int = DEFAULT_CONCURRENCY
    concurrent_orchestrators: int = DEFAULT_CONCURRENCY


def read_host_json(app_folder: Path) -> HostSettings:
    """Read host.json; what it does not say is as in Azure."""
    extensions = _read(app_folder / "host.json").get("extensions", {})
    durable = extensions.get("durableTask", {})
    return HostSettings(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api").strip("/"),
        hub_name=durable.get("hubName", "TestHubName"),
        concurrent_activities=durable.get("maxConcurrentActivityFunctions", DEFAULT_CONCURRENCY),
        concurrent_orchestrators=durable.get("maxConcurrentOrchestratorFunctions", DEFAULT_CONCURRENCY),
    )


def read_local_settings(app_folder: Path) -> Mapping[str, str]:
    """Read the app settings of local.settings.json, which a developer may or may not have."""
    values = _read(app_folder / "local.settings.json").get("Values", {})
    return {name: str(value) for name, value in values.items()}


def given_settings(app_folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of local.settings.json, and over them those of the environment."""
    return {**read_local_settings(app_folder), **environment}


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """Put settings in place of their %NAMES%; KeyError names one that is not set."""
    return re.sub(r"%([^%]+)%", lambda found: settings[found[1]], text)


def is_disabled(function: str, settings: Mapping[str, str]) -> bool:
    """Tell whether the setting that switches a function off is on."""
    names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs_{function}_Disabled")
    return any(settings.get(name, "").lower() in {"1", "true"} for name in names)


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UnusableSettings(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UnusableSettings(f"{file} must hold a JSON object")
    return content
