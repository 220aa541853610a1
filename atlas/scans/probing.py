"""Asks all there is to ask about one licensed user: the straight line from evidence to a row."""

from atlas.domain.events import Effort, probe_finished
from atlas.domain.mailboxes import MailboxEvidence
from atlas.domain.organization import OrganizationSettings
from atlas.domain.user_rows import UserRow
from atlas.domain.users import LicensedUser
from atlas.microsoft365.calls import counted_requests
from atlas.microsoft365.deadlines import deadline_after
from atlas.microsoft365.failures import Throttled
from atlas.pages.evidence import Gathering, observe
from atlas.pages.recording import record_observation
from atlas.resources import Resources
from atlas.scans.messages import Ews, ProbeRequest, ProbeResult
from atlas.tables.personal_bookings import StoredRow

TIMEOUT_SECONDS = 120.0
"""For all requests of one probe; what is not known by then is ``unknown: unreachable``."""
DEFAULT_WAIT_SECONDS = 10.0
"""Where a throttling service does not say how long to wait."""


class CensusIncomplete(Exception):
    """The census holds no user at this place: it was removed, or never written."""


async def probe_one(resources: Resources, request: ProbeRequest) -> ProbeResult:
    """Ask about the user at one place of the census, and record the row and what changed.

    Answers the status; or how long to wait where a service throttles and this is not the last attempt. A probe that is
    repeated after its row was written finds it written and asks nobody again. Raises ``StorageFailure``.
    """
    found = await resources.census.get_user(request.scan_id, request.page, request.index)
    if found is None:
        raise CensusIncomplete(f"no user {request.index} on page {request.page} of {request.scan_id}")
    user, mailbox = found
    stored = await resources.rows.get(user.user_id)
    if stored and stored.row.scan_id == request.scan_id and stored.pending_change is None:
        return ProbeResult(status=str(stored.row.status))
    began = resources.clock()
    answer, row = ProbeResult(), None
    with counted_requests() as requests:
        try:
            answer, row = await _probe(resources, request, user, mailbox, stored)
        finally:  # a probe that could not be recorded is told as well
            effort = Effort(resources.clock() - began, requests.made, answer.wait_seconds)
            resources.emit(probe_finished(request.scan_id, resources.tenant_id, user.user_id, row, effort))
    return answer


async def _probe(
    resources: Resources, request: ProbeRequest, user: LicensedUser, mailbox: MailboxEvidence, stored: StoredRow | None
) -> tuple[ProbeResult, UserRow | None]:
    gathering = Gathering(deadline_after(TIMEOUT_SECONDS), raises=() if request.is_last_attempt else (Throttled,))
    try:
        observation = await observe(resources, user, mailbox, _organization(request), gathering)
    except Throttled as throttled:
        return ProbeResult(wait_seconds=throttled.wait_seconds or DEFAULT_WAIT_SECONDS), None
    row = await record_observation(
        resources, stored, observation, request.scan_id, scanned_before=request.scanned_before
    )
    return ProbeResult(status=str(row.status)), row


def _organization(request: ProbeRequest) -> OrganizationSettings:
    ews = Ews.from_dict(request.organization_ews).scope() if request.organization_ews else None
    return OrganizationSettings(ews, request.sign_in_forced, request.exchange_incomplete)
