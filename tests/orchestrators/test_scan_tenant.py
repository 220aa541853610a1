"""The orchestrator of a scan, replayed after every step: what it calls, in which order, and how it ends."""

import json

import pytest

from atlas.domain.buckets import USERS_PER_PAGE
from atlas.scans.progress import MAX_WAITED_SECONDS, RESTARTS, ScanNotClosed, Step
from atlas.scans.warnings import exchange_warning
from orchestrators import names
from orchestrators.scan_tenant import MAX_PROBLEM_LENGTH, STEPS_PER_GENERATION
from tests.orchestrators.conftest import SCAN_ID, Tenant, failure

REFUSED = "outlook.office365.com responded 403: grant the application permission Exchange.ManageAsApp"


async def test_every_user_of_every_page_is_probed_once(scan):
    done = await scan(Tenant(10, 0, 7))

    assert sorted(done.probed()) == [*((1, n) for n in range(10)), *((3, n) for n in range(7))]
    assert done.instance.result == {"state": "completed"}
    assert done.closing["counts"]["by_status"] == {"published": 17}
    assert done.closing["error"] is None


async def test_activities_run_in_the_order_of_the_plan(scan):
    done = await scan(Tenant(1))

    assert [name for name, _ in done.engine.called] == [
        names.BEGIN_CREATOR_SEARCH,
        names.READ_ORGANIZATION,
        names.LIST_MAILBOXES,
        names.LIST_MAILBOX_POLICIES,
        names.LIST_USERS,
        names.JOIN_MAILBOXES,
        names.PROBE_USER,
        names.MARK_GONE,
        names.LIST_BUSINESSES,
        names.DELETE_EXPIRED,
        names.CLOSE_SCAN,
    ]


async def test_a_tenant_without_licensed_users_is_a_completed_scan(scan):
    done = await scan(Tenant(0))

    assert done.instance.result == {"state": "completed"}
    assert len(done.engine.instances) == 1


@pytest.mark.parametrize("concurrency", [1, 3, 4, 20, 64])
async def test_no_more_probes_are_in_flight_than_allowed(scan, concurrency):
    done = await scan(Tenant(70, 5, 66), concurrency)

    assert done.engine.max_concurrent[names.PROBE_USER] == concurrency
    assert len(done.probed()) == 141


async def test_the_next_page_is_joined_while_this_one_is_probed(scan):
    done = await scan(Tenant(5, 5, 5))

    history = [one for generation in done.instance.generations for one in generation]
    pages = [one.task.actions for one in history if "scan_page" in str(one.task)]
    assert [actions[-1].name for actions in pages] == [names.JOIN_MAILBOXES, names.JOIN_MAILBOXES, names.SCAN_PAGE]


async def test_histories_do_not_grow_with_users(scan):
    small, large = await scan(Tenant(5, 5)), await scan(Tenant(500, 500))

    def size(done):
        return [sum(len(getattr(one.task, "actions", [one])) for one in part) for part in done.instance.generations]

    assert size(small) == size(large)


async def test_a_large_tenant_continues_as_new_at_every_stage(scan):
    """Mailboxes, policies, users and rows: each listing is longer than one generation."""
    many = 2 * STEPS_PER_GENERATION + 1
    tenant = Tenant(*[3] * many)
    ews = {"access": "block", "policy": "EnforceAllowList"}
    tenant.organization = [{"settings": {"sign_in_forced": True, "ews": ews}}]
    tenant.mailboxes = [{"has_next": True}] * many
    tenant.policies = [{"has_next": True}] * many + [failure("never", problem="Get-CASMailbox responded 403")]
    tenant.gone = [{"has_next": True, "by_status": {"published": 1}}] * many
    tenant.expired = [{"has_more": True}] * many

    done = await scan(tenant)

    probes = done.engine.calls(names.PROBE_USER)
    assert all(len(history) <= 2 * STEPS_PER_GENERATION for history in done.instance.generations)
    assert len(done.engine.calls(names.READ_ORGANIZATION)) == 1
    assert [request["page"] for request in done.engine.calls(names.LIST_MAILBOXES)] == [*range(1, many + 2)]
    assert len(probes) == 3 * many
    assert {request["organization"]["sign_in_forced"] for request in probes} == {True}
    assert {request["organization"]["exchange_incomplete"] for request in probes} == {True}
    assert {request["organization"]["ews"]["policy"] for request in probes} == {"EnforceAllowList"}
    assert {request["scanned_before"] for request in probes} == {True}
    assert len(done.engine.calls(names.LIST_USERS)) == many
    joins = done.engine.calls(names.JOIN_MAILBOXES)
    assert [request["page"] for request in joins] == [*range(1, many + 1)]
    assert {(request["mailboxes_from"], request["policies_from"]) for request in joins} == {(1, None)}
    assert len(done.engine.calls(names.MARK_GONE)) == many + 1
    assert len(done.engine.calls(names.DELETE_EXPIRED)) == many + 1
    assert done.closing["counts"]["by_status"] == {"published": many + 3 * many}
    assert done.closing["warnings"] == [exchange_warning(None, None, "Get-CASMailbox responded 403")]


