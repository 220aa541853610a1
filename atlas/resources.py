"""Whom the use cases ask, by role; `atlas.wiring` says which product plays each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from atlas.domain.availability import AvailabilityItem
from atlas.domain.events import Event
from atlas.domain.mailboxes import Mailbox, MailboxEvidence, NoMailbox
from atlas.domain.owa_policies import OwaPolicy
from atlas.domain.pages import NoPage, PageFound, PageResponse, Redirected, SignInRequired
from atlas.domain.policy import EwsScope
from atlas.domain.unknown import Unknown
from atlas.microsoft365.exchange import MailboxesPage, PoliciesPage
from atlas.microsoft365.exchange_settings import Organization
from atlas.microsoft365.graph import Account, LicensedUsersPage
from atlas.tables.census import Census
from atlas.tables.changes import Changes
from atlas.tables.scan_log import ScanLog
from atlas.tables.status_rows import StatusRows
from atlas.tables.user_index import UserIndex


class Directory(Protocol):
    """Knows the users and their licences, and the GUID of a mailbox."""

    def get_licensed_page(self, link: str | None, page_size: int = ...) -> Awaitable[LicensedUsersPage]:
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

    def get_page(self, mailbox_guid: UUID) -> Awaitable[PageFound | SignInRequired | NoPage]:
        """What the page offers, or that there is none."""

    def get_raw(
        self, mailbox_guid: UUID
    ) -> Awaitable[tuple[PageResponse, PageFound | SignInRequired | NoPage | Unknown | Redirected]]:
        """One answer as it came, and what it is taken for."""

    def get_availability(
        self, mailbox_guid: UUID, meeting_type_id: str | None, start: datetime, end: datetime
    ) -> Awaitable[tuple[AvailabilityItem, ...]]:
        """When its owner is free."""


@dataclass(frozen=True, slots=True)
class TenantClients:
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
class Resources(TenantClients):
    """Everything a use case may need, opened for one OS process: the services, and what is remembered."""

    rows: StatusRows
    index: UserIndex
    changes: Changes
    census: Census
    scans: ScanLog
    emit: Callable[[Event], None]
    """Tells whoever watches the app."""
    probe_concurrency: int
    history_days: int
