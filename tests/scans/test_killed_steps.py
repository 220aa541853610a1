"""A step killed before or after any of its calls to storage, and delivered again, leaves what an undisturbed one does.

``tests/faults/test_crashes.py`` kills activities at random on the complete product; here every place is tried.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.pages import NoPage, PageFound, PublicType
from atlas.domain.statuses import Status
from atlas.domain.user_rows import MeetingType
from atlas.resources import Resources
from atlas.scans.closing import close_scan
from atlas.scans.gone import mark_gone
from atlas.scans.messages import Closing, Counts, ListingRequest, ProbeRequest, StepRequest
from atlas.scans.probing import probe_one
from atlas.scans.retention import delete_expired
from tests.memory_store import MemoryStore
from tests.scans.conftest import START, MemoryTenant, scan, user, user_id

SCAN, EARLIER = scan(), scan(-86_400)
PAGE = PageFound((PublicType("type-1", "Coffee", 30, False),))
TIMES = {"At", "CheckedAt", "ChangedAt", "LastKnownAt", "StatusSince", "RowKey", "FinishedAt"}
CALLS = ("get", "insert", "upsert", "replace", "merge", "delete", "get_page", "upsert_all", "merge_all", "delete_all")

type Step = Callable[[Resources], Awaitable[object]]


class Killed(BaseException):
    """As a cancellation: no step catches it."""


class KillingStore(MemoryStore):
    """Kills the step before or after its n-th call; the request of a call that was killed after it was carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.kill_at: int | None = None
        self.is_carried_out = False


def _with_kill(name: str) -> Callable[..., Any]:
    original = getattr(MemoryStore, name)

    async def call(self: KillingStore, *arguments: Any, **more: Any) -> Any:
        self.calls += 1
        is_killed = self.calls == self.kill_at
        if is_killed and not self.is_carried_out:
            raise Killed
        result = await original(self, *arguments, **more)
        if is_killed:
            raise Killed
        return result

    return call


for _name in CALLS:
    setattr(KillingStore, _name, _with_kill(_name))


async def record(tenant: MemoryTenant, number: int, *, has_page: bool) -> None:
    """A row with its index entries, as an earlier scan left it."""
    guid = str(UUID(int=number))
    types = (MeetingType("type-1", "Coffee", 30, False, "https://outlook.office.com/book"),) if has_page else None
    await tenant.add_row(
        number,
        EARLIER.scan_id,
        Status.PUBLISHED if has_page else Status.NOT_SET_UP,
        mailbox_guid=guid,
        meeting_types=types,
        url="https://outlook.office.com/page" if has_page else None,
        last_known_at=START - timedelta(days=1),
    )
    stored = await tenant.resources.rows.get(user_id(number))
    assert stored is not None
    await tenant.resources.index.restore(stored.row)


async def probe_of(tenant: MemoryTenant, mailbox: Any, *, upn: str = "") -> Step:
    """The probe of the first user of the census."""
    listed = replace(user(1), upn=upn) if upn else user(1)
    await tenant.resources.census.add_users(SCAN.scan_id, 1, [(listed, mailbox)])
    request = ProbeRequest(scan_id=SCAN.scan_id, page=1, index=0, scanned_before=True)
    return lambda resources: probe_one(resources, request)


def mailbox(number: int) -> Mailbox:
    return Mailbox(UUID(int=number), f"user{number}@contoso.com", "UserMailbox", has_capability=True)


async def a_new_page(tenant: MemoryTenant) -> Step:
    tenant.pages.response = PAGE
    return await probe_of(tenant, mailbox(1))


async def a_page_that_was_withdrawn(tenant: MemoryTenant) -> Step:
    await record(tenant, 1, has_page=True)
    tenant.pages.response = NoPage(404)
    return await probe_of(tenant, mailbox(1))


async def a_mailbox_that_was_removed(tenant: MemoryTenant) -> Step:
    await record(tenant, 1, has_page=False)
    return await probe_of(tenant, NoMailbox("MailUser"))


async def a_mailbox_that_was_replaced(tenant: MemoryTenant) -> Step:
    await record(tenant, 1, has_page=False)
    return await probe_of(tenant, mailbox(7))


