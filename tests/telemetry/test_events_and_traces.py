"""What a scan sends to Azure Monitor: events, one trace, and nothing about a person."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from atlas.domain.events import hashed_user
from local.azurite import Azurite
from local.simulator import Evidence
from orchestrators import names
from tests.e2e.deployment import deployed, tenant_of

INSTRUMENTATION_KEY = "0a1b2c3d-0000-4000-8000-00000000cafe"
USERS = 12
STEPS = {value for name, value in vars(names).items() if name.isupper()} - {names.SCAN_TENANT, names.SCAN_PAGE}


class Ingestion:
    """Application Insights, as far as it takes what is sent to it."""

    def __init__(self) -> None:
        self.items: list[dict] = []
        self.paths: set[str] = set()
        self.raw = ""

    def take(self, path: str, body: bytes) -> bytes:
        text = (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode()
        items = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
        self.raw += text
        self.paths.add(path)
        self.items += items
        return json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()

    def events(self, name: str) -> list[dict]:
        """The facts of the events of this name."""
        data = [item["data"]["baseData"] for item in self.items if item["data"]["baseType"] == "EventData"]
        return [one["properties"] for one in data if one["name"] == name]

    def lines(self) -> list[str]:
        """The lines of the log that were sent."""
        data = [item["data"] for item in self.items if item["data"]["baseType"] == "MessageData"]
        return [one["baseData"]["message"] for one in data]

    def spans(self) -> list[dict]:
        """The steps of the trace, each with the trace that it belongs to."""
        return [item for item in self.items if item["data"]["baseType"] == "RemoteDependencyData"]


@contextmanager
def ingestion() -> Iterator[tuple[Ingestion, str]]:
    """The service, and the connection string that leads to it."""
    taken = Ingestion()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            response = taken.take(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(response)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        yield taken, f"InstrumentationKey={INSTRUMENTATION_KEY};IngestionEndpoint={url}"
        server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


async def test_a_scan_emits_its_events_in_one_trace_without_people(
    azurite: Azurite,
    folder: Path,
) -> None:
    with ingestion() as (taken, connection):
        async with (
            tenant_of(folder, users=USERS) as tenant,
            deployed(tenant, azurite, APPLICATIONINSIGHTS_CONNECTION_STRING=connection, SHARED_PAGES="true") as product,
        ):
            scan = await product.scan()
            people = product.tenant.control.users(0, 100, Evidence(), licensed=True)

    probes, (finished,) = taken.events("ProbeFinished"), taken.events("ScanFinished")
    assert len(probes) == USERS
    assert {probe["user"] for probe in probes} == {hashed_user(tenant.tenant_id, user["id"]) for user in people}
    assert {probe["scanId"] for probe in probes} == {scan["id"]} == {finished["scanId"]}
    assert finished["state"] == "completed"
    assert json.loads(finished["byStatus"]) == scan["byStatus"]
    assert all(int(probe["requests"]) >= 1 for probe in probes if probe["status"] == "published")
    steps = taken.spans()
    assert {step["data"]["baseData"]["name"] for step in steps} == STEPS
    assert len({step["tags"]["ai.operation.id"] for step in steps}) == 1
    for person in people:
        identifiers = {person["id"], person["upn"].split("@")[0], person["expected"]["mailbox_guid"]}
        assert not [text for text in identifiers if text and text.lower() in taken.raw.lower()]
    assert "bookwithme" not in taken.raw
    assert taken.paths == {"/v2.1/track"}


async def test_warnings_are_sent_beside_events(azurite: Azurite, folder: Path) -> None:
    with ingestion() as (taken, connection):
        async with (
            tenant_of(folder, users=2) as tenant,
            deployed(tenant, azurite, APPLICATIONINSIGHTS_CONNECTION_STRING=connection) as product,
        ):
            tenant.behave(exchange={"role": None})
            await product.scan()

    assert [line for line in taken.lines() if "Exchange.ManageAsApp" in line]
    (finished,) = taken.events("ScanFinished")
    assert int(finished["warnings"]) == 1
