"""A probe says whether Bookings responded, and records only what it should."""

import pytest

from atlas.domain.pages import NoPage
from atlas.domain.statuses import Status
from atlas.microsoft365.failures import NotUnderstood, Refused, Throttled, TimedOut, Unreachable
from atlas.scans.messages import ProbeMode, ProbeRequest, ProbeResult
from atlas.scans.probing import probe_one
from tests.scans.conftest import scan, user_id

SCAN = scan()


def request(mode=ProbeMode.NORMAL):
    return ProbeRequest(scan_id=SCAN.scan_id, page=1, index=0, scanned_before=True, mode=mode)


@pytest.fixture
async def listed(tenant):
    """One user is in the census of a running scan."""
    await tenant.running(SCAN)
    await tenant.add_to_census(SCAN.scan_id, 1)
    return tenant


async def test_a_response_is_recorded(listed):
    result = await probe_one(listed.resources, request())

    assert result == ProbeResult(status="notSetUp", has_response=True)
    assert (await listed.statuses()) == {user_id(1): Status.NOT_SET_UP}


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (Throttled("429", 30.0), ProbeResult(reason="throttled", wait_seconds=30.0)),
        (Throttled("429", 0.0), ProbeResult(reason="throttled", wait_seconds=0.0)),
        (Throttled("429"), ProbeResult(reason="throttled", wait_seconds=10.0)),
        (Unreachable("503"), ProbeResult(reason="unreachable")),
        (TimedOut("no response"), ProbeResult(reason="unreachable")),
    ],
)
async def test_without_a_response_nothing_is_recorded_yet(listed, failure, result):
    listed.pages.results = [failure]

    assert await probe_one(listed.resources, request()) == result
    assert await listed.statuses() == {}


@pytest.mark.parametrize("failure", [Throttled("429", 30.0), Unreachable("503")])
async def test_the_last_probe_records_the_failure(listed, failure):
    listed.pages.results = [failure]

    result = await probe_one(listed.resources, request(ProbeMode.LAST))

    assert (result.status, result.reason, result.has_response) == ("unknown", failure.reason, False)
    assert await listed.statuses() == {user_id(1): Status.UNKNOWN}


@pytest.mark.parametrize("failure", [Refused("403"), NotUnderstood("HTML")])
async def test_a_response_that_says_nothing_is_a_response(listed, failure):
    """A page that refuses everybody is no outage."""
    listed.pages.results = [failure]

    assert await probe_one(listed.resources, request()) == ProbeResult(status="unknown", has_response=True)


@pytest.mark.parametrize(
    ("response", "result"),
    [
        (NoPage(404), ProbeResult(has_response=True)),
        (Refused("403"), ProbeResult(has_response=True)),
        (Unreachable("503"), ProbeResult(reason="unreachable")),
        (Throttled("429", 5.0), ProbeResult(reason="throttled", wait_seconds=5.0)),
    ],
)
async def test_a_trial_records_nothing(listed, response, result):
    listed.pages.results = [response]

    assert await probe_one(listed.resources, request(ProbeMode.TRIAL)) == result
    assert await listed.statuses() == {}


async def test_during_an_outage_users_are_recorded_without_requests(listed):
    await listed.add_row(
        1, "an earlier scan", url="https://outlook.office.com/page", last_known_status=Status.PUBLISHED
    )

    result = await probe_one(listed.resources, request(ProbeMode.OUTAGE))

    row = (await listed.resources.rows.get(user_id(1))).row
    assert (result, listed.pages.requested) == (ProbeResult(status="unknown"), [])
    assert (row.status, row.last_known_status, row.url) == ("unknown", "published", "https://outlook.office.com/page")
    assert row.reason.startswith("unreachable: ")


async def test_a_recorded_user_is_not_requested_again(listed):
    await probe_one(listed.resources, request())

    again = await probe_one(listed.resources, request())

    assert again == ProbeResult(status="notSetUp")
    assert len(listed.pages.requested) == 1


async def test_a_stopped_scan_sends_and_records_nothing(listed):
    await listed.resources.scans.mark_stopping(SCAN.scan_id)

    assert await probe_one(listed.resources, request()) == ProbeResult(holds_lock=False)
    assert (listed.pages.requested, await listed.statuses()) == ([], {})


@pytest.mark.parametrize("calls", [1, 3])
async def test_storage_that_fails_is_a_reason_to_probe_again(listed, calls):
    listed.store.unavailable = calls

    assert await probe_one(listed.resources, request()) == ProbeResult(reason="storage")
