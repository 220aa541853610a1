"""The operators' guide agrees with the deployment: its variables, alerts, sizes, steps and arithmetic."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.documents import section_of, table_of, text_of, titles_of

ROOT = Path(__file__).parents[2]
GUIDE = "docs/operate.md"
SIZES = {1_000: "small", 10_000: "medium", 100_000: "large"}
LATENCY_SECONDS = 0.2
REQUESTS_PER_USER = 1.5
SCANS = 30
MONTH_SECONDS = 2_592_000
POLLED_QUEUES = 5
"""The control queues and the work queue."""
OF_THE_HOOKS = {
    "ATLAS_CONNECTOR_CLIENT_ID",
    "ATLAS_CONNECTOR_REDIRECT_URIS",
    "ATLAS_PREAUTHORIZED_CLIENTS",
}
BY_SIZE = {
    "ATLAS_PROBE_CONCURRENCY": "probeConcurrency",
    "ATLAS_DAILY_CAP_GB": "dailyCapGB",
    "ATLAS_LOG_RETENTION_DAYS": "logRetentionDays",
}


def variables() -> dict[str, str | None]:
    """The variables that the parameter file reads, with their defaults."""
    text = (ROOT / "infra" / "main.bicepparam").read_text()
    return {
        name: default
        for name, default in re.findall(r"readEnvironmentVariable\('(\w+)'(?:, '([^']*)')?", text)
        if name != "AZURE_ENV_NAME"  # set by `azd env new`
    }


def documented_variables() -> Mapping[str, str]:
    return {row[0]: row[1] for row in table_of(section_of(GUIDE, "## Settings of the deployment"), "name")}


def test_exactly_the_variables_of_the_deployment_are_documented() -> None:
    assert documented_variables().keys() == variables().keys() | OF_THE_HOOKS


def test_every_documented_default_is_that_of_the_deployment() -> None:
    defaults = variables()
    documented = {name: text for name, text in documented_variables().items() if name in defaults}

    values = {name: text.strip("`") for name, text in documented.items() if re.fullmatch("`[^`]+`", text)}
    assert len(values) > 15
    assert {name: value for name, value in values.items() if value != defaults[name]} == {}
    assert {name for name, text in documented.items() if text == "by size"} == BY_SIZE.keys()
    assert {defaults[name] for name in BY_SIZE} == {"0"}
    assert {defaults[name] for name, text in documented.items() if text == "-"} == {""}


def test_every_alert_links_to_its_section() -> None:
    targets = re.findall(r"docs/runbook\.md#([\w-]+)", (ROOT / "infra" / "modules" / "alerts.bicep").read_text())
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles_of(text_of("docs/runbook.md"))
    }

    assert len(targets) == len(set(targets)) == 7
    assert {anchor for anchor in anchors if anchor.startswith("alert-")} == set(targets)


def size(name: str) -> dict[str, int]:
    """The values of a size in main.bicep."""
    text = (ROOT / "infra" / "main.bicep").read_text()
    found = re.search(rf"^  {name}: \{{\n(.+?)^  \}}", text, re.MULTILINE | re.DOTALL)
    assert found
    return {key: int(value) for key, value in re.findall(r"(\w+): (\d+)", found[1])}


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


def test_every_size_is_that_of_the_template() -> None:
    deployed = []
    for users, name in SIZES.items():
        values = size(name)
        figures = [
            values["probeConcurrency"],
            values["instanceMemoryMB"] // 1024,
            values["maximumInstanceCount"],
            values["logRetentionDays"],
            values["dailyCapGB"],
        ]
        deployed.append([f"{users:,}", f"`{name}`", *map(str, figures)])

    assert table_of(section_of(GUIDE, "### Sizes"), "up to users") == deployed


@pytest.mark.parametrize("row", table_of(section_of(GUIDE, "## What it costs"), "users"), ids=lambda row: row[0])
def test_the_costs_are_calculated_correctly(row: list[str]) -> None:
    users, documented_seconds, *documented = map(number, row)
    values = size(SIZES[int(users)])
    memory = values["instanceMemoryMB"] / 1024
    seconds = users * REQUESTS_PER_USER * LATENCY_SECONDS / values["probeConcurrency"]
    probes = users * SCANS
    logs = max(0, 5 * probes / 1_000_000 - 5) * 2.76
    alerts = 6 * 0.50 + 8_640 * 0.0006
    with_ready_instance = [
        memory * MONTH_SECONDS * 0.000004,
        memory * seconds * SCANS * 0.000016,
        2 * probes * 0.40 / 1_000_000,
        (15 * probes + MONTH_SECONDS * POLLED_QUEUES / poll_seconds()) * 0.004 / 10_000,
        logs,
        alerts,
    ]
    without = [
        max(0, memory * seconds * SCANS - 100_000) * 0.000026,
        max(0, 2 * probes - 250_000) * 0.40 / 1_000_000,
        (15 * probes + SCANS * seconds * POLLED_QUEUES / poll_seconds()) * 0.004 / 10_000,
        logs,
        alerts,
    ]

    *parts, total, total_without = documented
    assert documented_seconds == seconds
    assert parts == [pytest.approx(part, abs=0.006) for part in with_ready_instance]
    assert total == pytest.approx(sum(parts), abs=0.006)
    assert total_without == pytest.approx(sum(round(part, 2) for part in without), abs=0.02)


def poll_seconds() -> int:
    storage = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]["storageProvider"]
    assert storage["partitionCount"] + 1 == POLLED_QUEUES
    hours, minutes, seconds = map(int, storage["maxQueuePollingInterval"].split(":"))
    return 3600 * hours + 60 * minutes + seconds


def test_the_cost_beside_the_parameter_is_that_of_the_guide() -> None:
    text = (ROOT / "infra" / "main.bicep").read_text()
    monthly = size("small")["instanceMemoryMB"] / 1024 * MONTH_SECONDS * 0.000004

    assert f"costs about {monthly:.0f} USD a month" in text


def test_the_availability_test_runs_as_often_as_calculated() -> None:
    alerts = (ROOT / "infra" / "modules" / "alerts.bicep").read_text()
    frequency = re.search(r"Frequency: (\d+)", alerts)
    locations = re.search(r"var testLocations = \[(.*)\]", alerts)
    assert frequency
    assert locations

    assert len(locations[1].split(",")) * 30 * 24 * 3600 / int(frequency[1]) == 8_640
    assert len(re.findall(r"query: loadTextContent", alerts)) == 6


def test_every_step_of_azd_up_is_documented() -> None:
    azure_yaml: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text())
    steps = table_of(section_of(GUIDE, "## The steps of `azd up`"), "step")
    named = {name for row in steps for name in re.findall(r"`?((?:pre|post)\w+|azd \w+)`?", row[0])}
    certainty = ("tested", "type-checked", "compiled", "read", "unproved")

    assert named == {name for name in azure_yaml["hooks"] if "down" not in name} | {"azd provision", "azd deploy"}
    assert all(len(row) == 4 and row[3].startswith(certainty) for row in steps)
