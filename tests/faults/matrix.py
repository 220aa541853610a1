"""Tries the faults on the whole product: what was tried, what survived, and how many attempts it took.

``make reliability`` writes the outcome into docs/reliability.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlas.microsoft365.graph_batch import BATCH_SIZE
from local.azurite import Azurite
from local.simulator import SimulatedTenant
from local.simulator.faults import Fault
from local.simulator.user_kinds import Mailbox, Page, UserKind
from local.simulator.user_mixes import Mix
from tests.e2e.deployment import Deployment, deployed, expected_statuses, tenant_of
from tests.faults.faults import DEFECTS, FULL, INTERRUPTIONS, REJECTED, STORAGE, TRANSIENT
from tests.faults.traffic import AlternatingFaults, StorageProxy, recorded, storage_proxy

FAST = 300.0
"""How much faster durable timers run, so that waits of minutes and hours take seconds."""
HOURS = 20_000.0
"""The same where a scan waits out its whole budget of hours."""
LANES = 2
"""How many pages a scan requests at a time while a fault lasts: each lane waits out the budget."""
PAGES = {"graph": {"max_page_size": 2}, "exchange": {"max_page_size": 2}}

type Settings = Callable[[SimulatedTenant], Mapping[str, str]]


@dataclass(frozen=True)
class Trial:
    """One scan that meets every transient fault in every one of these operations, between normal responses."""

    title: str
    operations: tuple[str, ...]
    timer_speed: float = HOURS
    settings: Settings = lambda _: {}
    """Settings besides those of the tenant."""
    users: int = 2 * len(TRANSIENT) + 16
    mix: Mix | str = "published"
    in_a_row: int = 1
    """How many faults come one after the other before a request succeeds."""
    rejecting: str = ""
    """An operation that rejects every second request's token, so that new ones are requested all the time."""

    def plan(self) -> dict[str, tuple[str, ...]]:
        """The faults by operation."""
        rejections = {self.rejecting: (REJECTED,) * 2 * len(TRANSIENT)} if self.rejecting else {}
        return dict.fromkeys(self.operations, tuple(TRANSIENT)) | rejections


TRIALS = (
    Trial("Bookings", ("bookings.services", "bookings.getStaffAvailability"), FAST),
    Trial("listings of Exchange", ("exchange.Get-Mailbox.next", "exchange.Get-CASMailbox.next")),
    Trial("listings of Graph", ("graph.users.next",), settings=lambda _: {"EXCHANGE_EVIDENCE": "false"}),
    Trial(
        "batches of Graph",
        ("graph.batch",),
        settings=lambda _: {"EXCHANGE_EVIDENCE": "false"},
        users=BATCH_SIZE * len(TRANSIENT),
        in_a_row=2,
        mix={UserKind(mailbox=Mailbox.NONE): 0.9, UserKind(Page.PUBLIC_ONE): 0.1},  # one or two mailboxes in a batch
    ),
    Trial("sign-in", ("entra.token",), settings=SimulatedTenant.settings_for_secret, rejecting="graph.users.next"),
)
"""What meets the transient faults. Without Exchange, the mailboxes are requested in batches."""


@dataclass(frozen=True)
class Lasting:
    """A fault that lasts longer than a scan waits, and how the scan ends."""

    state: str
    reason: str = ""
    """Why users are unknown, if their pages were requested."""
    faults: tuple[Fault, ...] = ()
    settings: Settings | None = None
    """Settings that lead elsewhere; the host starts again with them."""
    leaves_out_a_user: bool = False
    """Whether Graph's listing of users lacks one."""


def _elsewhere(*names: str, url: Callable[[SimulatedTenant, str], str]) -> Settings:
    return lambda tenant: {name: url(tenant, name) for name in names}


def _no_such_host(tenant: SimulatedTenant, name: str) -> str:
    return "https://no-such-host.invalid"


def _not_tls(tenant: SimulatedTenant, name: str) -> str:
    return tenant.settings()[name].replace("http://", "https://")


