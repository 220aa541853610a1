"""The scan of the whole tenant: organisation, mailboxes, then page after page of licensed users, and the close."""

from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from atlas.scans.messages import (
    Closing,
    GoneResult,
    MailboxesRequest,
    MailboxesResult,
    OrganizationResult,
    UsersRequest,
    UsersResult,
)
from atlas.scans.progress import MAX_WAIT_SECONDS, ScanProgress, exchange_warnings, lane_id
from orchestrators.names import (
    CLOSE_SCAN,
    DELETE_EXPIRED,
    LIST_MAILBOX_POLICIES,
    LIST_MAILBOXES,
    LIST_USERS,
    MARK_GONE,
    READ_ORGANIZATION,
    SCAN_PAGE,
)

PAGES_PER_GENERATION = 10
ATTEMPTS = 5
"""How often a listing is asked for its next page while its service throttles or does not answer."""
CLOSING_PAUSE = timedelta(seconds=20)
RESTARTS = 3
"""How often in a scan the listing of users begins again because its link was too old."""

type Flow[Result] = Generator[Any, Any, Result]

blueprint = df.Blueprint()


class ScanFailed(Exception):
    """The list of licensed users cannot be completed, so the scan cannot be; ``walk`` is how far it came."""

    def __init__(self, progress: ScanProgress, problem: str) -> None:
        super().__init__(f"the list of licensed users could not be completed: {problem}")
        self.progress = progress


class LockNotHeld(Exception):
    """The lock of the tenant is another scan's, or nobody's: this one was given up before it began."""


@blueprint.orchestration_trigger(context_name="context")
def scan_tenant(context: df.DurableOrchestrationContext) -> Flow[dict[str, Any] | None]:
    """Walk through the tenant, then close the scan, whatever came of it; answers how it ended."""
    progress = ScanProgress.from_dict(context.get_input())
    try:
        if not progress.is_begun:
            progress = yield from begin(context, progress)
        context.set_custom_status(
            progress.custom_status()
        )  # in each generation: continuing as new drops what was shown
        for _ in range(PAGES_PER_GENERATION):
            progress, has_more = yield from scan_one_page(context, progress)
            if not has_more:
                break
        else:
            context.continue_as_new(progress.to_dict())
            return None
        gone = yield context.call_activity(MARK_GONE, progress.scan_id)
        closing = progress.closing(GoneResult.from_dict(gone))
    except LockNotHeld:
        return None
    except ScanFailed as failure:
        closing = failure.progress.failing(str(failure))
    except Exception as error:  # noqa: BLE001 - a bug in an activity arrives as this; the scan must end and let go
        closing = progress.failing(f"the scan broke off, the log says why: {str(error).partition('\n')[0][:300]}")
    yield from delete_expired(context, progress.scan_id)
    return (yield from close_scan(context, closing))


def begin(context: df.DurableOrchestrationContext, progress: ScanProgress) -> Flow[ScanProgress]:
    """Read the organisation, take the census of mailboxes, and put the first page of users into the census."""
    answer = yield from answered(context, READ_ORGANIZATION, {"scan_id": progress.scan_id})
    organization = OrganizationResult.from_dict(answer)
    if not organization.holds_lock:
        raise LockNotHeld
    mailboxes = policies = MailboxesResult(problem="")
    if organization.exchange_enabled:
        mailboxes = yield from take_listing(context, LIST_MAILBOXES, progress.scan_id)
    if mailboxes.problem is None:
        policies = yield from take_listing(context, LIST_MAILBOX_POLICIES, progress.scan_id)
    progress = replace(
        progress,
        is_begun=True,
        sign_in_forced=organization.sign_in_forced,
        has_mailboxes=mailboxes.problem is None,
        has_policies=policies.problem is None,
        exchange_incomplete=bool(organization.problem or mailboxes.problem or policies.problem),
        organization_ews=organization.ews,
        warnings=exchange_warnings(organization.problem, mailboxes.problem, policies.problem),
    )
    return (yield from list_users(context, progress, link=None))