async def test_every_generation_shows_the_running_lanes_from_its_start(scan):
    """Continuing as new drops the status, and stopping a scan relies on it."""
    done = await scan(Tenant(*[3] * (2 * STEPS_PER_GENERATION)))

    shown = [status for status in done.instance.shown if status["step"] == Step.PROBE_USERS]
    assert {status["lanes"] for status in shown} == {3}
    assert [status["page"] for status in shown] == sorted(status["page"] for status in shown)


@pytest.mark.parametrize(
    ("organization", "mailboxes", "policies", "is_incomplete"),
    [
        ({}, {}, {}, False),
        ({"exchange_enabled": False}, {}, {}, False),
        (failure("never"), {}, {}, True),
        ({}, failure("never"), {}, True),
        ({}, {}, failure("never"), True),
    ],
)
async def test_probes_receive_whether_exchange_is_incomplete(scan, organization, mailboxes, policies, is_incomplete):
    tenant = Tenant(3)
    tenant.organization, tenant.mailboxes, tenant.policies = [organization], [mailboxes], [policies]

    done = await scan(tenant)

    requests = done.engine.calls(names.PROBE_USER)
    assert {request["organization"]["exchange_incomplete"] for request in requests} == {is_incomplete}


async def test_a_scan_without_the_lock_ends_without_a_trace(scan):
    tenant = Tenant(3)
    tenant.organization = [{"holds_lock": False}]

    done = await scan(tenant)

    assert [name for name, _ in done.engine.called] == [names.BEGIN_CREATOR_SEARCH, names.READ_ORGANIZATION]
    assert done.instance.result is None
    assert done.instance.failure is None


async def test_lanes_of_a_stopped_scan_end_it_without_closing(scan):
    """A live parent may start lanes after the lock is gone; they end at once, and so does the parent."""
    tenant = Tenant(9, 9)
    tenant.probe_user = lambda request: {"holds_lock": False} if request["page"] == 2 else {"status": "published"}

    done = await scan(tenant)

    assert done.engine.calls(names.MARK_GONE) == []
    assert done.engine.calls(names.CLOSE_SCAN) == []
    assert done.instance.result is None


async def test_a_close_that_fails_is_repeated_after_a_wait(scan):
    tenant = Tenant(2)
    tenant.closed = [failure("later")] * 3

    done = await scan(tenant)

    assert done.engine.timers == [10, 20, 40]
    assert len(done.engine.calls(names.CLOSE_SCAN)) == 4
    assert done.instance.result == {"state": "completed"}


async def test_a_close_that_never_works_fails_the_orchestration(scan):
    tenant = Tenant(2)
    tenant.broken = {names.CLOSE_SCAN}

    with pytest.raises(ScanNotClosed, match="close_scan is broken"):
        await scan(tenant)


