"""Who created a page: searched in the audit log at most once a day, and stored with the page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from atlas.domain.shared_pages.creations import AUDIT_RETENTION, CreationsPage
from atlas.domain.shared_pages.creators import BEFORE_OUR_RECORDS, NO_RECORD, NOT_READ
from atlas.domain.shared_pages.removal import CREATOR_REMOVED
from atlas.domain.shared_pages.rows import NOT_SEARCHED
from atlas.microsoft365.graph import Graph
from atlas.pages.forgetting import forget
from atlas.shared_pages import creators as creators_module
from atlas.shared_pages.creators import INCOMPLETE
from atlas.tables.shared_state import CreationSearch
from local.simulator import SharedPageKind
from local.simulator.shared_pages import was_audited
from tests.shared_pages.conftest import Inventory, Start

NO_AUDIT = {"graph_roles": ["User.Read.All", "Bookings.Read.All", "GroupMember.Read.All"]}
MANY = 60
"""Of these pages, more than a few were created since the oldest record of the audit log."""


def creators(atlas: Inventory) -> dict[str, str]:
    """Who created each page whose record the log still has."""
    now = atlas.resources.clock()
    return {page.address: page.created_by for page in atlas.pages() if page.in_exchange and was_audited(page, now)}


def audit_requests(atlas: Inventory) -> int:
    return atlas.tenant.state.metrics.to_dict()["services"]["graph"]["by_operation"].get("audit", 0)


@pytest.mark.parametrize("versions", [["beta"], ["v1.0", "beta"]])
async def test_creators_are_found_in_either_version_of_graph(inventory: Start, versions: list[str]):
    atlas = await inventory(shared_pages=MANY)
    atlas.tenant.state.behave({"graph": {"audit_versions": versions, "audit_polls": 3}})

    await atlas.run()

    rows = await atlas.rows()
    expected = creators(atlas)
    assert expected
    assert {address: rows[address].created_by for address in expected} == expected
    assert atlas.waited > 0  # on durable timers


async def test_the_query_runs_while_pages_are_inventoried(inventory: Start):
    atlas = await inventory(shared_pages=MANY)
    atlas.tenant.state.behave({"graph": {"audit_polls": 0}})

    await atlas.run()

    rows, expected = await atlas.rows(), creators(atlas)
    assert {address: rows[address].created_by for address in expected} == expected
    assert atlas.waited == 0


@pytest.mark.parametrize("cut", ["malformed", "too many"])
async def test_records_that_cannot_be_read_are_reported(inventory: Start, monkeypatch: pytest.MonkeyPatch, cut: str):
    """A page without a record then may have one, so nothing says that the log has none."""
    atlas = await inventory(shared_pages=MANY)
    read = Graph.get_creations_page

    async def incomplete(self: Graph, query_id: str, link: str | None) -> CreationsPage:
        page = await read(self, query_id, link)
        changes = {"malformed": len(page.records)} if cut == "malformed" else {"next_link": page.next_link or "more"}
        return replace(page, records=(), **changes)

    monkeypatch.setattr(Graph, "get_creations_page", incomplete)
    monkeypatch.setattr(creators_module, "MAX_RECORD_PAGES", 1)

    state = await atlas.run()

    problems = {row.creator_problem for row in (await atlas.rows()).values()}
    assert NOT_READ in problems
    assert NO_RECORD not in problems
    assert INCOMPLETE in state.warnings()


async def test_a_page_older_than_the_log_is_an_answer(inventory: Start):
    atlas = await inventory()

    await atlas.run()

    begin = atlas.resources.clock() - AUDIT_RETENTION
    rows = [row for row in (await atlas.rows()).values() if row.created_at and row.created_at < begin]
    assert len(rows) > 10
    assert {row.created_by for row in rows} == {None}
    assert {row.creator_problem.partition(":")[0] for row in rows} == {BEFORE_OUR_RECORDS}


async def test_the_log_is_searched_once_a_day_from_where_it_ended(inventory: Start):
    atlas = await inventory()
    new = atlas.page(SharedPageKind.ENOUGH_HOLDERS)
    atlas.act(new, "delete")
    await atlas.run()
    first = audit_requests(atlas)
    atlas.act(new, "restore")
    await atlas.later(hours=1)

    await atlas.run()
    waiting = (await atlas.rows())[new.address]
    same_day = audit_requests(atlas)
    await atlas.later(hours=24)
    await atlas.run()

    assert (waiting.created_by, waiting.creator_problem) == (None, NOT_SEARCHED)
    assert (await atlas.rows())[new.address].creator_problem != NOT_SEARCHED
    assert first == same_day < audit_requests(atlas)
    search = await atlas.resources.shared.state.get_creation_search()
    assert search is not None
    assert search.query_id is None
    assert search.searched_until - search.searched_from > timedelta(days=180)


async def test_a_query_that_takes_long_is_continued_by_the_next_scan(inventory: Start):
    atlas = await inventory()
    atlas.tenant.state.behave({"graph": {"audit_polls": 20}})
    await atlas.run()
    unfinished = {row.creator_problem for row in (await atlas.rows()).values()}
    started = await atlas.resources.shared.state.get_creation_search()
    await atlas.later(hours=2)

    await atlas.run()

    finished = await atlas.resources.shared.state.get_creation_search()

    assert unfinished == {NOT_SEARCHED}
    assert NOT_SEARCHED not in {row.creator_problem for row in (await atlas.rows()).values()}
    assert started.query_id
    assert (finished.query_id, finished.started_at) == (None, started.started_at)  # the same query
    assert finished.searched_until == started.query_until


async def test_without_the_permission_exchange_searches_the_log(inventory: Start):
    atlas = await inventory(shared_pages=MANY)
    await atlas.later(sign_in=NO_AUDIT, exchange={"audit_search": True})

    state = await atlas.run()

    rows, expected = await atlas.rows(), creators(atlas)
    assert {address: rows[address].created_by for address in expected} == expected
    assert not any("AuditLogsQuery" in warning for warning in state.warnings())


async def test_without_any_permission_the_grant_is_named(inventory: Start):
    atlas = await inventory()
    await atlas.later(sign_in=NO_AUDIT)

    state = await atlas.run()

    rows = (await atlas.rows()).values()
    assert {row.created_by for row in rows} == {None}
    assert all("AuditLogsQuery-Exchange.Read.All" in row.creator_problem for row in rows)
    assert any("AuditLogsQuery-Exchange.Read.All" in warning for warning in state.warnings())
    assert all(row.holders for row in rows if row.account_id and row.findings == ())


async def test_a_creator_who_was_removed_is_not_searched_for_again(inventory: Start):
    atlas = await inventory(shared_pages=MANY)
    await atlas.run()
    address, upn = next(iter(creators(atlas).items()))
    assert (await atlas.rows())[address].created_by == upn

    await forget(atlas.resources, upn)
    await atlas.resources.shared.state.set_creation_search(CreationSearch(atlas.resources.clock() - AUDIT_RETENTION))
    await atlas.later(25)
    await atlas.run()

    row = (await atlas.rows())[address]
    assert (row.created_by, row.creator_problem) == (None, CREATOR_REMOVED)
