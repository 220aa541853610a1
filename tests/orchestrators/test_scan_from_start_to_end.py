"""A scan with the real activities on the fake context: correct rows, and nothing personal in Durable history."""

from datetime import UTC, datetime
from zlib import crc32

import pytest
import stamina

from activities import (
    begin_creator_search,
    close_scan,
    compare_shared_names,
    delete_expired,
    find_creators,
    inspect_shared_pages,
    join_mailboxes,
    list_businesses,
    list_mailbox_policies,
    list_mailboxes,
    list_shared_mailboxes,
    list_users,
    mark_gone,
    mark_shared_pages_gone,
    probe_user,
    read_organization,
)
from atlas import wiring
from atlas.domain import buckets
from atlas.domain.scans import Scan, ScanState, new_scan_id
from atlas.domain.statuses import Status
from atlas.microsoft365.calls import MAX_REQUEST_ATTEMPTS
from atlas.tables.census import Census
from atlas.tables.rows import RowTable
from atlas.tables.scan_log import ScanLog
from atlas.tables.store import StorageUnavailable
from local.simulator import Behaviour, Fault, TenantPlan, running
from local.simulator.user_mixes import EVERY, HEALTHY, MALFORMED
from orchestrators import names
from tests.orchestrators.conftest import ORCHESTRATORS
from tests.orchestrators.fake_context import Engine

ACTIVITIES = {
    module.__name__.rpartition(".")[2]: getattr(module, module.__name__.rpartition(".")[2])
    for module in (
        begin_creator_search,
        close_scan,
        compare_shared_names,
        delete_expired,
        find_creators,
        inspect_shared_pages,
        join_mailboxes,
        list_businesses,
        list_mailbox_policies,
        list_mailboxes,
        list_shared_mailboxes,
        list_users,
        mark_gone,
        mark_shared_pages_gone,
        probe_user,
        read_organization,
    )
}
every_story = pytest.mark.parametrize("tenant", [{"users": len(EVERY), "mix": EVERY}], indirect=True)


class Tenant:
    """A simulated tenant with rows of its own in Azurite."""

    def __init__(self, simulated):
        self.simulated = simulated
        self.scans = 0

    async def scan(self, concurrency=4, scanned_before=False):
        resources = await wiring.resources()
        at = datetime(2026, 11, 23, 3, 0, self.scans, tzinfo=UTC)
        self.scans += 1
        scan_id = new_scan_id(at, f"{self.scans:08x}")
        pending = Scan(scan_id, ScanState.PENDING, "http", resources.clock())
        assert await resources.scans.acquire_lock(pending, None)
        await resources.scans.insert(pending)
        engine = Engine(ORCHESTRATORS, {name: one.build().get_user_function() for name, one in ACTIVITIES.items()})
        request = {"scan_id": scan_id, "concurrency": concurrency, "scanned_before": scanned_before}
        await engine.run(names.SCAN_TENANT, scan_id, request)
        scan = await resources.scans.get(scan_id)
        assert scan is not None
        assert await resources.scans.get_lock() is None
        return engine, scan

    async def rows(self):
        return {stored.row.user.user_id: stored.row async for stored in (await wiring.resources()).rows.iterate()}

    async def changes(self):
        return [change async for _, change in (await wiring.resources()).changes.iterate()]

    def licensed(self, **evidence):
        users = self.simulated.users(top=5000, **evidence)
        return {user["id"]: user for user in users if user["expected"]["status"] != "notLicensed"}