async def test_an_error_is_one_short_line_without_a_stack(scan):
    tenant = Tenant(4, 4)
    tenant.broken = {names.MARK_GONE}
    tenant.break_message = f"no row {'x' * 60_000}\nTraceback (most recent call last):\n  File x"

    done = await scan(tenant)

    assert "no row" in done.closing["error"]
    assert "\n" not in done.closing["error"]
    assert "Traceback" not in done.closing["error"]
    assert len(done.closing["error"]) <= MAX_PROBLEM_LENGTH
    assert done.closing["listed"] == 2 * USERS_PER_PAGE


async def test_instance_ids_are_derived_from_the_scan(scan):
    done = await scan(Tenant(9, 9))

    assert len(done.engine.instances) == 1 + 2 * 4
    assert f"{SCAN_ID}:2:1" in done.engine.instances
    assert all(instance_id.startswith(SCAN_ID) for instance_id in done.engine.instances)


async def test_a_short_outage_of_any_service_costs_only_waiting(scan):
    tenant = Tenant(2, 2)
    away = [failure("later")] * 6
    tenant.organization, tenant.mailboxes, tenant.policies = [*away], [*away], [*away]
    tenant.users, tenant.joins, tenant.gone = [*away], [*away], [*away]
    tenant.expired, tenant.closed = [failure("later")], [*away]

    done = await scan(tenant)

    assert done.closing["error"] is None
    assert done.closing["warnings"] == []
    assert sorted(done.probed()) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert done.instance.result == {"state": "completed"}


async def test_a_next_page_that_fails_is_joined_again(scan):
    tenant = Tenant(2, 2)
    tenant.joins = [{"count": 2}, failure("later", 40.0), failure("later", 20.0)]

    done = await scan(tenant)

    assert done.engine.timers == [40, 20]
    assert [request["page"] for request in done.engine.calls(names.JOIN_MAILBOXES)] == [1, 2, 2, 2]
    assert sorted(done.probed()) == [(1, 0), (1, 1), (2, 0), (2, 1)]


async def test_exchange_that_stays_away_is_given_up_after_hours(scan):
    tenant = Tenant(1)
    tenant.mailboxes = [failure("later", problem="outlook.office365.com responded 503")] * 1000

    done = await scan(tenant)

    assert 0 < sum(done.engine.timers) <= MAX_WAITED_SECONDS[Step.LIST_MAILBOXES]
    assert len(done.closing["warnings"]) == 1
    assert done.engine.calls(names.JOIN_MAILBOXES)[0]["mailboxes_from"] is None
    assert done.instance.result == {"state": "completed"}


async def test_exchange_that_refuses_is_one_warning_that_names_the_grant(scan):
    tenant = Tenant(2, 2)
    tenant.organization = [failure("never", problem=REFUSED)]
    tenant.mailboxes = [failure("never", problem=REFUSED)]

    done = await scan(tenant)

    (warning,) = done.closing["warnings"]
    assert "Exchange.ManageAsApp" in warning
    assert {request["mailboxes_from"] for request in done.engine.calls(names.JOIN_MAILBOXES)} == {None}
    assert done.instance.result == {"state": "completed"}


async def test_without_exchange_no_mailbox_is_listed(scan):
    tenant = Tenant(1)
    tenant.organization = [{"exchange_enabled": False}]

    done = await scan(tenant)

    assert done.engine.calls(names.LIST_MAILBOXES) == []
    assert done.engine.calls(names.JOIN_MAILBOXES)[0]["mailboxes_from"] is None
    assert done.closing["warnings"] == []


async def test_a_mailbox_listing_that_expires_restarts(scan):
    tenant = Tenant(1)
    tenant.mailboxes = [{"has_next": True}, failure("restart"), {"has_next": True}, {}]

    done = await scan(tenant)

    requests = done.engine.calls(names.LIST_MAILBOXES)
    assert [(request["page"], request["is_first"]) for request in requests] == [
        (1, True),
        (2, False),
        (3, True),
        (4, False),
    ]
    assert done.engine.calls(names.JOIN_MAILBOXES)[0]["mailboxes_from"] == 3


async def test_policies_that_cannot_be_listed_leave_the_mailboxes(scan):
    tenant = Tenant(1)
    tenant.policies = [{"has_next": True}, failure("never", problem="too old")]

    done = await scan(tenant)

    join = done.engine.calls(names.JOIN_MAILBOXES)[0]
    assert (join["mailboxes_from"], join["policies_from"]) == (1, None)
    assert done.closing["warnings"] == [exchange_warning(None, None, "too old")]


