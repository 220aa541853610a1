"""The inventory of a tenant that was written without the simulator is complete."""

from typing import Any

import pytest

from atlas import wiring
from atlas.domain.shared_pages.access import AccessRight
from atlas.domain.shared_pages.holders import HolderKind
from atlas.domain.shared_pages.rows import SharedFinding, SharedPageRow, Source
from atlas.scans.shared_progress import SharedPages
from atlas.settings import Settings
from tests.memory_store import MemoryStore
from tests.shared_pages.fabrikam import ADA, GRACE, addresses, fabrikam
from tests.shared_pages.stage import run_stage

FULL, SEND_AS, _ = AccessRight


@pytest.fixture
async def inventory(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, SharedPageRow], SharedPages]:
    """The rows by name, and the state of the stage at its end."""
    with fabrikam() as tenant:
        environment = {**tenant.settings(), "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            monkeypatch.setenv(name, environment[name])
        settings, store = Settings.load(environment), MemoryStore()
        async with wiring.open_clients(settings) as (clients, _):
            resources = wiring.resources_with(settings, clients, _any(store))
            state, _waited = await run_stage(resources, "scan-20261123T030000000-0a1b2c3d")
            rows = {stored.row.display_name or "": stored.row async for stored in resources.shared.rows.iterate()}
    return rows, state


def _any(store: MemoryStore) -> Any:
    """The store has the methods that the tables use."""
    return store


async def test_every_page_is_found_with_its_sources(inventory):
    rows, state = inventory

    assert {name: row.address for name, row in rows.items()} == addresses()
    assert {name: row.known_to for name, row in rows.items()} == {
        "Front Desk": (Source.EXCHANGE, Source.GRAPH),
        "Audiology": (Source.EXCHANGE, Source.GRAPH),
        "Zürich: Beratung": (Source.EXCHANGE, Source.GRAPH),
        "Lab": (Source.EXCHANGE,),
        "Old Clinic": (Source.GRAPH,),
    }
    assert state.warnings() == []
    assert not state.failed


async def test_what_graph_did_not_list_is_requested(inventory):
    rows, _ = inventory

    published = {name: row.published for name, row in rows.items()}
    assert published == {
        "Front Desk": True,
        "Audiology": True,
        "Zürich: Beratung": False,
        "Lab": None,
        "Old Clinic": True,
    }
    assert rows["Lab"].account_enabled is None


async def test_holders_are_people_and_groups(inventory):
    rows, _ = inventory

    holders = {
        (holder.kind, holder.object_id, holder.access, holder.via_group) for holder in rows["Front Desk"].holders or ()
    }
    assert holders == {
        (HolderKind.USER, ADA, (FULL, SEND_AS), None),
        (HolderKind.GROUP, "c0ffee00-1111-4222-8333-444455556666", (FULL,), None),
        (HolderKind.USER, GRACE, (FULL,), "Reception"),
    }
    (ada,) = [holder for holder in rows["Front Desk"].holders or () if holder.object_id == ADA]
    (left,) = rows["Audiology"].holders or ()
    assert (ada.enabled, ada.licensed) == (True, True)
    assert (left.upn, left.object_id, left.enabled) == ("left@fabrikam.example", None, False)


async def test_staff_and_services_are_read_as_far_as_they_are_known(inventory):
    rows, _ = inventory
    page = rows["Front Desk"]

    assert [(member.email_address, member.role) for member in page.staff or ()] == [
        ("ADA@fabrikam.example", "administrator"),
        (None, "externalGuest"),
    ]
    assert [(one.title, one.duration_minutes, one.hidden) for one in page.services or ()] == [
        ("First visit", 90, False),
        ("Call back", 1440, None),
    ]


async def test_the_creator_is_found_in_the_record_of_another_form(inventory):
    rows, _ = inventory

    assert rows["Front Desk"].created_by == "ada@fabrikam.example"
    assert (rows["Audiology"].created_by, rows["Audiology"].creator_problem is None) == (None, False)


async def test_findings_name_what_is_wrong_and_nothing_else(inventory):
    rows, _ = inventory

    assert {name: {found.name for found in row.findings} for name, row in rows.items()} == {
        "Front Desk": {SharedFinding.EXTERNAL_STAFF},
        "Audiology": {SharedFinding.NOBODY_LEFT, SharedFinding.PUBLISHED_EMPTY},
        "Zürich: Beratung": {SharedFinding.NOBODY_LEFT},
        "Lab": {SharedFinding.NOBODY_LEFT},
        "Old Clinic": {SharedFinding.NOT_IN_EXCHANGE, SharedFinding.PUBLISHED_EMPTY},
    }
