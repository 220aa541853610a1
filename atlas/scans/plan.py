"""What each step of a scan sends, what it gets back, and what follows. Pure; every driver of a scan runs this plan."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from atlas.scans.messages import (
    ClosingResult,
    ExpiredResult,
    GoneResult,
    ListingResult,
    OrganizationResult,
    StepRequest,
    StepResult,
)
from atlas.scans.progress import ScanProgress, Step


class Call(NamedTuple):
    """A step that is one call."""

    request: Callable[[ScanProgress], StepRequest]
    result: type[StepResult]
    after: Callable[[ScanProgress, Any], ScanProgress]


PLAN: Mapping[Step, Call] = {
    Step.READ_ORGANIZATION: Call(ScanProgress.step_request, OrganizationResult, ScanProgress.with_organization),
    Step.LIST_MAILBOXES: Call(ScanProgress.page_request, ListingResult, ScanProgress.with_mailboxes),
    Step.LIST_MAILBOX_POLICIES: Call(ScanProgress.page_request, ListingResult, ScanProgress.with_policies),
    Step.LIST_USERS: Call(ScanProgress.users_request, ListingResult, ScanProgress.with_users),
    # Step.PROBE_USERS: lanes, while the next page of users is listed
    Step.MARK_GONE: Call(ScanProgress.page_request, GoneResult, ScanProgress.with_gone),
    Step.DELETE_EXPIRED: Call(ScanProgress.step_request, ExpiredResult, ScanProgress.with_deleted),
    Step.CLOSE_SCAN: Call(ScanProgress.closing, ClosingResult, ScanProgress.with_state),
}
