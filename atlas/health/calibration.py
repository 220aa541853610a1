"""Compares what Bookings returns for a user with a page, for a user without one, and for a mailbox that does not exist.

Microsoft does not document these responses (docs/microsoft-365.md, section 5.6), so an administrator compares them
once and sets NOT_SET_UP_MARKERS.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from atlas.domain.mailboxes import Mailbox
from atlas.domain.pages import NoPage, PageEvidence, PageFound, PageResponse, Redirected, SignInRequired
from atlas.domain.user_references import InvalidUserReference, UserReference
from atlas.microsoft365.failures import TenantFailure
from atlas.pages.observation import find_account
from atlas.resources import TenantClients

ERROR_NAME = re.compile(rb"[A-Z][A-Za-z]{5,39}")
"""Matches words that look like the name of an error."""
MAX_CANDIDATES = 12


@dataclass(frozen=True, slots=True)
class Sample:
    """One response and how it is classified; ``problem`` says why there is no response."""

    subject: str
    response: PageResponse | None = None
    meaning: PageEvidence | Redirected | None = None
    problem: str | None = None

    @property
    def is_page(self) -> bool:
        """Whether the response is classified as a page."""
        return isinstance(self.meaning, PageFound | SignInRequired)

    @property
    def is_no_page(self) -> bool:
        """Whether the response is classified as no page."""
        return isinstance(self.meaning, NoPage)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The three responses side by side."""

    with_page: Sample
    without_page: Sample
    nonexistent: Sample

    @property
    def succeeded(self) -> bool:
        """Whether a page is classified as a page, and no page as no page."""
        return self.with_page.is_page and self.without_page.is_no_page

    @property
    def candidates(self) -> tuple[str, ...]:
        """Words that may serve as a marker: they occur in the response for no page and not in the one for a page."""
        page, no_page = self.with_page.response, self.without_page.response
        if page is None or no_page is None or self.without_page.is_no_page or no_page.status != 500:
            return ()
        words = dict.fromkeys(word.decode() for word in ERROR_NAME.findall(no_page.body))
        return tuple(word for word in words if word.encode().lower() not in page.body.lower())[:MAX_CANDIDATES]


async def calibrate(
    clients: TenantClients, with_page: UserReference, without_page: UserReference, nonexistent_mailbox: UUID
) -> Calibration:
    """Send one request for each; a failure becomes a sample with its problem."""
    return Calibration(
        await _get_user_sample(clients, "a user with a page", with_page),
        await _get_user_sample(clients, "a user without a page", without_page),
        await _get_sample(clients, "a mailbox that does not exist", nonexistent_mailbox),
    )


async def _get_user_sample(clients: TenantClients, subject: str, user: UserReference) -> Sample:
    try:
        account = await find_account(clients, user)
        if account is None:
            return Sample(subject, problem="Microsoft Entra has no such user")
        mailbox = await clients.directory.get_mailbox(account.user.user_id)
    except InvalidUserReference as invalid:
        return Sample(subject, problem=str(invalid))
    except TenantFailure as failure:
        return Sample(subject, problem=str(failure.unknown()))
    if not isinstance(mailbox, Mailbox):
        return Sample(subject, problem="the user has no mailbox in Exchange Online")
    return await _get_sample(clients, subject, mailbox.guid)


async def _get_sample(clients: TenantClients, subject: str, mailbox_guid: UUID) -> Sample:
    try:
        response, meaning = await clients.pages.get_raw(mailbox_guid)
    except TenantFailure as failure:
        return Sample(subject, problem=str(failure.unknown()))
    return Sample(subject, response, meaning)
