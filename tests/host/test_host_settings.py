"""The settings files: what the host accepts, and what it says about the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.host.settings import HostSettings, UnusableSettings, read_host_json
from tests.host.sample import SAMPLE_APP

ROOT = Path(__file__).parents[2]
DURABLE = "extensions.durableTask"


def host_json(folder: Path, key: str, value: Any) -> Path:
    """A folder whose host.json has this value under this dotted key."""
    content: Any = value
    for name in reversed(key.split(".")):
        content = {name: content}
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | content))
    return folder


def test_host_json_limits_concurrent_functions():
    settings = read_host_json(SAMPLE_APP)

    assert settings == HostSettings("api", "SampleHub", concurrent_activities=200, concurrent_orchestrators=20)


def test_a_host_json_that_is_not_an_object_is_refused(tmp_path: Path):
    (tmp_path / "host.json").write_text("[]")

    with pytest.raises(UnusableSettings, match=r"host\.json must hold a JSON object"):
        read_host_json(tmp_path)


def test_a_host_json_without_a_version_is_refused(tmp_path: Path):
    (tmp_path / "host.json").write_text("{}")

    with pytest.raises(UnusableSettings, match=r'version is null; it must be "2\.0"'):
        read_host_json(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "1.0"),
        ("functionTimeout", "30 minutes"),
        ("functionTimeout", 30),
        ("telemetryMode", "None"),
        ("logging.logLevel.default", "warn"),
        ("extensionBundle.id", "Microsoft.Azure.Functions.ExtensionBundle.Preview"),
        ("extensionBundle.version", "4.*"),
        ("extensions.http.routePrefix", 7),
        (f"{DURABLE}.hubName", "no-hyphens"),
        (f"{DURABLE}.hubName", "1st"),
        (f"{DURABLE}.maxConcurrentActivityFunctions", 0),
        (f"{DURABLE}.maxConcurrentActivityFunctions", "64"),
        (f"{DURABLE}.maxConcurrentOrchestratorFunctions", True),
        (f"{DURABLE}.storageProvider.partitionCount", 17),
        (f"{DURABLE}.storageProvider.maxQueuePollingInterval", "5s"),
        (f"{DURABLE}.storageProvider.type", "netherite"),
    ],
)
def test_an_invalid_value_is_refused_by_its_key(tmp_path: Path, key: str, value: Any):
    with pytest.raises(UnusableSettings) as refused:
        read_host_json(host_json(tmp_path, key, value))

    assert f"{key} is {json.dumps(value)}; it must " in str(refused.value)


def test_an_unknown_key_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    read_host_json(host_json(tmp_path, f"{DURABLE}.maxConcurentActivityFunctions", 4))

    assert f"{DURABLE}.maxConcurentActivityFunctions has no effect here" in caplog.text


@pytest.mark.parametrize("name", ["host.json", "host.dts.json"])
def test_every_key_of_ours_is_checked(tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str):
    content = (ROOT / name).read_text()
    (tmp_path / "host.json").write_text(content)

    assert read_host_json(tmp_path).hub_name
    assert "has no effect here" not in caplog.text
