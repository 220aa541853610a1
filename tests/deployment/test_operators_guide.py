"""docs/operate.md against what is deployed: its variables, its alerts, its sizes, and its arithmetic."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.documents import section_of, table_of, text_of, titles_of

ROOT = Path(__file__).parents[2]
GUIDE = "docs/operate.md"
SIZES = {1_000: "main", 10_000: "main.medium", 100_000: "main.large"}
LATENCY_SECONDS = 0.2
REQUESTS_PER_USER = 1.5
SCANS = 30
MONTH_SECONDS = 2_592_000
POLLED_QUEUES = 5
"""The control queues and the work queue."""


def variables_of(size: str) -> dict[str, str | None]:
    """The variables that a parameter file reads, with their defaults."""
    text = (ROOT / "infra" / f"{size}.bicepparam").read_text()
    return {
        name: default
        for name, default in re.findall(r"readEnvironmentVariable\('(\w+)'(?:, '([^']*)')?", text)
        if name != "AZURE_ENV_NAME"  # azd's own: `azd env new`
    }


def documented_variables() -> Mapping[str, str]:
    return {row[0]: row[1] for row in table_of(section_of(GUIDE, "## The short way: `azd up`"), "name")}


def test_every_variable_of_the_deployment_is_documented_and_no_other_is() -> None:
    of_the_hooks = {"ATLAS_READ_SHARED_BOOKINGS"}

    assert documented_variables().keys() == variables_of("main").keys() | of_the_hooks
    assert all(variables_of(size).keys() == variables_of("main").keys() for size in SIZES.values())


def test_every_default_that_is_a_value_is_the_one_of_the_parameter_file() -> None:
    told = {name: value.strip("`") for name, value in documented_variables().items() if re.fullmatch("`[^`]+`", value)}

    defaults = variables_of("main")
    assert len(told) > 12
    assert {name: value for name, value in told.items() if name in defaults and value != defaults[name]} == {}


def test_every_alert_leads_to_its_section() -> None:
    led_to = re.findall(r"docs/operate\.md#([\w-]+)", (ROOT / "infra" / "modules" / "alerts.bicep").read_text())
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles_of(text_of(GUIDE))}

    assert len(led_to) == len(set(led_to)) == 7
    assert {anchor for anchor in anchors if anchor.startswith("alert-")} == set(led_to)


def parameter(size: str, name: str) -> str:
    found = re.search(rf"^param {name} = (.+)$", (ROOT / "infra" / f"{size}.bicepparam").read_text(), re.MULTILINE)
    assert found
    return re.sub(r".*'(\w+)'.*", r"\1", found[1])


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


def sizes() -> list[list[str]]:
    return table_of(section_of(GUIDE, "## Sizes and cost").partition("**What it costs.**")[0], "users")


def costs() -> dict[int, list[float]]:
    rows = table_of(section_of(GUIDE, "## Sizes and cost").partition("**What it costs.**")[2], "users")
    return {int(number(row[0])): [number(cell) for cell in row[1:]] for row in rows}


def test_every_size_is_the_one_of_its_parameter_file() -> None:
    deployed = [
        [
            f"{users:,}",
            f"`{size}`",
            parameter(size, "probeConcurrency"),
            f"{int(parameter(size, 'instanceMemoryMB')) // 1024}",
            parameter(size, "logRetentionDays"),
            parameter(size, "dailyCapGB"),
        ]
        for users, size in SIZES.items()
    ]

    assert sizes() == deployed
    instances = ", ".join(parameter(size, "maximumInstanceCount") for size in SIZES.values())
    assert f"how many instances there may be ({instances})" in section_of(GUIDE, "## Sizes and cost")


@pytest.mark.parametrize("row", sizes(), ids=lambda row: row[0])
def test_the_arithmetic_is_right(row: list[str]) -> None:
    users, at_once, memory = (int(number(row[place])) for place in (0, 2, 3))
    seconds = users * REQUESTS_PER_USER * LATENCY_SECONDS / at_once
    probes = users * SCANS
    polls = SCANS * seconds * POLLED_QUEUES / poll_seconds()
    parts = [
        max(0, memory * seconds * SCANS - 100_000) * 0.000026,
        max(0, 2 * probes - 250_000) * 0.40 / 1_000_000,
        (15 * probes + polls) * 0.004 / 10_000,
        max(0, 5 * probes / 1_000_000 - 5) * 2.76,
        6 * 0.50 + 8_640 * 0.0006,
    ]

    told_seconds, *told = costs()[users]
    assert told_seconds == seconds
    assert told[:-1] == [pytest.approx(part, abs=0.006) for part in parts]
    assert told[-1] == pytest.approx(sum(told[:-1]), abs=0.006)


def poll_seconds() -> int:
    storage = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]["storageProvider"]
    assert storage["partitionCount"] + 1 == POLLED_QUEUES
    hours, minutes, seconds = map(int, storage["maxQueuePollingInterval"].split(":"))
    return 3600 * hours + 60 * minutes + seconds


def test_nothing_is_always_ready_and_what_it_would_cost_is_right() -> None:
    text = " ".join(section_of(GUIDE, "## Sizes and cost").split())

    assert {parameter(size, "alwaysReadyDurable") for size in SIZES.values()} == {"0"}
    waits = {memory: memory * MONTH_SECONDS * 0.000004 for memory in (2, 4)}
    assert f"{waits[2]:.2f} a month with 2 GB, {waits[4]:.2f} with 4 GB" in text
    polls = MONTH_SECONDS * POLLED_QUEUES // poll_seconds()
    assert f"it polls all day: {polls:,} transactions, {polls * 0.004 / 10_000:.2f}" in text


def test_the_availability_test_asks_as_often_as_the_arithmetic_says() -> None:
    alerts = (ROOT / "infra" / "modules" / "alerts.bicep").read_text()
    every = re.search(r"Frequency: (\d+)", alerts)
    places = re.search(r"var testPlaces = \[(.*)\]", alerts)
    assert every
    assert places

    assert len(places[1].split(",")) * 30 * 24 * 3600 / int(every[1]) == 8_640
    assert len(re.findall(r"query: loadTextContent", alerts)) == 6