@pytest.fixture
async def tenant(azurite, tmp_path, monkeypatch, request):
    monkeypatch.setattr(buckets, "USERS_PER_PAGE", 10)
    plan = {"users": 24, "mix": HEALTHY, "seed": crc32(request.node.name.encode())} | getattr(request, "param", {})
    behaviour = Behaviour().with_changes(
        {"graph": {"max_page_size": 10}, "exchange": {"max_page_size": 15}, "bookings": {"page_retry_after": "0"}}
    )
    with stamina.set_testing(True, attempts=MAX_REQUEST_ATTEMPTS):
        async with running(TenantPlan(behaviour=behaviour, **plan), folder=tmp_path) as simulated:
            settings = {"AzureWebJobsStorage": azurite.connection_string, "SHARED_PAGES": "false"}
            for name, value in {**simulated.settings(), **settings}.items():
                monkeypatch.setenv(name, value)
            yield Tenant(simulated)


@every_story
async def test_every_user_gets_the_correct_row(tenant):
    _, scan = await tenant.scan()

    licensed, rows = tenant.licensed(), await tenant.rows()
    assert scan.state is ScanState.COMPLETED, (scan.error, scan.warnings)
    assert set(rows) == set(licensed)
    for user_id, user in licensed.items():
        expected, row = user["expected"], rows[user_id]
        assert row.status == expected["status"], user
        assert row.bookable == expected["bookable"], user
        assert row.mailbox_guid == expected["mailbox_guid"], user
        assert (row.url or "").removeprefix(tenant.simulated.state.urls["bookings"]) == (expected["url_path"] or ""), (
            user
        )
        assert row.scan_id == scan.scan_id
    assert sum(scan.by_status.values()) == len(licensed) == scan.users_probed
    assert tenant.simulated.metrics()["writes"] == []
    assert await tenant.changes() == []


@pytest.mark.parametrize("tenant", [{"users": 60, "mix": MALFORMED}], indirect=True)
async def test_malformed_records_affect_only_themselves(tenant):
    _, scan = await tenant.scan()

    licensed, rows = tenant.licensed(), await tenant.rows()
    assert scan.state is ScanState.COMPLETED, (scan.error, scan.warnings)
    assert {user_id: row.status for user_id, row in rows.items()} == {
        user_id: user["expected"]["status"] for user_id, user in licensed.items()
    }
    assert all((row.reason or "").startswith("notUnderstood") for row in rows.values() if row.status == Status.UNKNOWN)
    assert any("Malformed records of users in Microsoft Graph: " in warning for warning in scan.warnings)
    assert any("Malformed records of mailboxes in Exchange: " in warning for warning in scan.warnings)


async def test_a_malformed_record_keeps_the_row(tenant):
    await tenant.scan()
    before = await tenant.rows()
    user_id = next(user_id for user_id, row in before.items() if row.status == Status.PUBLISHED)
    tenant.simulated.change_user(user_id, "set_record", record="nullUpn")

    _, scan = await tenant.scan(scanned_before=True)

    row = (await tenant.rows())[user_id]
    assert scan.state is ScanState.COMPLETED
    assert (row.status, row.last_known_status, row.url) == (Status.UNKNOWN, Status.PUBLISHED, before[user_id].url)
    assert row.user == before[user_id].user
    assert await tenant.changes() == []


async def test_nothing_about_a_person_is_in_durable_history(tenant, monkeypatch):
    monkeypatch.setenv("SHARED_PAGES", "true")

    engine, scan = await tenant.scan()

    everything = "\n".join(engine.payloads).lower()
    for user in tenant.licensed().values():
        person = tenant.simulated.user(user["id"])
        for text in (person.object_id, person.upn, person.primary_smtp, person.display_name, person.mailbox_guid):
            assert text.lower() not in everything, text
    for page in tenant.simulated.shared_pages():
        for text in (page.account_id, page.address, page.created_by):
            assert text.lower() not in everything, text
    assert len(engine.payloads) > 100
    assert scan.warnings == ()
    assert len([stored async for stored in (await wiring.resources()).shared.rows.iterate()]) > 20