def _closed_port(tenant: SimulatedTenant, name: str) -> str:
    return "http://127.0.0.1:1"


EXCHANGE_AND_BOOKINGS = ("EXCHANGE_URL", "BOOKINGS_URL")
LASTING: Mapping[str, Lasting] = {
    "graph, 503 for hours": Lasting("failed", faults=(Fault("graph", 503, None),)),
    "graph, 403": Lasting("failed", faults=(Fault("graph.users", 403, None),)),
    "graph, a page of users that never comes": Lasting("failed", faults=(Fault("graph.users.next", 503, None),)),
    "graph, a page of users that is never JSON": Lasting(
        "failed", faults=(Fault("graph.users.next", 200, None, body="{"),)
    ),
    "graph, a user left out of the listing": Lasting("incomplete", leaves_out_a_user=True),
    "exchange, 503 for hours": Lasting("completed", faults=(Fault("exchange", 503, None),)),
    "exchange, 503 with Retry-After: 600 for hours": Lasting(
        "completed", faults=(Fault("exchange", 503, None, retry_after="600"),)
    ),
    "exchange, 403": Lasting("completed", faults=(Fault("exchange", 403, None),)),
    "exchange, a page of mailboxes that never comes": Lasting(
        "completed", faults=(Fault("exchange.Get-Mailbox.next", 503, None),)
    ),
    "exchange, a page of policies that is cut off": Lasting(
        "completed", faults=(Fault("exchange.Get-CASMailbox.next", 0, None),)
    ),
    "bookings, 503 for hours": Lasting("incomplete", "unreachable", (Fault("bookings", 503, None),)),
    "bookings, 503 with Retry-After: 600 for hours": Lasting(
        "incomplete", "unreachable", (Fault("bookings", 503, None, retry_after="600"),)
    ),
    "bookings, reset for hours": Lasting("incomplete", "unreachable", (Fault("bookings", 0, None),)),
    "sign-in, 503 with Retry-After: 600 for hours": Lasting(
        "failed",
        faults=(Fault("entra.token", 503, None, retry_after="600"),),
        settings=SimulatedTenant.settings_for_secret,
    ),
    "graph, DNS failure": Lasting("failed", settings=_elsewhere("GRAPH_URL", url=_no_such_host)),
    "graph, TLS failure": Lasting("failed", settings=_elsewhere("GRAPH_URL", url=_not_tls)),
    "graph, connection refused": Lasting("failed", settings=_elsewhere("GRAPH_URL", url=_closed_port)),
    "exchange and bookings, DNS failure": Lasting(
        "incomplete", "unreachable", settings=_elsewhere(*EXCHANGE_AND_BOOKINGS, url=_no_such_host)
    ),
    "exchange and bookings, TLS failure": Lasting(
        "incomplete", "unreachable", settings=_elsewhere(*EXCHANGE_AND_BOOKINGS, url=_not_tls)
    ),
    "exchange and bookings, connection refused": Lasting(
        "incomplete", "unreachable", settings=_elsewhere(*EXCHANGE_AND_BOOKINGS, url=_closed_port)
    ),
}
"""Faults that last longer than a scan waits. A page that is missing from a listing for ever is one of them."""
READ_ONLY = "tables that refuse every write, in the middle of a scan"


@dataclass(frozen=True)
class Outcome:
    """What a scan under faults came to."""

    tried: tuple[tuple[str, str], ...]
    """Operation and fault, each applied at least once."""
    state: str
    wrong: tuple[str, ...]
    """Users whose row is wrong, or lost something that was known before."""
    early: tuple[str, ...] | None
    """Retries that came before `Retry-After` had passed; `None` if the trial does not measure it."""
    attempts: int
    """How often one request was sent at most."""
    changes: int
    unknown: int = 0
    """Users who are `unknown` until the next scan, with a reason and everything that was known."""
    reasons: frozenset[str] = frozenset()
    """Why they are."""
    tokens: int = 0
    """How many tokens were requested."""