async def test_a_failed_listing_of_users_marks_no_user_gone(scan):
    tenant = Tenant(3, 3)
    tenant.organization = [failure("never", problem=REFUSED)]
    tenant.users = [{"count": 3, "has_next": True, "total": 6}, failure("never", problem="grant User.Read.All")]

    done = await scan(tenant)

    assert "User.Read.All" in done.closing["error"]
    assert done.closing["counts"]["by_status"] == {"published": 3}
    assert len(done.closing["warnings"]) == 1
    assert done.engine.calls(names.MARK_GONE) == []
    assert done.instance.result == {"state": "failed"}


async def test_a_listing_of_users_that_expires_restarts_under_new_pages(scan):
    tenant = Tenant(2, 2)
    tenant.users = [{"count": 2, "has_next": True, "total": 4}, failure("restart")]

    done = await scan(tenant)

    requests = done.engine.calls(names.LIST_USERS)
    assert [(request["page"], request["is_first"]) for request in requests] == [
        (1, True),
        (2, False),
        (3, True),
        (4, False),
    ]
    assert {request["users_from"] for request in done.engine.calls(names.JOIN_MAILBOXES)} == {3}
    assert len(done.probed()) == 4
    assert done.closing["error"] is None


async def test_a_listing_that_always_expires_ends_the_scan(scan):
    tenant = Tenant(2, 2)
    tenant.users = [{"count": 2, "has_next": True}, failure("restart", problem="the link is too old")] * 50

    done = await scan(tenant)

    assert "too old" in done.closing["error"]
    assert [request["is_first"] for request in done.engine.calls(names.LIST_USERS)].count(True) == 1 + RESTARTS


@pytest.mark.parametrize(
    ("name", "is_failed"),
    [
        (names.READ_ORGANIZATION, False),
        (names.LIST_MAILBOXES, False),
        (names.LIST_MAILBOX_POLICIES, False),
        (names.LIST_USERS, True),
        (names.JOIN_MAILBOXES, True),
        (names.MARK_GONE, True),
        (names.DELETE_EXPIRED, False),
    ],
)
async def test_an_activity_that_raises_still_ends_in_the_close(scan, name, is_failed):
    tenant = Tenant(2)
    tenant.broken = {name}

    done = await scan(tenant)

    assert done.instance.result == {"state": "failed" if is_failed else "completed"}
    assert len(done.engine.calls(name)) > 1
    if is_failed:
        assert f"{name} is broken" in done.closing["error"]


async def test_probes_that_raise_leave_users_unrecorded(scan):
    tenant = Tenant(2)
    tenant.broken = {names.PROBE_USER}

    done = await scan(tenant)

    assert done.closing["counts"]["unrecorded"] == 2
    assert done.instance.result == {"state": "completed"}


async def test_what_lanes_observe_reaches_the_next_page(scan):
    tenant = Tenant(4, 4)
    tenant.probe_user = lambda request: (
        {"reason": "throttled", "wait_seconds": 900.0}
        if request["page"] == 1 and request["index"] == 3 and request["mode"] == "normal"
        else {"status": "published", "has_response": True}
    )

    done = await scan(tenant, concurrency=1)

    inputs = [json.loads(one.inputs[0]) for one in done.engine.instances.values() if ":2:" in one.instance_id]
    assert [lane["breaker"]["responder"] for lane in inputs] == [[1, 3]]
    assert inputs[0]["breaker"]["pause_seconds"] > 0


async def test_payloads_are_references_and_counts(scan):
    done = await scan(Tenant(40, 40))

    allowed = {SCAN_ID, "published", "completed", "normal", *map(str, Step)}
    for text in done.engine.payloads:
        assert set(strings_of(json.loads(text))) <= allowed, text
        assert len(text) < 3000


def strings_of(value):
    match value:
        case str():
            yield value
        case list():
            for one in value:
                yield from strings_of(one)
        case dict():
            for one in value.values():
                yield from strings_of(one)
