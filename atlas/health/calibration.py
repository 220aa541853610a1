"""What the Bookings service really answers for a page, for none, and for a mailbox that nobody has.

Microsoft documents none of it (docs/microsoft-365.md, section 5.6), so an administrator compares once and sets
NOT_SET_UP_MARKERS.
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

WORD = re.compile(rb"[A-Z][A-Za-z]{5,39}")
"""What a name of an error looks like."""
MAX_WORDS = 12


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, and what it is taken for; ``problem`` says why there is none."""

    of: str
    response: PageResponse | None = None
    meaning: PageEvidence | Redirected | None = None
    problem: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether it is taken for a page."""
        return isinstance(self.meaning, PageFound | SignInRequired)

    @property
    def is_none(self) -> bool:
        """Whether it is taken for no page."""
        return isinstance(self.meaning, NoPage)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The three answers side by side."""

    known_page: Sample
    known_without: Sample
    nobody: Sample

    @property
    def is_right(self) -> bool:
        """Whether a page is taken for one, and no page for none."""
        return self.known_page.is_there and self.known_without.is_none

    @property
    def candidates(self) -> tuple[str, ...]:
        """Words that may serve as marker: they stand in the answer for no page, and not in that of a page."""
        there, without = self.known_page.response, self.known_without.response
        if there is None or without is None or self.known_without.is_none or without.status != 500:
            return ()
        words = dict.fromkeys(word.decode() for word in WORD.findall(without.body))
        return tuple(word for word in words if word.encode().lower() not in there.body.lower())[:MAX_WORDS]


async def calibrate(
    clients: TenantClients, with_page: UserReference, without: UserReference, nobody: UUID
) -> Calibration:
    """Ask once for each; a question that fails is a sample with its problem."""
    return Calibration(
        await _sample_of(clients, "a user with a page", with_page),
        await _sample_of(clients, "a user without one", without),
        await _asked(clients, "a mailbox that nobody has", nobody),
    )


async def _sample_of(clients: TenantClients, of: str, subject: UserReference) -> Sample:
    try:
        account = await find_account(clients, subject)
        if account is None:
            return Sample(of, problem="Microsoft Entra has no such user")
        mailbox = await clients.directory.get_mailbox(account.user.user_id)
    except InvalidUserReference as wrong:
        return Sample(of, problem=str(wrong))
    except TenantFailure as failure:
        return Sample(of, problem=str(failure.unknown()))
    if not isinstance(mailbox, Mailbox):
        return Sample(of, problem="the user has no mailbox in Exchange Online")
    return await _asked(clients, of, mailbox.guid)


async def _asked(clients: TenantClients, of: str, mailbox_guid: UUID) -> Sample:
    try:
        response, meaning = await clients.pages.get_raw(mailbox_guid)
    except TenantFailure as failure:
        return Sample(of, problem=str(failure.unknown()))
    return Sample(of, response, meaning)