def take_listing(context: df.DurableOrchestrationContext, activity: str, scan_id: str) -> Flow[MailboxesResult]:
    """List something of all mailboxes into the census; a listing that expires begins again once, then is dropped."""
    link, restarts = None, 0
    while True:
        answer = yield from answered(context, activity, MailboxesRequest(scan_id, link).to_dict())
        page = MailboxesResult.from_dict(answer)
        if page.is_expired and not restarts:
            link, restarts = None, 1
        elif page.problem is not None or page.link is None:
            return page
        else:
            link = page.link


def list_users(context: df.DurableOrchestrationContext, progress: ScanProgress, link: str | None) -> Flow[ScanProgress]:
    """The walk with the next page of licensed users, which now stands in the census.

    A listing that expires begins again. Users who stand on two pages then are asked about once: their row says that
    this scan has written it.
    """
    while True:
        request = UsersRequest(
            progress.scan_id, progress.page + 1, link, progress.has_mailboxes, has_policies=progress.has_policies
        )
        listing = UsersResult.from_dict((yield from answered(context, LIST_USERS, request.to_dict())))
        if listing.problem is None:
            return progress.with_page(listing)
        if not listing.is_expired or progress.restarts >= RESTARTS:
            raise ScanFailed(progress, listing.problem)
        progress, link = replace(progress, restarts=progress.restarts + 1), None


def scan_one_page(context: df.DurableOrchestrationContext, progress: ScanProgress) -> Flow[tuple[ScanProgress, bool]]:
    """Probe the users of the page at hand while the next one is listed; answers whether there is a next one."""
    tasks = [
        context.call_sub_orchestrator(SCAN_PAGE, lane.to_dict(), lane_id(progress.scan_id, progress.page, number))
        for number, lane in enumerate(progress.lanes())
    ]
    if progress.next_link:
        request = UsersRequest(
            progress.scan_id,
            progress.page + 1,
            progress.next_link,
            progress.has_mailboxes,
            has_policies=progress.has_policies,
        )
        tasks.append(context.call_activity(LIST_USERS, request.to_dict()))
    results = (yield context.task_all(tasks)) if tasks else []
    lanes, listing = (results[:-1], results[-1]) if progress.next_link else (results, None)
    progress = progress.with_counts(lanes)
    if listing is None:
        return progress, False
    page = UsersResult.from_dict(listing)
    if page.problem is None:
        progress = progress.with_page(page)
    else:
        progress = yield from list_users(context, progress, progress.next_link)
    context.set_custom_status(progress.custom_status())
    return progress, True


def delete_expired(context: df.DurableOrchestrationContext, scan_id: str) -> Flow[None]:
    """Remove what is kept no longer. What cannot be removed now is left to the next scan: this one ends as it went."""
    try:
        while (yield context.call_activity(DELETE_EXPIRED, scan_id)):
            pass
    except Exception:  # noqa: BLE001 - whatever an activity raises arrives as this
        return


def close_scan(context: df.DurableOrchestrationContext, closing: Closing) -> Flow[dict[str, Any]]:
    """Close the scan, and keep trying for a while: one that is not closed holds the next one back."""
    for _ in range(ATTEMPTS - 1):
        try:
            return (yield context.call_activity(CLOSE_SCAN, closing.to_dict()))
        except Exception:  # noqa: BLE001 - whatever an activity raises arrives as this
            yield context.create_timer(context.current_utc_datetime + CLOSING_PAUSE)
    return (yield context.call_activity(CLOSE_SCAN, closing.to_dict()))


def answered(context: df.DurableOrchestrationContext, activity: str, request: dict[str, Any]) -> Flow[dict[str, Any]]:
    """The answer of an activity that may ask to be called again later; the last attempt takes what there is."""
    for attempt in range(1, ATTEMPTS + 1):
        answer = yield context.call_activity(activity, {**request, "is_last_attempt": attempt == ATTEMPTS})
        wait_seconds = answer.get("wait_seconds")
        if wait_seconds is None:
            break
        wait = timedelta(seconds=min(wait_seconds, MAX_WAIT_SECONDS))
        yield context.create_timer(context.current_utc_datetime + wait)
    return answer
