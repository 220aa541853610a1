"""The scan of the whole tenant: organisation, mailboxes, then page after page of licensed users, and the close."""

from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from atlas.domain.payloads import (
    Closing,
    GoneAnswer,
    MailboxesAnswer,
    MailboxesOrder,
    OrganizationAnswer,
    UsersAnswer,
    UsersOrder,
)
from atlas.domain.walk import LONGEST_WAIT_SECONDS, Walk, exchange_warnings, lane_id
from orchestrators.names import (
    CLOSE_SCAN,
    FORGET_OLD,
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

    def __init__(self, walk: Walk, problem: str) -> None:
        super().__init__(f"the list of licensed users could not be completed: {problem}")
        self.walk = walk


class NotLetIn(Exception):
    """The lock of the tenant is another scan's, or nobody's: this one was given up before it began."""


@blueprint.orchestration_trigger(context_name="context")
def scan_tenant(context: df.DurableOrchestrationContext) -> Flow[dict[str, Any] | None]:
    """Walk through the tenant, then close the scan, whatever came of it; answers how it ended."""
    walk = Walk.from_dict(context.get_input())
    try:
        if not walk.is_begun:
            walk = yield from begin(context, walk)
        context.set_custom_status(walk.progress())  # in each generation: continuing as new drops what was shown
        for _ in range(PAGES_PER_GENERATION):
            walk, has_more = yield from scan_one_page(context, walk)
            if not has_more:
                break
        else:
            context.continue_as_new(walk.to_dict())
            return None
        gone = yield context.call_activity(MARK_GONE, walk.scan_id)
        closing = walk.closing(GoneAnswer.from_dict(gone))
    except NotLetIn:
        return None
    except ScanFailed as failure:
        closing = failure.walk.failing(str(failure))
    except Exception as error:  # noqa: BLE001 - a bug in an activity arrives as this; the scan must end and let go
        closing = walk.failing(f"the scan broke off, the log says why: {str(error).partition('\n')[0][:300]}")
    yield from forget_old(context, walk.scan_id)
    return (yield from close_scan(context, closing))


def begin(context: df.DurableOrchestrationContext, walk: Walk) -> Flow[Walk]:
    """Read the organisation, take the census of mailboxes, and put the first page of users into the census."""
    answer = yield from answered(context, READ_ORGANIZATION, {"scan_id": walk.scan_id})
    organization = OrganizationAnswer.from_dict(answer)
    if not organization.is_let_in:
        raise NotLetIn
    mailboxes = policies = MailboxesAnswer(problem="")
    if organization.asks_exchange:
        mailboxes = yield from take_listing(context, LIST_MAILBOXES, walk.scan_id)
    if mailboxes.problem is None:
        policies = yield from take_listing(context, LIST_MAILBOX_POLICIES, walk.scan_id)
    walk = replace(
        walk,
        is_begun=True,
        sign_in_forced=organization.sign_in_forced,
        has_mailboxes=mailboxes.problem is None,
        has_policies=policies.problem is None,
        is_exchange_silent=bool(organization.problem or mailboxes.problem or policies.problem),
        organization_ews=organization.ews,
        warnings=exchange_warnings(organization.problem, mailboxes.problem, policies.problem),
    )
    return (yield from list_users(context, walk, link=None))


def take_listing(context: df.DurableOrchestrationContext, activity: str, scan_id: str) -> Flow[MailboxesAnswer]:
    """List something of all mailboxes into the census; a listing that expires begins again once, then is dropped."""
    link, restarts = None, 0
    while True:
        answer = yield from answered(context, activity, MailboxesOrder(scan_id, link).to_dict())
        page = MailboxesAnswer.from_dict(answer)
        if page.is_expired and not restarts:
            link, restarts = None, 1
        elif page.problem is not None or page.link is None:
            return page
        else:
            link = page.link


def list_users(context: df.DurableOrchestrationContext, walk: Walk, link: str | None) -> Flow[Walk]:
    """The walk with the next page of licensed users, which now stands in the census.

    A listing that expires begins again. Users who stand on two pages then are asked about once: their row says that
    this scan has written it.
    """
    while True:
        order = UsersOrder(walk.scan_id, walk.page + 1, link, walk.has_mailboxes, has_policies=walk.has_policies)
        listing = UsersAnswer.from_dict((yield from answered(context, LIST_USERS, order.to_dict())))
        if listing.problem is None:
            return walk.with_page(listing)
        if not listing.is_expired or walk.restarts >= RESTARTS:
            raise ScanFailed(walk, listing.problem)
        walk, link = replace(walk, restarts=walk.restarts + 1), None


def scan_one_page(context: df.DurableOrchestrationContext, walk: Walk) -> Flow[tuple[Walk, bool]]:
    """Probe the users of the page at hand while the next one is listed; answers whether there is a next one."""
    tasks = [
        context.call_sub_orchestrator(SCAN_PAGE, lane.to_dict(), lane_id(walk.scan_id, walk.page, number))
        for number, lane in enumerate(walk.lanes())
    ]
    if walk.next_link:
        order = UsersOrder(
            walk.scan_id, walk.page + 1, walk.next_link, walk.has_mailboxes, has_policies=walk.has_policies
        )
        tasks.append(context.call_activity(LIST_USERS, order.to_dict()))
    results = (yield context.task_all(tasks)) if tasks else []
    lanes, listing = (results[:-1], results[-1]) if walk.next_link else (results, None)
    walk = walk.with_counts(lanes)
    if listing is None:
        return walk, False
    page = UsersAnswer.from_dict(listing)
    if page.problem is None:
        walk = walk.with_page(page)
    else:
        walk = yield from list_users(context, walk, walk.next_link)
    context.set_custom_status(walk.progress())
    return walk, True


def forget_old(context: df.DurableOrchestrationContext, scan_id: str) -> Flow[None]:
    """Remove what is kept no longer. What cannot be removed now is left to the next scan: this one ends as it went."""
    try:
        while (yield context.call_activity(FORGET_OLD, scan_id)):
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


def answered(context: df.DurableOrchestrationContext, activity: str, order: dict[str, Any]) -> Flow[dict[str, Any]]:
    """The answer of an activity that may ask to be called again later; the last attempt takes what there is."""
    for attempt in range(1, ATTEMPTS + 1):
        answer = yield context.call_activity(activity, {**order, "is_last_attempt": attempt == ATTEMPTS})
        wait_seconds = answer.get("wait_seconds")
        if wait_seconds is None:
            break
        wait = timedelta(seconds=min(wait_seconds, LONGEST_WAIT_SECONDS))
        yield context.create_timer(context.current_utc_datetime + wait)
    return answer
