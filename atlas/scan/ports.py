"""Whom the use cases ask, by role; `atlas.wiring` says which product plays each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from atlas.domain.availability import AvailabilityItem
from atlas.domain.events import Event
from atlas.domain.learned import Unknown
from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.pages import Moved, NoPage, PageAnswers, PageReply, SignInAsked
from atlas.domain.payloads import ScanOrder
from atlas.domain.policy import EwsScope
from atlas.domain.shared_bookings import OwaPolicy
from atlas.microsoft365.exchange import MailboxesPage, PoliciesPage
from atlas.microsoft365.exchange_settings import Organization
from atlas.microsoft365.graph import Account, UsersPage
from atlas.tables.census import Census
from atlas.tables.changes import Changes
from atlas.tables.scan_log import ScanLog
from atlas.tables.status_rows import StatusRows
from atlas.tables.user_index import UserIndex


class Directory(Protocol):
    """Knows the users and their licences, and the GUID of a mailbox."""

    def get_licensed_page(self, link: str | None, page_size: int = ...) -> Awaitable[UsersPage]:
        """One page of the users with a Bookings plan."""

    def get_account(self, id_or_upn: str) -> Awaitable[Account | None]:
        """One user, licensed or not."""

    def get_accounts(self, user_ids: Sequence[str]) -> Awaitable[Mapping[str, Account | Unknown | None]]:
        """Many users by object id."""

    def get_mailbox(self, user_id: str) -> Awaitable[MailboxEvidence]:
        """The GUID of one mailbox."""

    def get_mailboxes(self, user_ids: Sequence[str]) -> Awaitable[Mapping[str, MailboxEvidence]]:
        """The GUIDs of many mailboxes."""

    def prove_shared_pages(self) -> Awaitable[None]:
        """That shared Bookings pages may be listed."""


class Mailboxes(Protocol):
    """Knows the mailboxes whole, and the organisation's settings."""

    def get_mailboxes_page(self, link: str | None) -> Awaitable[MailboxesPage]:
        """One page of all mailboxes."""

    def get_mailbox(self, user_id: str) -> Awaitable[Mailbox | NoMailbox]:
        """One mailbox."""

    def get_policies_page(self, link: str | None) -> Awaitable[PoliciesPage]:
        """One page of the EWS settings of all mailboxes."""

    def get_policy(self, user_id: str) -> Awaitable[EwsScope | None]:
        """The EWS settings of one mailbox."""

    def get_owner(self, mailbox_guid: UUID) -> Awaitable[str | None]:
        """The object id of the user whose mailbox this is."""

    def get_organization(self) -> Awaitable[Organization]:
        """The organisation's settings."""

    def get_allowed_app_ids(self) -> Awaitable[tuple[str, ...] | None]:
        """The apps that may use EWS."""

    def prove_mailboxes(self) -> Awaitable[None]:
        """That mailboxes and their EWS settings may be read."""

    def get_owa_policies(self) -> Awaitable[tuple[OwaPolicy, ...]]:
        """The OWA mailbox policies."""


class BookingsPages(Protocol):
    """Answers as a personal page answers its visitors."""

    def get_page(self, mailbox_guid: UUID) -> Awaitable[PageAnswers | SignInAsked | NoPage]:
        """What the page offers, or that there is none."""

    def get_raw(
        self, mailbox_guid: UUID
    ) -> Awaitable[tuple[PageReply, PageAnswers | SignInAsked | NoPage | Unknown | Moved]]:
        """One answer as it came, and what it is taken for."""

    def get_availability(
        self, mailbox_guid: UUID, meeting_type_id: str | None, start: datetime, end: datetime
    ) -> Awaitable[tuple[AvailabilityItem, ...]]:
        """When its owner is free."""


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """What the orchestration engine tells of one flow."""

    is_active: bool
    was_terminated: bool
    custom_status: Mapping[str, Any] | None


class Flows(Protocol):
    """Starts, follows and stops orchestrations."""

    def start_scan(self, order: ScanOrder) -> Awaitable[None]:
        """Start the flow of a scan under the scan's id."""

    def get(self, instance_id: str) -> Awaitable[FlowStatus | None]:
        """The flow of this id; ``None`` where the engine knows none."""

    def terminate(self, instance_id: str, reason: str) -> Awaitable[None]:
        """Stop a flow; one that has ended or is not known is left alone."""

    def forget_before(self, moment: datetime) -> Awaitable[None]:
        """Remove the histories of flows that ended and were created before ``moment``."""


@dataclass(frozen=True, slots=True)
class Services:
    """Whom to ask about a tenant."""

    directory: Directory
    mailboxes: Mailboxes | None
    """``None``: Exchange is never called."""
    pages: BookingsPages
    clock: Callable[[], datetime]
    tenant_id: str
    bookings_url: str
    probe_availability: bool


@dataclass(frozen=True, slots=True)
class Tools(Services):
    """Everything a use case may need, opened for one OS process: the services, and what is remembered."""

    rows: StatusRows
    index: UserIndex
    changes: Changes
    census: Census
    scans: ScanLog
    tell: Callable[[Event], None]
    """Tells whoever watches the app."""
    probe_concurrency: int
    history_days: int