async def a_user_who_was_renamed(tenant: MemoryTenant) -> Step:
    await record(tenant, 1, has_page=False)
    return await probe_of(tenant, mailbox(1), upn="renamed@contoso.com")


async def users_who_lost_the_licence(tenant: MemoryTenant) -> Step:
    await record(tenant, 1, has_page=True)
    await record(tenant, 2, has_page=False)
    return lambda resources: mark_gone(resources, ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True))


async def a_row_that_has_been_gone_for_long(tenant: MemoryTenant) -> Step:
    await tenant.add_row(3, None, Status.GONE, last_known_at=START - timedelta(days=90))
    stored = await tenant.resources.rows.get(user_id(3))
    assert stored is not None
    await tenant.resources.index.restore(stored.row)
    return lambda resources: mark_gone(resources, ListingRequest(scan_id=SCAN.scan_id, page=1, is_first=True))


async def a_census_and_old_scans(tenant: MemoryTenant) -> Step:
    old = scan(-90 * 86_400)
    await tenant.resources.scans.insert(old)
    await close_scan(tenant.resources, Closing(scan_id=old.scan_id))
    for one in (SCAN, EARLIER):
        for page in range(3):
            await tenant.resources.census.add_position(one.scan_id, "users", page, "a link")
    return lambda resources: delete_expired(resources, StepRequest(scan_id=SCAN.scan_id))


async def the_end_of_a_scan(tenant: MemoryTenant) -> Step:
    closing = Closing(scan_id=SCAN.scan_id, counts=Counts(by_status={"published": 3}))
    return lambda resources: close_scan(resources, closing)


STEPS = [
    a_new_page,
    a_page_that_was_withdrawn,
    a_mailbox_that_was_removed,
    a_mailbox_that_was_replaced,
    a_user_who_was_renamed,
    users_who_lost_the_licence,
    a_row_that_has_been_gone_for_long,
    a_census_and_old_scans,
    the_end_of_a_scan,
]


class Pages:
    """The Bookings service with one response for everybody."""

    response: Any = NoPage(404)

    async def get_page(self, mailbox_guid: UUID) -> Any:
        return self.response


async def prepare_tenant(prepare: Callable[[MemoryTenant], Awaitable[Step]]) -> tuple[MemoryTenant, Step]:
    pages: Any = Pages()
    tenant = MemoryTenant(store=KillingStore(), pages=pages)
    for one in (EARLIER, SCAN):
        await tenant.start_scan(one)
        if one is EARLIER:
            await close_scan(tenant.resources, Closing(scan_id=EARLIER.scan_id))
    step = await prepare(tenant)
    tenant.store.calls = 0  # type: ignore[attr-defined]
    return tenant, step


def content(tenant: MemoryTenant) -> dict[str, list[str]]:
    """Every row of every table, without times, which differ from run to run; an empty PendingChange is none."""
    return {
        table: sorted(
            str(
                sorted(
                    (name, value)
                    for name, value in {"key": _key(table, row), **row}.items()
                    if name not in TIMES and (name, value) != ("PendingChange", "")
                )
            )
            for row in rows.values()
        )
        for table, rows in tenant.store.tables.items()
        if rows
    }


def _key(table: str, row: Any) -> str:
    return "" if table == "BookingsChanges" else row["RowKey"]


@pytest.mark.parametrize("is_carried_out", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("prepare", STEPS, ids=lambda prepare: prepare.__name__)
async def test_a_killed_step_that_is_repeated_leaves_no_trace(prepare, is_carried_out):
    undisturbed, step = await prepare_tenant(prepare)
    await step(undisturbed.resources)
    expected, calls = content(undisturbed), undisturbed.store.calls

    assert calls > 1
    for kill_at in range(1, calls + 1):
        tenant, step = await prepare_tenant(prepare)
        tenant.store.kill_at, tenant.store.is_carried_out = kill_at, is_carried_out
        with pytest.raises(Killed):
            await step(tenant.resources)
        await step(tenant.resources)
        assert content(tenant) == expected, f"killed at call {kill_at} of {calls}"
