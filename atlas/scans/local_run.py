"""Runs a scan in this process, without Durable Functions: the same steps, lanes, waits and limits.

How far it has come is stored after every step, so that a scan that was interrupted continues where it stopped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from atlas.domain.scans import TENANT_ON_REQUEST, USERS_ON_REQUEST, Scan, ScanState, new_scan_id
from atlas.resources import Resources
from atlas.scans import census, closing, gone, retention, shared_steps
from atlas.scans.lanes import Lane, LaneResult
from atlas.scans.messages import (
    Counts,
    JoinResult,
    ListingRequest,
    ListingResult,
    OrganizationResult,
    ProbeRequest,
    ProbeResult,
    ScanRequest,
    SharedRequest,
    SharedResult,
    StepRequest,
    StepResult,
)
from atlas.scans.plan import PLAN
from atlas.scans.probing import probe_one
from atlas.scans.progress import ScanProgress, Step
from atlas.scans.selection import Selection, list_selected_users
from atlas.scans.steps import run_step
from atlas.tables.checkpoints import Checkpoints

log = logging.getLogger(__name__)

RESUMABLE_FOR = timedelta(hours=24)
"""A scan that started longer ago is not resumed: its first rows would be too old for its result."""
BOOKINGS_UNRESPONSIVE = "Bookings does not respond"
BOOKINGS_THROTTLES = "Bookings asks for a pause"
FEW_LEFT = "Bookings failed for the last users"

type UseCase = Callable[[Resources, Any], Awaitable[StepResult]]


async def find_creators_without_waiting(resources: Resources, request: SharedRequest) -> SharedResult:
    """Take one step of the search for creators. Microsoft may need an hour for it; the next scan continues it."""
    return replace(await shared_steps.find_creators(resources, request), has_next=False)


USE_CASES: Mapping[Step, UseCase] = {
    Step.BEGIN_CREATOR_SEARCH: shared_steps.begin_creator_search,
    Step.READ_ORGANIZATION: census.read_organization,
    Step.LIST_MAILBOXES: census.list_mailboxes,
    Step.LIST_MAILBOX_POLICIES: census.list_mailbox_policies,
    Step.LIST_USERS: census.list_users,
    Step.JOIN_MAILBOXES: census.join_mailboxes,
    # Step.PROBE_USERS: LocalRun
    Step.MARK_GONE: gone.mark_gone,
    Step.LIST_BUSINESSES: shared_steps.list_businesses,
    Step.LIST_SHARED_MAILBOXES: shared_steps.list_shared_mailboxes,
    Step.COMPARE_SHARED_NAMES: shared_steps.compare_shared_names,
    Step.INSPECT_SHARED_PAGES: shared_steps.inspect_shared_pages,
    Step.MARK_SHARED_PAGES_GONE: shared_steps.mark_shared_pages_gone,
    Step.FIND_CREATORS: find_creators_without_waiting,
    Step.DELETE_EXPIRED: retention.delete_expired,
    Step.CLOSE_SCAN: closing.close_scan,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a scan is waiting, and until when."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far a scan has come, for a screen."""

    step: Step
    listed: int
    total: int | None
    counts: Counts
    waiting: Waiting | None


