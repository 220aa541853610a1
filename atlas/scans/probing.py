"""Probes one licensed user: the straight path from the census to the evidence to the row."""

import asyncio
from datetime import timedelta

from atlas.domain.events import Effort, probe_finished
from atlas.domain.mailboxes import Mailbox, MailboxEvidence
from atlas.domain.rechecks import Known, may_keep
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.user_rows import Observation, UserRow
from atlas.domain.users import LicensedUser
from atlas.microsoft365.calls import counted_requests
from atlas.microsoft365.deadlines import deadline_after, within
from atlas.microsoft365.failures import TenantFailure, Throttled, Unreachable
from atlas.pages.evidence import Gathering, evidence_without_page, observe, observe_without_page
from atlas.pages.recording import record_kept, record_observation
from atlas.resources import Resources
from atlas.scans.messages import ProbeMode, ProbeRequest, ProbeResult
from atlas.tables.personal_bookings import StoredRow
from atlas.tables.read_ahead import ListedWithRow
from atlas.tables.store import StorageFailure

TIMEOUT_SECONDS = 120.0
"""For all requests of one probe; what is not known by then is ``unknown: unreachable``."""
DEFAULT_WAIT_SECONDS = 10.0
"""If a throttling service does not say how long to wait."""
NO_RESPONSE = (Throttled, Unreachable)
STORAGE = "storage"
OUTAGE = Unknown(Reason.UNREACHABLE, "Bookings did not respond for hours, so this scan stopped requesting pages")


class CensusIncomplete(Exception):
    """The census has no user at this position: it was deleted, or never written."""


async def probe_one(resources: Resources, request: ProbeRequest) -> ProbeResult:
    """Probe the user at one position of the census, and record the row and its change.

    A repeated probe finds the row it has written and sends no request. Storage that fails is a reason to probe again.
    """
    try:
        holds_lock, listed = await asyncio.gather(
            resources.scans.held_lock_recently(request.scan_id),
            resources.read_ahead.get(request.scan_id, request.page, request.index),
        )
        if not holds_lock:
            return ProbeResult(holds_lock=False)
        if listed is None:
            raise CensusIncomplete(f"no user {request.index} on page {request.page} of {request.scan_id}")
        if request.mode is ProbeMode.TRIAL:
            return await _try(resources, listed.mailbox)
        return await _probe(resources, request, listed)
    except StorageFailure:
        return ProbeResult(reason=STORAGE)


async def _try(resources: Resources, mailbox: MailboxEvidence) -> ProbeResult:
    """Whether Bookings responds for this mailbox; nothing is recorded."""
    if not isinstance(mailbox, Mailbox):
        return ProbeResult()
    try:
        await within(deadline_after(TIMEOUT_SECONDS), resources.pages.get_page(mailbox.guid))
    except NO_RESPONSE as failure:
        return _without_response(failure)
    except TenantFailure:
        return ProbeResult(has_response=True)
    return ProbeResult(has_response=True)


async def _probe(resources: Resources, request: ProbeRequest, listed: ListedWithRow) -> ProbeResult:
    user, mailbox, stored = listed.user, listed.mailbox, listed.stored
    if stored and stored.row.scan_id == request.scan_id and stored.pending_change is None:
        return ProbeResult(status=str(stored.row.status))
    if stored and _may_keep(resources, request, stored, mailbox):
        kept = await record_kept(resources, stored, user, request.scan_id)
        return ProbeResult(status=str(kept.status), was_kept=True)
    began, row, wait_seconds = resources.clock(), None, None
    with counted_requests() as requests:
        try:
            observation = await _observe(resources, request, user, mailbox)
            row = await _record(resources, request, stored, observation)
        except NO_RESPONSE as failure:
            result = _without_response(failure)
            wait_seconds = result.wait_seconds
            return result
        finally:  # a probe that could not be recorded is reported as well
            effort = Effort(resources.clock() - began, requests.made, wait_seconds)
            resources.emit(probe_finished(request.scan_id, resources.tenant_id, user.user_id, row, effort))
    return _result(request, row, observation)


def _may_keep(resources: Resources, request: ProbeRequest, stored: StoredRow, mailbox: MailboxEvidence) -> bool:
    """Whether ``NOT_SET_UP_RECHECK_DAYS`` allows the scan to keep the row without requesting the page."""
    if not resources.not_set_up_recheck_days or request.mode is ProbeMode.OUTAGE:
        return False
    evidence = evidence_without_page(resources, mailbox, request.organization)
    recheck_after = timedelta(days=resources.not_set_up_recheck_days)
    return may_keep(Known(stored.row, evidence, resources.clock(), recheck_after))


async def _observe(
    resources: Resources, request: ProbeRequest, user: LicensedUser, mailbox: MailboxEvidence
) -> Observation:
    """The evidence. Raises ``NO_RESPONSE`` if the user is to be probed again."""
    if request.mode is ProbeMode.OUTAGE:
        return observe_without_page(resources, user, mailbox, request.organization, OUTAGE)
    raises = NO_RESPONSE if request.mode is ProbeMode.NORMAL else ()
    gathering = Gathering(deadline_after(TIMEOUT_SECONDS), raises=raises)
    return await observe(resources, user, mailbox, request.organization, gathering)


async def _record(
    resources: Resources, request: ProbeRequest, stored: StoredRow | None, observation: Observation
) -> UserRow:
    return await record_observation(
        resources, stored, observation, request.scan_id, scanned_before=request.scanned_before
    )


def _result(request: ProbeRequest, row: UserRow, observation: Observation) -> ProbeResult:
    page = observation.evidence.page
    reason = page.reason if isinstance(page, Unknown) else None
    if request.mode is ProbeMode.OUTAGE or page is None:
        return ProbeResult(status=str(row.status))
    if reason in {failure.reason for failure in NO_RESPONSE}:
        return ProbeResult(status=str(row.status), reason=reason)
    return ProbeResult(status=str(row.status), has_response=True)


def _without_response(failure: TenantFailure) -> ProbeResult:
    wait_seconds = None
    if isinstance(failure, Throttled):
        wait_seconds = DEFAULT_WAIT_SECONDS if failure.wait_seconds is None else failure.wait_seconds
    return ProbeResult(reason=failure.reason, wait_seconds=wait_seconds)
