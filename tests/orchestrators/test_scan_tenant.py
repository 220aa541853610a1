"""The flow of a scan, replayed after every step: what it asks, in which order, and how it ends whatever happens."""

import json

import pytest

from atlas.scans.progress import exchange_warnings
from orchestrators import names
from orchestrators.scan_tenant import ATTEMPTS, CLOSING_PAUSE, MAX_WAIT_SECONDS, PAGES_PER_GENERATION, RESTARTS
from tests.orchestrators.conftest import SCAN_ID, Tenant

REFUSED = "outlook.office365.com answered 403: grant the application permission Exchange.ManageAsApp"


async def test_every_user_of_every_page_is_asked_about_once(scan):
    done = await scan(Tenant(10, 0, 7))

    assert sorted(done.probed()) == [*((1, n) for n in range(10)), *((3, n) for n in range(7))]
    assert done.instance.result == {"state": "completed"}
    assert done.closing["by_status"] == {"published": 17}
    assert done.closing["error"] is None


async def test_a_scan_goes_its_way_in_order(scan):
    done = await scan(Tenant(1))

    called = [name for name, _ in done.engine.called]
    assert called == [
        names.READ_ORGANIZATION,
        names.LIST_MAILBOXES,
        names.LIST_MAILBOX_POLICIES,
        names.LIST_USERS,
        names.PROBE_USER,
        names.MARK_GONE,
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

    assert done.engine.most_at_once[names.PROBE_USER] == concurrency
    assert len(done.probed()) == 141


async def test_the_next_page_is_listed_while_this_one_is_probed(scan):
    done = await scan(Tenant(5, 5, 5))

    listed = [task for task in done.instance.generations[0] if "scan_page" in str(task.task)]
    beside = [[action.name for action in done.task.actions][-1] for done in listed]
    assert beside == [names.LIST_USERS, names.LIST_USERS, names.SCAN_PAGE]


async def test_histories_grow_with_pages_and_not_with_users(scan):
    small, large = await scan(Tenant(5, 5)), await scan(Tenant(500, 500))

    def size(done):
        return sum(len(getattr(one.task, "actions", [one])) for one in done.instance.generations[0])

    assert size(small) == size(large)


async def test_the_scan_continues_as_new_and_carries_everything(scan):
    pages = [3] * (2 * PAGES_PER_GENERATION + 1)
    tenant = Tenant(*pages)
    ews = {"access": "block", "policy": "EnforceAllowList", "ews_enabled": None}
    tenant.organization = [{"sign_in_forced": True, "problem": None, "ews": ews}]
    tenant.policies = [{"problem": "Get-CASMailbox answered 503"}]

    done = await scan(tenant)

    assert len(done.instance.generations) == 3
    assert len(done.probed()) == sum(pages)
    assert len(done.engine.calls(names.READ_ORGANIZATION)) == 1
    assert {request["sign_in_forced"] for request in done.engine.calls(names.PROBE_USER)} == {True}
    assert {request["scanned_before"] for request in done.engine.calls(names.PROBE_USER)} == {True}
    assert {request["exchange_incomplete"] for request in done.engine.calls(names.PROBE_USER)} == {True}
    assert all(request["organization_ews"] == ews for request in done.engine.calls(names.PROBE_USER))
    assert {request["has_mailboxes"] for request in done.engine.calls(names.LIST_USERS)} == {True}
    assert {request["has_policies"] for request in done.engine.calls(names.LIST_USERS)} == {False}
    assert done.closing["warnings"] == exchange_warnings(None, None, "Get-CASMailbox answered 503")
    assert done.instance.status["listed"] == sum(pages)
    assert done.instance.status["total"] == sum(pages)


async def test_every_generation_shows_the_lanes_that_run_from_its_first_wait_on(scan):
    """Continuing as new drops what was shown; a scan that is stopped then has to name its lanes all the same."""
    done = await scan(Tenant(*[3] * (2 * PAGES_PER_GENERATION + 1)))

    first = next(place for place, status in enumerate(done.instance.shown) if status)
    assert all(status["lanes"] == 3 for status in done.instance.shown[first:])
    assert [status["page"] for status in done.instance.shown[first:]] == sorted(
        status["page"] for status in done.instance.shown[first:]
    )


@pytest.mark.parametrize(
    ("organization", "mailboxes", "policies", "is_silent"),
    [
        ({}, {}, {}, False),
        ({"exchange_enabled": False}, {}, {}, False),
        ({"problem": REFUSED}, {}, {}, True),
        ({}, {"problem": REFUSED}, {}, True),
        ({}, {}, {"problem": REFUSED}, True),
    ],
)
async def test_each_probe_is_told_whether_exchange_was_asked_and_did_not_tell(
    scan, organization, mailboxes, policies, is_silent
):
    tenant = Tenant(3)
    tenant.organization, tenant.mailboxes, tenant.policies = [organization], [mailboxes], [policies]

    done = await scan(tenant)

    assert {request["exchange_incomplete"] for request in done.engine.calls(names.PROBE_USER)} == {is_silent}


async def test_a_scan_that_is_not_let_in_ends_without_a_word(scan):
    tenant = Tenant(3)
    tenant.organization = [{"holds_lock": False}]

    done = await scan(tenant)

    assert [name for name, _ in done.engine.called] == [names.READ_ORGANIZATION]
    assert done.instance.result is None
    assert done.instance.failure is None


async def test_a_close_that_fails_is_tried_again_after_a_pause(scan):
    tenant = Tenant(2)
    failures = [RuntimeError("storage is away")] * (ATTEMPTS - 1)
    close = tenant._close_scan

    def breaks(closing):
        if failures:
            raise failures.pop()
        return close(closing)

    tenant._close_scan = breaks
    done = await scan(tenant)

    assert done.instance.result == {"state": "completed"}
    assert done.engine.timers == [CLOSING_PAUSE.total_seconds()] * (ATTEMPTS - 1)
    assert len(done.engine.calls(names.CLOSE_SCAN)) == ATTEMPTS


async def test_a_close_that_never_works_fails_the_flow_and_does_not_go_on_for_ever(scan):
    tenant = Tenant(2)
    tenant.broken = {names.CLOSE_SCAN}

    done = await scan(tenant)

    assert done.instance.failure is not None
    assert len(done.engine.calls(names.CLOSE_SCAN)) == ATTEMPTS


async def test_a_scan_that_breaks_off_tells_one_line_and_what_it_had_listed(scan):
    tenant = Tenant(4, 4)
    tenant.broken = {names.MARK_GONE}
    tenant.break_message = "no row\nTraceback (most recent call last):\n  File x"

    done = await scan(tenant)

    assert "no row" in done.closing["error"]
    assert "\n" not in done.closing["error"]
    assert "Traceback" not in done.closing["error"]
    assert done.closing["listed"] == 8


async def test_the_ids_of_all_flows_are_derived_from_the_scans(scan):
    done = await scan(Tenant(9, 9))

    assert len(done.engine.instances) == 1 + 2 * 4
    assert all(instance_id.startswith(SCAN_ID) for instance_id in done.engine.instances)


async def test_the_status_that_is_shown_names_the_lanes_that_run(scan):
    done = await scan(Tenant(9, 2))

    assert (done.instance.status["page"], done.instance.status["lanes"]) == (2, 2)
    assert f"{SCAN_ID}:2:1" in done.engine.instances


async def test_the_organisation_is_asked_for_again_when_told_to_wait(scan):
    tenant = Tenant(1)
    tenant.organization = [{"problem": "throttled", "wait_seconds": 33.5}, {"sign_in_forced": True}]

    done = await scan(tenant)

    assert done.engine.timers == [33.5]
    assert [request["is_last_attempt"] for request in done.engine.calls(names.READ_ORGANIZATION)] == [False, False]
    assert done.closing["warnings"] == []


async def test_a_wait_of_hours_is_cut_and_waiting_ends(scan):
    tenant = Tenant(1)
    tenant.mailboxes = [{"problem": "throttled", "wait_seconds": 99_999.0}] * (ATTEMPTS - 1) + [
        {"problem": "throttled"}
    ]

    done = await scan(tenant)

    assert done.engine.timers == [MAX_WAIT_SECONDS] * (ATTEMPTS - 1)
    assert [request["is_last_attempt"] for request in done.engine.calls(names.LIST_MAILBOXES)][-2:] == [False, True]
    assert len(done.closing["warnings"]) == 1


async def test_a_setting_that_leaves_exchange_out_is_no_warning(scan):
    tenant = Tenant(1)
    tenant.organization = [{"exchange_enabled": False}]

    done = await scan(tenant)

    assert done.engine.calls(names.LIST_MAILBOXES) == []
    assert done.engine.calls(names.LIST_USERS)[0]["has_mailboxes"] is False
    assert done.closing["warnings"] == []


async def test_exchange_that_refuses_is_one_warning_that_names_the_grant(scan):
    tenant = Tenant(2, 2)
    tenant.organization = [{"problem": REFUSED}]
    tenant.mailboxes = [{"problem": REFUSED}]

    done = await scan(tenant)

    (warning,) = done.closing["warnings"]
    assert "Exchange.ManageAsApp" in warning
    assert {request["has_mailboxes"] for request in done.engine.calls(names.LIST_USERS)} == {False}
    assert done.instance.result == {"state": "completed"}


async def test_a_mailbox_listing_is_read_page_by_page(scan):
    tenant = Tenant(1)
    tenant.mailboxes = [{"link": "a"}, {"link": "b"}, {}]
    tenant.policies = [{"link": "c"}, {}]

    done = await scan(tenant)

    assert [request["link"] for request in done.engine.calls(names.LIST_MAILBOXES)] == [None, "a", "b"]
    assert [request["link"] for request in done.engine.calls(names.LIST_MAILBOX_POLICIES)] == [None, "c"]
    assert done.closing["warnings"] == []
    assert done.engine.calls(names.LIST_USERS)[0]["has_mailboxes"] is True


async def test_a_mailbox_listing_that_expires_once_begins_again(scan):
    tenant = Tenant(1)
    tenant.mailboxes = [{"link": "a"}, {"problem": "too old", "is_expired": True}, {"link": "b"}, {}]

    done = await scan(tenant)

    assert [request["link"] for request in done.engine.calls(names.LIST_MAILBOXES)] == [None, "a", None, "b"]
    assert done.engine.calls(names.LIST_USERS)[0]["has_mailboxes"] is True
    assert done.closing["warnings"] == []


async def test_a_mailbox_listing_that_expires_twice_is_dropped_whole_with_one_warning(scan):
    tenant = Tenant(1)
    expired = {"problem": "the listing of mailboxes is too old", "is_expired": True}
    tenant.mailboxes = [{"link": "a"}, expired, {"link": "b"}, expired]

    done = await scan(tenant)

    assert done.engine.calls(names.LIST_USERS)[0]["has_mailboxes"] is False
    assert done.closing["warnings"] == exchange_warnings(None, expired["problem"], "")
    assert done.engine.calls(names.LIST_MAILBOX_POLICIES) == []


async def test_a_listing_of_policies_that_expires_twice_leaves_the_mailboxes(scan):
    tenant = Tenant(1)
    expired = {"problem": "the listing is too old", "is_expired": True}
    tenant.policies = [{"link": "a"}, expired, {"link": "b"}, expired]

    done = await scan(tenant)

    listed = done.engine.calls(names.LIST_USERS)[0]
    assert (listed["has_mailboxes"], listed["has_policies"]) == (True, False)
    assert done.closing["warnings"] == exchange_warnings(None, None, expired["problem"])


async def test_a_mailbox_listing_that_breaks_off_later_is_dropped_whole(scan):
    tenant = Tenant(1)
    tenant.mailboxes = [{"link": "a"}, {"problem": REFUSED}]

    done = await scan(tenant)

    assert done.engine.calls(names.LIST_USERS)[0]["has_mailboxes"] is False
    assert len(done.closing["warnings"]) == 1


async def test_a_listing_of_users_that_fails_closes_the_scan_as_failed(scan):
    tenant = Tenant(1)
    tenant.users = [{"problem": "graph answered 403: grant User.Read.All"}]

    done = await scan(tenant)

    assert "User.Read.All" in done.closing["error"]
    assert done.instance.result == {"state": "failed"}
    assert done.engine.calls(names.MARK_GONE) == []


async def test_a_listing_that_fails_on_a_later_page_marks_nobody_gone_and_keeps_the_counts(scan):
    tenant = Tenant(3, 3)
    tenant.organization = [{"problem": REFUSED}]
    tenant.users = [{"count": 3, "link": "1", "total": 6}, {"problem": "broken"}, {"problem": "broken"}]

    done = await scan(tenant)

    assert "broken" in done.closing["error"]
    assert done.closing["by_status"] == {"published": 3}
    assert len(done.closing["warnings"]) == 1
    assert done.engine.calls(names.MARK_GONE) == []


async def test_a_scan_that_fails_at_its_first_listing_still_tells_what_exchange_did_not(scan):
    tenant = Tenant(3)
    tenant.organization = [{"problem": REFUSED}]
    tenant.users = [{"problem": "broken"}]

    done = await scan(tenant)

    assert len(done.closing["warnings"]) == 1


async def test_a_next_page_that_is_throttled_is_waited_for(scan):
    tenant = Tenant(2, 2)
    tenant.users = [
        {"count": 2, "link": "1", "total": 4},
        {"problem": "throttled", "wait_seconds": 40.0},
        {"problem": "throttled", "wait_seconds": 20.0},
    ]

    done = await scan(tenant)

    assert done.engine.timers[-1] == 20
    assert sorted(done.probed()) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert done.closing["error"] is None


async def test_a_listing_of_users_that_expires_begins_again_under_new_places(scan):
    tenant = Tenant(2, 2)
    expired = {"problem": "too old", "is_expired": True}
    tenant.users = [{"count": 2, "link": "1", "total": 4}, expired, expired]

    done = await scan(tenant)

    assert [request["link"] for request in done.engine.calls(names.LIST_USERS)] == [None, "1", "1", None, "1"]
    assert sorted({page for page, _ in done.probed()}) == [1, 2, 3]
    assert done.closing["error"] is None


async def test_a_listing_that_always_expires_ends_the_scan(scan):
    tenant = Tenant(2, 2)
    expired = {"problem": "the listing of users is too old", "is_expired": True}
    tenant.users = [{"count": 2, "link": "1", "total": 4}, *[expired, expired, {"count": 2, "link": "1"}] * 50]

    done = await scan(tenant)

    assert "too old" in done.closing["error"]
    assert [request["link"] for request in done.engine.calls(names.LIST_USERS)].count(None) == 1 + RESTARTS


@pytest.mark.parametrize(
    "name",
    [
        names.READ_ORGANIZATION,
        names.LIST_MAILBOXES,
        names.LIST_MAILBOX_POLICIES,
        names.LIST_USERS,
        names.MARK_GONE,
    ],
)
async def test_an_activity_that_raises_still_ends_in_the_close(scan, name):
    tenant = Tenant(2)
    tenant.broken = {name}

    done = await scan(tenant)

    assert f"{name} is broken" in done.closing["error"]
    assert done.instance.result == {"state": "failed"}


async def test_a_probe_that_raises_although_it_never_should_ends_in_the_close(scan):
    tenant = Tenant(2)
    tenant.broken = {names.PROBE_USER}

    done = await scan(tenant)

    assert "probe_user is broken" in done.closing["error"]


async def test_a_cleaning_up_that_fails_does_not_spoil_the_scan(scan):
    tenant = Tenant(2)
    tenant.broken = {names.DELETE_EXPIRED}

    done = await scan(tenant)

    assert done.closing["error"] is None
    assert done.instance.result == {"state": "completed"}


async def test_a_long_error_is_cut(scan):
    tenant = Tenant(1)

    def breaks(_):
        raise RuntimeError("x" * 60_000)

    tenant._mark_gone = breaks
    done = await scan(tenant)

    assert len(done.closing["error"]) < 1000


async def test_old_things_are_forgotten_until_there_are_no_more(scan):
    tenant = Tenant(1)
    tenant.to_forget = 3

    done = await scan(tenant)

    assert len(done.engine.calls(names.DELETE_EXPIRED)) == 3


async def test_payloads_are_references_and_counts(scan):
    done = await scan(Tenant(40, 40))

    for text in done.engine.payloads:
        value = json.loads(text)
        texts = [one for one in (value.values() if isinstance(value, dict) else [value]) if isinstance(one, str)]
        assert all(one in {SCAN_ID, "published", "completed", "1"} for one in texts), value
        assert len(text) < 2000