async def test_a_second_scan_reports_only_what_changed(tenant):
    await tenant.scan()
    by_page = {user["page"]: user["id"] for user in tenant.licensed().values() if user["mailbox"] == "normal"}
    opened, closed, left = by_page["missing404"], by_page["publicSeveral"], by_page["publicOne"]
    tenant.simulated.change_user(opened, "open_bookings")
    tenant.simulated.change_user(closed, "delete_page")
    tenant.simulated.change_user(left, "lose_licence")

    _, scan = await tenant.scan(scanned_before=True)

    reported = {change.user_id: str(change.kind) for change in await tenant.changes()}
    assert reported == {opened: "setUp", closed: "withdrawn", left: "gone"}
    assert scan.state is ScanState.COMPLETED
    assert (await tenant.rows())[left].status == "gone"
    assert len(await tenant.changes()) == 3


@every_story
async def test_without_exchange_a_scan_works_with_one_warning(tenant):
    tenant.simulated.behave(exchange={"role": None})

    _, scan = await tenant.scan()

    rows = await tenant.rows()
    assert scan.state is ScanState.COMPLETED
    assert len(scan.warnings) == 1
    assert "Exchange.ManageAsApp" in scan.warnings[0]
    for user_id, user in tenant.licensed(exchange=False).items():
        assert rows[user_id].status == user["expected"]["status"], user
        assert (rows[user_id].url is None) == (user["expected"]["url_path"] is None), user


async def test_a_directory_that_refuses_changes_no_row(tenant):
    await tenant.scan()
    before = await tenant.rows()
    tenant.simulated.add_fault(Fault("graph.users", status=403, times=None))

    _, scan = await tenant.scan(scanned_before=True)

    assert scan.state is ScanState.FAILED
    assert "User.Read.All" in (scan.error or "")
    assert await tenant.rows() == before


async def test_an_outage_of_hours_erases_nothing(tenant):
    await tenant.scan()
    before = await tenant.rows()
    tenant.simulated.add_fault(Fault("bookings.services", status=503, times=None))

    _, scan = await tenant.scan(scanned_before=True)
    rows = await tenant.rows()
    tenant.simulated.clear_faults()
    await tenant.scan(scanned_before=True)

    requested = [user_id for user_id, row in before.items() if row.status != "noMailbox"]
    assert {rows[user_id].status for user_id in requested} == {"unknown"}
    for user_id in requested:
        assert (rows[user_id].url, rows[user_id].last_known_status) == (
            before[user_id].url,
            before[user_id].last_known_status,
        )
        assert (rows[user_id].reason or "").startswith("unreachable: ")
    assert scan.state is ScanState.INCOMPLETE
    assert "did not respond" in scan.warnings[-1]
    assert await tenant.changes() == []


async def test_a_user_left_out_of_the_listing_is_not_gone(tenant):
    await tenant.scan()
    user_id = next(iter(tenant.licensed()))
    original = tenant.simulated.state.tenant.in_filter
    tenant.simulated.state.tenant.in_filter = lambda start: (
        one for one in original(start) if one[1].object_id != user_id
    )

    _, scan = await tenant.scan(scanned_before=True)

    assert (await tenant.rows())[user_id].status != "gone"
    assert scan.state is ScanState.INCOMPLETE
    assert len(scan.warnings) == 1


def failing(monkeypatch, owner, name, times):
    """Make a call to storage fail this many times; ``None``: always."""
    original = getattr(owner, name)
    left = [times]

    async def fails(*args, **more):
        if left[0] != 0:
            left[0] = None if left[0] is None else left[0] - 1
            raise StorageUnavailable("Table Storage does not respond: check AzureWebJobsStorage")
        return await original(*args, **more)

    monkeypatch.setattr(owner, name, fails)


STORAGE_CALLS = [
    (ScanLog, "holds_lock"),
    (ScanLog, "update"),
    (RowTable, "get_page"),
    (Census, "add_position"),
    (Census, "add_mailboxes"),
    (Census, "add_policies"),
    (Census, "add_listed_users"),
    (Census, "get_listed_users"),
    (Census, "get_mailboxes"),
    (Census, "add_users"),
    (Census, "get_users"),
]