@dataclass(frozen=True, slots=True)
class LocalScans:
    """The scans of one tenant on this machine. Only the process that holds the lock of the local file can run one."""

    resources: Resources
    checkpoints: Checkpoints
    selection: Selection | None = None
    """``None``: every licensed user."""

    async def find_interrupted(self) -> ScanProgress | None:
        """The scan of the same users that was interrupted less than ``RESUMABLE_FOR`` ago, if there is one."""
        lock = await self.resources.scans.get_lock()
        if lock is None or self.resources.clock() - lock.since > RESUMABLE_FOR:
            return None
        stored = await self.checkpoints.get(lock.scan_id, self._selection_digest)
        if stored is None:
            return None
        try:
            progress = ScanProgress.from_dict(stored)
        except ValidationError:
            log.warning("%s was interrupted in another version and is not resumed", lock.scan_id)
            return None
        return replace(progress, concurrency=self.resources.probe_concurrency, wait_seconds=0)

    async def start(self, suffix: str) -> ScanProgress:
        """A new scan; one that was interrupted is cancelled. ``suffix`` is 8 hex digits that make its ID unique."""
        resources = self.resources
        now = resources.clock()
        if (lock := await resources.scans.get_lock()) is not None:
            await resources.scans.update(
                lock.scan_id, lambda scan: replace(scan, state=ScanState.CANCELLED, finished_at=now)
            )
            await self.checkpoints.delete(lock.scan_id)
            await resources.scans.release_lock(lock.scan_id)
        trigger = USERS_ON_REQUEST if self.selection else TENANT_ON_REQUEST
        scan = Scan(new_scan_id(now, suffix), ScanState.PENDING, trigger, now)
        scanned_before = await resources.scans.last_finished() is not None
        await resources.scans.acquire_lock(scan, None)
        await resources.scans.insert(scan)
        request = ScanRequest(
            scan_id=scan.scan_id, concurrency=resources.probe_concurrency, scanned_before=scanned_before
        )
        progress = ScanProgress.from_dict(request.to_dict())
        await self.save(progress)
        return progress

    async def run(
        self,
        progress: ScanProgress,
        watch: Callable[[RunStatus], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Scan:
        """Run a scan to its end. Cancelling this leaves a scan that ``find_interrupted`` finds.

        Raises ``ScanNotClosed`` if its result could not be written.
        """
        run = LocalRun(self, progress, watch, sleep)
        while run.progress.step is not Step.END:
            await run.next_step()
            await self.save(run.progress)
        await self.checkpoints.delete(progress.scan_id)
        scan = await self.resources.scans.get(progress.scan_id)
        if scan is None:
            raise LookupError(f"no scan {progress.scan_id}")
        return scan

    async def save(self, progress: ScanProgress) -> None:
        """Store how far a scan has come."""
        await self.checkpoints.save(progress.scan_id, progress.to_dict(), self._selection_digest)

    def use_case(self, step: Step) -> UseCase:
        """What a step runs."""
        if self.selection and step is Step.READ_ORGANIZATION:
            return self._read_organization
        return self._list_selected_users if self.selection and step is Step.LIST_USERS else USE_CASES[step]

    async def _read_organization(self, resources: Resources, request: StepRequest) -> OrganizationResult:
        result = await census.read_organization(resources, request)
        lists_mailboxes = self.selection is not None and self.selection.needs_listed_mailboxes
        return replace(result, exchange_enabled=result.exchange_enabled and lists_mailboxes)

    async def _list_selected_users(self, resources: Resources, request: ListingRequest) -> ListingResult:
        return await list_selected_users(resources, request, self.selection or Selection(()))

    @property
    def _selection_digest(self) -> str:
        return self.selection.digest if self.selection else ""


@dataclass(slots=True)
class LocalRun:
    """One scan while it runs."""

    scans: LocalScans
    progress: ScanProgress
    watch: Callable[[RunStatus], None]
    sleep: Callable[[float], Awaitable[None]]
    _lanes: dict[int, Lane] = field(default_factory=dict)
    _waiting: dict[int, Waiting] = field(default_factory=dict)
    _problem: str = ""

    async def next_step(self) -> None:
        """Wait if the step has to wait, and run it."""
        progress = self.progress
        if progress.wait_seconds:
            until = self.scans.resources.clock() + timedelta(seconds=progress.wait_seconds)
            self._show(Waiting(self._problem or "a service does not respond", until))
            await self.sleep(progress.wait_seconds)
        self._show(None)
        if progress.step is Step.PROBE_USERS:
            self.progress = await self._probe_users()
        else:
            self.progress = PLAN[progress.step].after(progress, await self._call(progress.step))

    async def _call(self, step: Step) -> StepResult:
        call = PLAN[step]
        result = await run_step(
            self.scans.resources,
            call.request(self.progress),
            self.scans.use_case(step),
            call.result,
            needs_lock=step is not Step.CLOSE_SCAN,
        )
        self._problem = result.failure.problem if result.failure else ""
        return result

    async def _probe_users(self) -> ScanProgress:
        """Probe the page of users in lanes, while the next page is joined with its mailboxes."""
        self._lanes = dict(enumerate(self.progress.lanes()))
        self._waiting = {}
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._run_lane(number)) for number in self._lanes]
            join = group.create_task(self._call(Step.JOIN_MAILBOXES)) if self.progress.personal.has_next else None
        self._lanes, results = {}, [lane.result() for lane in lanes]
        next_page = join.result() if join else None
        return self.progress.with_probes(results, next_page if isinstance(next_page, JoinResult) else None)

    async def _run_lane(self, number: int) -> LaneResult:
        resources = self.scans.resources
        while (lane := self._lanes[number]).is_open:
            if lane.wait_seconds:
                until = resources.clock() + timedelta(seconds=lane.wait_seconds)
                self._waiting[number] = Waiting(_why_waiting(lane), until)
                self._show_lanes()
                await self.sleep(lane.wait_seconds)
                del self._waiting[number]
            self._lanes[number] = lane.with_result(await self._probe(lane.next_request()))
            self._show_lanes()
        return self._lanes[number].result()

    async def _probe(self, request: ProbeRequest) -> ProbeResult:
        """As the activity ``probe_user``: a bug is logged, and the lane probes the user again."""
        try:
            return await probe_one(self.scans.resources, request)
        except Exception:
            log.exception("probe of user %d on page %d of %s failed", request.index, request.page, request.scan_id)
            return ProbeResult()

    def _show_lanes(self) -> None:
        """A scan waits when all of its lanes do, until the first of them goes on."""
        is_waiting = self._waiting and all(
            number in self._waiting for number, lane in self._lanes.items() if lane.is_open
        )
        self._show(min(self._waiting.values(), key=lambda one: one.until) if is_waiting else None)

    def _show(self, waiting: Waiting | None) -> None:
        personal = self.progress.personal
        counts = sum((lane.counts for lane in self._lanes.values()), personal.counts)
        self.watch(RunStatus(self.progress.step, personal.listed, personal.total, counts, waiting))


def _why_waiting(lane: Lane) -> str:
    if lane.breaker.is_open:
        return BOOKINGS_UNRESPONSIVE
    return BOOKINGS_THROTTLES if lane.breaker.pause_seconds else FEW_LEFT
