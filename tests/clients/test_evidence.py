"""Evidence about one user: what fails is unknown, what is checked is bounded, and its time is that of its start."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from atlas.domain.availability import AvailabilityItem
from atlas.domain.ews_settings import Access, EwsScope
from atlas.domain.mailboxes import Mailbox, NoMailbox
from atlas.domain.organization import OrganizationSettings
from atlas.domain.pages import NoPage, PageFound, PublicType
from atlas.domain.policy import Verdict
from atlas.domain.statuses import decide
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser
from atlas.microsoft365.deadlines import deadline_after
from atlas.microsoft365.exchange_settings import Organization
from atlas.microsoft365.failures import Throttled, Unreachable
from atlas.pages.availability import LEAD_IN
from atlas.pages.evidence import BOOKABLE_WITHIN, MAX_MEETING_TYPES, Gathering, observe, observe_live

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
GUID = UUID("2be92a50-0c6b-4d1e-8a61-3f1f5a0c7e11")
ADELE = LicensedUser("6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0", "AdeleV@contoso.com")
MAILBOX = Mailbox(GUID, "Adele@contoso.com", has_capability=True, ews=EwsScope(Access.ALLOW))
ALLOWS = OrganizationSettings(EwsScope(Access.ALLOW), sign_in_forced=False)
FREE = "BOOKINGSAVAILABILITYSTATUS_AVAILABLE"


class Service:
    """Answers each request with the next of its results; a failure is raised, and the last result is repeated."""

    def __init__(self, *results):
        self.results = list(results)
        self.requests = []

    async def __call__(self, *args):
        self.requests.append(args)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        if callable(result):
            return await result()
        return result


class Tenant:
    """Clients whose results a test scripts, and a clock that a test moves."""

    def __init__(self, page=None, availability=(), *, exchange=True, graph_mailbox=MAILBOX):
        self.now = NOW
        self.pages = SimpleNamespace(get_page=Service(page), get_availability=Service(*availability or [()]))
        self.directory = SimpleNamespace(get_mailbox=Service(graph_mailbox))
        self.mailboxes = (
            SimpleNamespace(
                get_mailbox=Service(MAILBOX),
                get_policy=Service(EwsScope(Access.ALLOW)),
                get_organization=Service(Organization(EwsScope(Access.ALLOW), bookings_auth_enabled=False)),
            )
            if exchange
            else None
        )
        self.probe_availability = True
        self.bookings_url = "https://outlook.office.com"

    def clock(self):
        return self.now

    async def observe(self, mailbox=MAILBOX, organization=ALLOWS, **gathering):
        return (await observe(self, ADELE, mailbox, organization, Gathering(**gathering))).evidence


def types(count):
    return PageFound(tuple(PublicType(f"t{n}", f"type {n}", 30, None) for n in range(count)))


def free_item(start=NOW, hours=1):
    return (AvailabilityItem(FREE, start, start + timedelta(hours=hours)),)


async def test_a_failed_type_does_not_hide_a_bookable_one():
    tenant = Tenant(types(3), [Unreachable("503"), (), free_item()])

    assert (await tenant.observe()).bookable is True


async def test_a_failed_type_leaves_bookable_not_known():
    tenant = Tenant(types(2), [Unreachable("503"), ()])

    evidence = await tenant.observe()

    assert evidence.bookable is None
    assert decide(evidence).status == "published"


@pytest.mark.parametrize(("count", "bookable"), [(1, False), (5, False), (6, None), (2000, None)])
async def test_at_most_five_types_are_checked(count, bookable):
    tenant = Tenant(types(count))

    evidence = await tenant.observe()

    assert evidence.bookable is bookable
    assert len(tenant.pages.get_availability.requests) == min(count, MAX_MEETING_TYPES)


async def test_availability_is_requested_with_the_lead_in_of_lookups():
    """The first period may be reported as free although it starts inside a busy one."""
    before = free_item(NOW - timedelta(hours=2), hours=2)
    tenant = Tenant(types(1), [before])

    assert (await tenant.observe()).bookable is False
    assert tenant.pages.get_availability.requests == [(GUID, "t0", NOW - LEAD_IN, NOW + BOOKABLE_WITHIN)]


async def test_a_deadline_covers_the_complete_probe():
    async def never():
        await asyncio.Event().wait()

    tenant = Tenant(types(5), [never])

    evidence = await asyncio.wait_for(tenant.observe(deadline=deadline_after(0.05)), 2)

    assert evidence.page == types(5)
    assert evidence.bookable is None


@pytest.mark.parametrize("service", ["get_page", "get_availability"])
async def test_throttling_ends_the_attempt_only_if_it_is_not_the_last(service):
    tenant = Tenant(types(1))
    setattr(tenant.pages, service, Service(Throttled("429", 7)))

    with pytest.raises(Throttled):
        await tenant.observe(raises=(Throttled,))
    evidence = await tenant.observe()

    assert evidence.bookable is None
    assert isinstance(evidence.page, Unknown) == (service == "get_page")


NOT_LISTED = Unknown(Reason.NOT_UNDERSTOOD, "not listed")


async def test_a_mailbox_that_was_not_listed_is_requested_from_exchange():
    tenant = Tenant(types(1))

    evidence = await tenant.observe(NOT_LISTED)

    assert evidence.mailbox == MAILBOX
    assert tenant.directory.get_mailbox.requests == []


async def test_exchange_confirms_that_there_is_no_mailbox():
    tenant = Tenant(types(1))
    tenant.mailboxes.get_mailbox = Service(NoMailbox())

    assert decide(await tenant.observe(NOT_LISTED)).status == "noMailbox"


async def test_graph_provides_the_mailbox_if_exchange_cannot():
    tenant = Tenant(types(1), graph_mailbox=Mailbox(GUID))
    tenant.mailboxes.get_mailbox = Service(Unreachable("503"))

    evidence = await tenant.observe(NOT_LISTED)

    assert evidence.mailbox == Mailbox(GUID)
    assert evidence.exchange_incomplete


async def test_exchange_is_not_called_again_in_a_scan_that_could_not_read_it():
    tenant = Tenant(NoPage(404), graph_mailbox=Mailbox(GUID))

    await tenant.observe(NOT_LISTED, OrganizationSettings(exchange_incomplete=True))

    assert tenant.mailboxes.get_mailbox.requests == []


async def test_an_observation_is_dated_to_before_its_first_request():
    tenant = Tenant(types(1))

    async def slowly():
        tenant.now += timedelta(minutes=1)
        return types(1)

    tenant.pages.get_page = Service(slowly)
    tenant.mailboxes.get_organization = Service(slowly)

    live = await observe_live(tenant, ADELE, None)
    assert live.at == NOW
    before = tenant.now
    assert (await observe(tenant, ADELE, MAILBOX, ALLOWS, Gathering())).at == before


async def test_scan_and_lookup_gather_the_same_evidence():
    tenant = Tenant(types(1), [free_item()])

    live = (await observe_live(tenant, ADELE, None)).evidence

    assert live == await tenant.observe()
    assert live.policy.verdict is Verdict.ON


@pytest.mark.parametrize("failing", ["get_mailbox", "get_policy", "get_organization"])
async def test_a_failed_request_to_exchange_is_not_a_no(failing):
    tenant = Tenant(NoPage(404), graph_mailbox=Mailbox(GUID))
    setattr(tenant.mailboxes, failing, Service(Unreachable("503")))

    evidence = (await observe_live(tenant, ADELE, None)).evidence

    assert evidence.policy.verdict is Verdict.UNKNOWN
    assert "it is not known whether a policy forbids one" in decide(evidence).reason
    assert evidence.exchange_incomplete


async def test_without_exchange_nothing_is_incomplete():
    tenant = Tenant(NoPage(404), exchange=False, graph_mailbox=Mailbox(GUID))

    evidence = (await observe_live(tenant, ADELE, None)).evidence

    assert not evidence.exchange_incomplete
    assert evidence.mailbox == Mailbox(GUID)
