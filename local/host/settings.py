"""What the host reads before it starts: host.json and local.settings.json, both from the app's folder."""

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger("local.host")

DEFAULT_CONCURRENCY = 10 * (os.cpu_count() or 1)  # the durable extension's default outside Consumption


class UnusableSettings(Exception):
    """A settings file that cannot be used; the message names the file and the setting."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The part of host.json that this host acts on."""

    route_prefix: str = "api"
    hub_name: str = "TestHubName"
    concurrent_activities: int = DEFAULT_CONCURRENCY
    concurrent_orchestrators: int = DEFAULT_CONCURRENCY


def _number(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


_TIME = r"(\d+\.)?([01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_DURABLE = "extensions.durableTask"
_LEVELS = "Trace|Debug|Information|Warning|Error|Critical|None"
RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "version": (_text(r"2\.0"), 'be "2.0"'),
    "functionTimeout": (_text(rf"-1|{_TIME}"), "be a time such as 00:30:00, or -1"),
    "telemetryMode": (_text("OpenTelemetry|ApplicationInsights"), "be OpenTelemetry or ApplicationInsights"),
    "logging.logLevel.*": (_text(_LEVELS), f"be one of {_LEVELS.replace('|', ', ')}"),
    "extensionBundle.id": (_text(r"Microsoft\.Azure\.Functions\.ExtensionBundle"), "name the generally available one"),
    "extensionBundle.version": (_text(r"[\[(]\d+\.[\d.*]*, *\d+\.\d+\.\d+[\])]"), "be a range such as [4.*, 5.0.0)"),
    "extensions.http.routePrefix": (_text(r"[\w\-/]*"), "be a path"),
    f"{_DURABLE}.hubName": (_text("[A-Za-z][A-Za-z0-9]{2,44}"), "be 3 to 45 letters and digits, a letter first"),
    f"{_DURABLE}.maxConcurrentActivityFunctions": (_number(1, 10_000), "be a positive number"),
    f"{_DURABLE}.maxConcurrentOrchestratorFunctions": (_number(1, 10_000), "be a positive number"),
    f"{_DURABLE}.storageProvider.type": (_text("(?i:azurestorage|azuremanaged)"), "be AzureStorage or azureManaged"),
    f"{_DURABLE}.storageProvider.connectionStringName": (_text(r"\w+"), "name a setting"),
    f"{_DURABLE}.storageProvider.partitionCount": (_number(1, 16), "be a number from 1 to 16"),
    f"{_DURABLE}.storageProvider.maxQueuePollingInterval": (_text(_TIME), "be a time such as 00:00:05"),
    f"{_DURABLE}.storageProvider.controlQueueBatchSize": (_number(1, 32), "be a number from 1 to 32"),
    f"{_DURABLE}.storageProvider.controlQueueBufferThreshold": (_number(1, 10_000), "be a positive number"),
}
"""Every key of host.json that this host knows, with what its value must do. Azure refuses or ignores anything else."""


def read_host_json(app_folder: Path) -> HostSettings:
    """Read and check host.json; missing keys have Azure's defaults. Raises UnusableSettings for an invalid value."""
    file = app_folder / "host.json"
    content = _read(file)
    if file.exists():
        _check(file, {"version": None, **content})
    extensions = content.get("extensions", {})
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
    """The settings of local.settings.json, overridden by those of the environment."""
    return {**read_local_settings(app_folder), **environment}


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """Replace every %NAME% with the value of that setting. KeyError contains the name of a missing setting."""
    return re.sub(r"%([^%]+)%", lambda found: settings[found[1]], text)


def is_disabled(function: str, settings: Mapping[str, str]) -> bool:
    """Whether a setting disables this function."""
    names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs_{function}_Disabled")
    return any(is_on(settings.get(name, "")) for name in names)


def is_on(value: str) -> bool:
    """Whether a setting says yes."""
    return value.strip().lower() in {"1", "true"}


def _check(file: Path, content: Mapping[str, Any]) -> None:
    for key, value in _leaves(content):
        rule = _rule(key)
        if rule is None:
            log.warning("host.json: %s has no effect here; if Azure does not know it either, it is misspelt", key)
        elif not rule[0](value):
            raise UnusableSettings(f"{file}: {key} is {json.dumps(value)}; it must {rule[1]}")


def _rule(key: str) -> tuple[Callable[[Any], bool], str] | None:
    return (
        RULES.get(key) or RULES.get(re.sub(r"[^.]+$", "*", key)) or RULES.get(re.sub(r"(?<=logLevel)\..*", ".*", key))
    )


def _leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


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