@pytest.mark.parametrize(("owner", "name"), STORAGE_CALLS)
async def test_a_short_storage_failure_ends_no_scan(tenant, monkeypatch, owner, name):
    failing(monkeypatch, owner, name, 1)

    engine, scan = await tenant.scan()

    assert (scan.state, scan.error, scan.warnings) == (ScanState.COMPLETED, None, ())
    assert set(await tenant.rows()) == set(tenant.licensed())
    assert engine.timers[0] > 0


async def test_storage_that_stays_away_is_named_in_the_error(tenant, monkeypatch):
    failing(monkeypatch, Census, "add_users", None)

    _, scan = await tenant.scan()

    assert scan.state is ScanState.FAILED
    assert "AzureWebJobsStorage" in scan.error
    assert "Traceback" not in scan.error


async def test_a_failed_scan_reports_how_many_users_it_listed(tenant):
    tenant.simulated.add_fault(Fault("graph.users.next", status=403, times=None))

    _, scan = await tenant.scan()

    assert scan.state is ScanState.FAILED
    assert scan.users_listed == scan.users_probed == len(await tenant.rows())
    assert 0 < scan.users_listed <= 10


async def test_exchange_warnings_are_counted_and_never_quoted(tenant, caplog):
    warning = "The object Adele Vance has been corrupted, and it's in an inconsistent state."
    tenant.simulated.behave(exchange={"warnings": (warning,)})
    caplog.set_level("INFO")

    engine, scan = await tenant.scan()

    assert scan.state is ScanState.COMPLETED
    assert len(scan.warnings) == 1
    assert "about a listing of mailboxes: 1." in scan.warnings[0]
    assert "Adele" not in "\n".join([*engine.payloads, *scan.warnings]) + caplog.text
    assert "1 more warnings" in caplog.text


async def test_a_flood_of_exchange_warnings_is_one_warning(tenant):
    tenant.simulated.behave(exchange={"warnings": tuple(f"object {n} {'x' * 600}" for n in range(200))})

    _, scan = await tenant.scan()

    assert scan.state is ScanState.COMPLETED
    assert len(scan.warnings) == 1
    assert "about a listing of mailboxes: 200." in scan.warnings[0]


@pytest.mark.parametrize("held_by", [None, "another scan"])
async def test_a_scan_without_the_lock_changes_nothing(tenant, held_by):
    resources = await wiring.resources()
    other = Scan(new_scan_id(datetime(2026, 11, 22, tzinfo=UTC), "0" * 8), ScanState.RUNNING, "http", resources.clock())
    mine = Scan(new_scan_id(datetime(2026, 11, 23, tzinfo=UTC), "0" * 8), ScanState.PENDING, "http", resources.clock())
    if held_by:
        assert await resources.scans.acquire_lock(other, None)
    await resources.scans.insert(mine)
    engine = Engine(ORCHESTRATORS, {name: one.build().get_user_function() for name, one in ACTIVITIES.items()})

    request = {"scan_id": mine.scan_id, "concurrency": 4, "scanned_before": False}
    await engine.run(names.SCAN_TENANT, mine.scan_id, request)

    lock = await resources.scans.get_lock()
    assert (lock and lock.scan_id) == (other.scan_id if held_by else None)
    assert await resources.scans.get(mine.scan_id) == mine
    assert await tenant.rows() == {}
    assert len(engine.called) == 1


async def test_a_404_from_elsewhere_marks_no_user_gone(tenant):
    await tenant.scan()
    left = next(iter(tenant.licensed()))
    tenant.simulated.change_user(left, "lose_licence")
    tenant.simulated.add_fault(Fault("graph.part.user", status=404, error="UnknownError", times=None))

    _, scan = await tenant.scan(scanned_before=True)

    assert scan.state is ScanState.INCOMPLETE
    assert (await tenant.rows())[left].status != "gone"
    assert await tenant.changes() == []


