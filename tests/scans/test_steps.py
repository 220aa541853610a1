"""Steps of a scan return their failures, and do nothing without the lock."""

import pytest

from atlas.microsoft365.failures import (
    ListingExpired,
    NotUnderstood,
    Refused,
    SignInRefused,
    Throttled,
    TimedOut,
    Unreachable,
)
from atlas.scans.messages import ListingResult, Retry, StepFailure, StepRequest
from atlas.scans.steps import run_step
from atlas.tables.store import StorageRefused, StorageUnavailable
from tests.scans.conftest import scan

REQUEST = StepRequest(scan_id=scan().scan_id)


async def run(tenant, failure=None, **more):
    calls = []

    async def use_case(resources, request):
        calls.append(request)
        if failure:
            raise failure
        return ListingResult(count=7)

    return await run_step(tenant.resources, REQUEST, use_case, ListingResult, **more), calls


@pytest.mark.parametrize(
    ("failure", "retry", "wait_seconds"),
    [
        (Throttled("graph responded 429", 30.0), Retry.LATER, 30.0),
        (Throttled("graph responded 429"), Retry.LATER, None),
        (Unreachable("no connection"), Retry.LATER, None),
        (TimedOut("no response in 60 s"), Retry.LATER, None),
        (StorageUnavailable("Table Storage responded 503"), Retry.LATER, None),
        (NotUnderstood("a page without value"), Retry.AGAIN, None),
        (ListingExpired("the link is too old"), Retry.RESTART, None),
        (Refused("graph responded 403"), Retry.NEVER, None),
        (SignInRefused("no token"), Retry.NEVER, None),
        (StorageRefused("403"), Retry.NEVER, None),
    ],
)
async def test_each_failure_determines_the_next_action(tenant, failure, retry, wait_seconds):
    await tenant.start_scan(scan())

    result, _ = await run(tenant, failure)

    assert result.failure == StepFailure(problem=str(failure), retry=retry, wait_seconds=wait_seconds)


async def test_a_bug_is_logged_and_its_text_stays_out_of_history(tenant, caplog):
    await tenant.start_scan(scan())

    result, _ = await run(tenant, KeyError("adele@contoso.com"))

    assert result.failure.retry is Retry.AGAIN
    assert "adele" not in result.failure.problem
    assert "KeyError" in result.failure.problem
    assert "adele" in caplog.text


async def test_a_step_without_the_lock_does_nothing(tenant):
    result, calls = await run(tenant)

    assert (result.holds_lock, result.failure, calls) == (False, None, [])


async def test_closing_works_without_the_lock(tenant):
    result, _ = await run(tenant, needs_lock=False)

    assert result == ListingResult(count=7)


async def test_storage_that_fails_while_the_lock_is_checked_is_waited_for(tenant):
    await tenant.start_scan(scan())
    tenant.store.unavailable = 1

    result, calls = await run(tenant)

    assert (result.failure.retry, calls) == (Retry.LATER, [])
