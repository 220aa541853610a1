"""What each step of a scan sends, what it gets back, and what follows. Pure; every driver of a scan runs this plan."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from atlas.scans.messages import (
    ClosingResult,
    ExpiredResult,
    GoneResult,
    JoinResult,
    ListingResult,
    OrganizationResult,
    SharedResult,
    StepRequest,
    StepResult,
)
from atlas.scans.progress import ScanProgress, Step


class Call(NamedTuple):
    """A step that is one call."""

    request: Callable[[ScanProgress], StepRequest]
    result: type[StepResult]
    after: Callable[[ScanProgress, Any], ScanProgress]


SHARED_STEP = Call(ScanProgress.shared_request, SharedResult, ScanProgress.with_shared)
"""Every step of shared pages has the same kind of request and result."""

PLAN: Mapping[Step, Call] = {
    Step.BEGIN_CREATOR_SEARCH: SHARED_STEP,
    Step.READ_ORGANIZATION: Call(ScanProgress.step_request, OrganizationResult, ScanProgress.with_organization),
    Step.LIST_MAILBOXES: Call(ScanProgress.page_request, ListingResult, ScanProgress.with_mailboxes),
    Step.LIST_MAILBOX_POLICIES: Call(ScanProgress.page_request, ListingResult, ScanProgress.with_policies),
    Step.LIST_USERS: Call(ScanProgress.page_request, ListingResult, ScanProgress.with_users),
    Step.JOIN_MAILBOXES: Call(ScanProgress.join_request, JoinResult, ScanProgress.with_joined),
    # Step.PROBE_USERS: lanes, while the next page of users is joined with its mailboxes
    Step.MARK_GONE: Call(ScanProgress.page_request, GoneResult, ScanProgress.with_gone),
    Step.LIST_BUSINESSES: SHARED_STEP,
    Step.LIST_SHARED_MAILBOXES: SHARED_STEP,
    Step.COMPARE_SHARED_NAMES: SHARED_STEP,
    Step.INSPECT_SHARED_PAGES: SHARED_STEP,
    Step.MARK_SHARED_PAGES_GONE: SHARED_STEP,
    Step.FIND_CREATORS: SHARED_STEP,
    Step.DELETE_EXPIRED: Call(ScanProgress.step_request, ExpiredResult, ScanProgress.with_deleted),
    Step.CLOSE_SCAN: Call(ScanProgress.closing, ClosingResult, ScanProgress.with_state),
}