async def try_transient(folder: Path, azurite: Azurite, trial: Trial) -> Outcome:
    """One scan in which every operation meets every transient fault, between normal responses."""
    async with tenant_of(folder, users=trial.users, mix=trial.mix) as tenant:
        speed = ("--timer-speed", str(trial.timer_speed))
        async with deployed(tenant, azurite, *speed, **trial.settings(tenant)) as product:
            await product.scan()
            if any(operation.endswith(".next") for operation in trial.plan()):
                tenant.behave(**PAGES)
            faults = tenant.state.faults = AlternatingFaults(trial.plan(), trial.in_a_row)
            with recorded(tenant) as traffic:
                scan = await product.scan()
            early = traffic.early_retries(trial.timer_speed)
            tried = [one for one in faults.applied if one[1] in TRANSIENT]
            return await _outcome(product, scan, tried, early, traffic.most_attempts())


async def try_interruptions(folder: Path, azurite: Azurite) -> Outcome:
    """One scan whose listings are interrupted, repeat a user and leave out a mailbox, while tokens expire."""
    async with (
        tenant_of(folder, users=40, mix="published") as tenant,
        deployed(tenant, azurite, "--timer-speed", str(HOURS)) as product,
    ):
        await product.scan()
        tenant.behave(graph={**PAGES["graph"], "duplicate_across_pages": True}, exchange=PAGES["exchange"])
        with recorded(tenant) as traffic, _left_out(tenant, "in_exchange"):
            for fault in INTERRUPTIONS.values():
                tenant.add_fault(replace(fault))
            scan = await product.scan()
        tried = [("listings", name) for name in INTERRUPTIONS if not tenant.state.faults.waiting()]
        tried += [("listings", name) for name in DEFECTS]
        outcome = await _outcome(product, scan, tried, None, traffic.most_attempts())
        return replace(outcome, tokens=traffic.sent("managed_identity.token"))


async def try_storage(folder: Path, azurite: Azurite) -> Outcome:
    """One scan in which every fifth request to storage fails, until each fault has been met four times."""
    async with tenant_of(folder, users=200) as tenant, storage_proxy(azurite.port) as proxy:
        fast = ("--timer-speed", str(FAST))
        async with deployed(tenant, azurite, *fast, AzureWebJobsStorage=_through(proxy, azurite)) as product:
            await product.scan()
            proxy.faults = [fault for fault in STORAGE.values() for _ in range(4)]
            scan = await product.scan()
            applied = [("tables", name) for name, fault in STORAGE.items() if proxy.applied[fault]]
            proxy.faults = []
            return await _outcome(product, scan, applied, None, 0)


async def try_read_only_storage(folder: Path, azurite: Azurite) -> Outcome:
    """Storage that refuses writes from the middle of a scan on; after the next scan, everything is right again."""
    async with tenant_of(folder, users=24) as tenant, storage_proxy(azurite.port) as proxy:
        hours = ("--timer-speed", str(HOURS))
        async with deployed(tenant, azurite, *hours, AzureWebJobsStorage=_through(proxy, azurite)) as product:
            await product.scan()
            before = await product.rows()
            tenant.behave(bookings={"latency_ms": 30})
            scan_id = (await product.http.post("/api/scans")).json()["id"]
            await product.wait_until_probed(scan_id, 5)
            proxy.refuses_writes = FULL
            await product.orchestration_ended(scan_id)
            refused = (await product.http.post("/api/scans")).status_code
            proxy.refuses_writes = None
            tenant.behave(bookings={"latency_ms": 0})
            lost = _lost(before, await product.rows())
            failed = await product.get_scan(scan_id)
            outcome = await _outcome(product, await product.scan(), [("tables", READ_ONLY)], None, 0)
            states = f"{failed['state']}, the next one {outcome.state}" if refused == 503 else f"{refused}"
            return replace(outcome, state=states, wrong=(*outcome.wrong, *lost))