@pytest.mark.parametrize(
    ("silent", "is_hidden"), [("Get-OrganizationConfig", True), ("Get-Mailbox", False), ("Get-CASMailbox", False)]
)
@pytest.mark.parametrize("tenant", [{"users": len(EVERY), "mix": EVERY}], indirect=True)
async def test_missing_evidence_from_exchange_changes_no_status(tenant, silent, is_hidden):
    tenant.simulated.behave(organization={"bookings_auth_enabled": is_hidden}, bookings={"auth_hides_pages": is_hidden})
    await tenant.scan()
    before = await tenant.rows()
    tenant.simulated.add_fault(Fault(f"exchange.{silent}", status=503, times=None))

    _, scan = await tenant.scan(scanned_before=True)

    after = await tenant.rows()
    known = [user_id for user_id in before if after[user_id].status != "unknown"]
    assert scan.state is ScanState.COMPLETED
    assert {user_id: after[user_id].status for user_id in known} == {
        user_id: before[user_id].last_known_status for user_id in known
    }
    assert {"noCapability", "switchedOff"} < {row.status for row in before.values()}
    assert await tenant.changes() == []


async def test_the_newest_finished_scan_is_never_deleted(tenant):
    resources = await wiring.resources()
    for day in (1, 2, 3):
        state = ScanState.FAILED if day == 3 else ScanState.COMPLETED
        at = datetime(2026, 1, day, tzinfo=UTC)
        await resources.scans.insert(Scan(new_scan_id(at, "0" * 8), state, "timer", at))
    tenant.simulated.add_fault(Fault("graph.users", status=403, times=None))

    await tenant.scan(scanned_before=True)

    stored = [scan async for scan in resources.scans.iterate()]
    last = await resources.scans.last_finished()
    assert [scan.state for scan in stored] == [ScanState.FAILED, ScanState.COMPLETED]
    assert last is not None
    assert last.started_at == datetime(2026, 1, 2, tzinfo=UTC)


async def test_an_outage_of_seconds_makes_no_user_unknown(tenant):
    tenant.simulated.add_fault(Fault("bookings.services", status=503, times=60, skip=5))

    engine, scan = await tenant.scan()

    assert (scan.state, scan.warnings) == (ScanState.COMPLETED, ())
    licensed, rows = tenant.licensed(), await tenant.rows()
    assert {user_id: row.status for user_id, row in rows.items()} == {
        user_id: user["expected"]["status"] for user_id, user in licensed.items()
    }
    assert "trial" in {request["mode"] for request in engine.calls(names.PROBE_USER)}


async def test_links_of_listings_stay_out_of_durable_history(tenant):
    engine, _ = await tenant.scan()

    everything = "\n".join(engine.payloads).lower()
    assert len(engine.calls(names.LIST_USERS)) > 2
    for text in ("http", "skiptoken", "://"):
        assert text not in everything


@pytest.mark.parametrize(
    "fault",
    [
        Fault("graph.users.next", status=200, body="{", times=2),
        Fault("graph.users.next", status=503, times=20),
        Fault("graph.users.next", status=400, error="Directory_ExpiredPageToken"),
    ],
    ids=["unreadable", "unavailable", "expired"],
)
async def test_a_page_that_fails_costs_only_waiting(tenant, fault):
    """Users are probed after their listing is complete, so each page is requested once."""
    tenant.simulated.add_fault(fault)

    _, scan = await tenant.scan()

    assert (scan.state, scan.error, scan.warnings) == (ScanState.COMPLETED, None, ())
    assert set(await tenant.rows()) == set(tenant.licensed())
    requests = tenant.simulated.metrics()["services"]["bookings"]["by_operation"]["services"]
    assert requests <= len(tenant.licensed())