async def try_lasting(folder: Path, azurite: Azurite, names: Sequence[str]) -> Mapping[str, Outcome]:
    """Scans that a fault outlasts, one fault after the other, after one without faults: nothing known may be lost."""
    outcomes: dict[str, Outcome] = {}
    speed, lanes = ("--timer-speed", str(HOURS)), {"PROBE_CONCURRENCY": str(LANES)}
    async with tenant_of(folder, users=12) as tenant:
        tenant.behave(**PAGES)
        async with deployed(tenant, azurite, *speed, **lanes) as product:
            await product.scan()
            before = await product.rows()
            for name in names:
                if LASTING[name].settings is None:
                    outcomes[name] = await _try(product, before, name, LASTING[name])
        for name in names:
            if settings := LASTING[name].settings:
                async with deployed(tenant, azurite, *speed, **lanes, **settings(tenant)) as product:
                    outcomes[name] = await _try(product, before, name, LASTING[name])
    return outcomes


async def _try(product: Deployment, before: Mapping[str, Any], name: str, lasting: Lasting) -> Outcome:
    tenant = product.tenant
    for fault in lasting.faults:
        tenant.add_fault(replace(fault))
    with recorded(tenant) as traffic, _left_out(tenant, "in_filter" if lasting.leaves_out_a_user else ""):
        scan = await product.scan()
    tenant.clear_faults()
    after = await product.rows()
    probed = [row for row in after.values() if row["ScanId"] == scan["id"]]
    unknown = [row["Reason"].partition(":")[0] for row in probed if row["Status"] == "unknown"]
    return Outcome(
        tried=((name, name),),
        state=scan["state"],
        wrong=tuple(_lost(before, after)),
        early=None,
        attempts=traffic.most_attempts(),
        changes=len(await product.rows("BookingsChanges")),
        unknown=len(unknown),
        reasons=frozenset(unknown),
    )


@contextmanager
def _left_out(tenant: SimulatedTenant, listing: str) -> Iterator[None]:
    """Leave the user in the middle of a listing out of it, each time it is read."""
    if not listing:
        yield
        return
    simulated: Any = tenant.state.tenant
    original = getattr(simulated, listing)
    users = [user.object_id for _, user in original(0) if user.is_licensed and user.has_mailbox]
    missing = users[len(users) // 2]
    setattr(simulated, listing, lambda start: (one for one in original(start) if one[1].object_id != missing))
    try:
        yield
    finally:
        setattr(simulated, listing, original)


async def _outcome(
    product: Deployment,
    scan: Mapping[str, Any],
    tried: Sequence[tuple[str, str]],
    early: Sequence[str] | None,
    attempts: int,
) -> Outcome:
    rows, expected = await product.rows(), expected_statuses(product.expected())
    unknown = {user_id for user_id, row in rows.items() if row["Status"] == "unknown" and _has_reason(row)}
    known = {
        user_id: _known(row)[0] for user_id, row in rows.items() if user_id in unknown or row["Status"] != "unknown"
    }
    wrong = [f"{user_id}: {known.get(user_id)}" for user_id in expected if known.get(user_id) != expected[user_id]]
    changes = len(await product.rows("BookingsChanges"))
    return Outcome(
        tuple(tried),
        scan["state"],
        tuple(wrong),
        None if early is None else tuple(early),
        attempts,
        changes,
        len(unknown),
    )


def _lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [user_id for user_id in before if _known(after.get(user_id, {})) != _known(before[user_id])]


def _through(proxy: StorageProxy, azurite: Azurite) -> str:
    return azurite.connection_string.replace(f":{azurite.port}/", f":{proxy.port}/")


def _has_reason(row: Mapping[str, Any]) -> bool:
    return row["Reason"].partition(":")[0] in {"throttled", "unreachable", "refused", "notUnderstood"}


def _known(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is known of a user: what the row says, or what it keeps from before an `unknown`."""
    status = row.get("LastKnownStatus") if row.get("Status") == "unknown" else row.get("Status")
    return status, row.get("Url"), row.get("MeetingTypes")
