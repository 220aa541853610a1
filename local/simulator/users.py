"""The facts of one user as a pure function of seed and index: no user is stored."""

import hashlib
import re
from bisect import bisect_right
from dataclasses import dataclass

from local.simulator import ids, names, user_mixes
from local.simulator.options import TenantPlan
from local.simulator.user_kinds import (
    MAILBOXES_IN_EXCHANGE,
    MAILBOXES_WITH_GUID,
    USABLE_PLANS,
    Mailbox,
    MailboxPolicy,
    Page,
    Plan,
    Record,
    UserKind,
)

_NUMBER = re.compile(r"\d+")
_STALE_PLANS = (Plan.SUSPENDED, Plan.DELETED, Plan.LOCKED_OUT, Plan.UNINDEXED)


@dataclass(frozen=True, slots=True)
class SimulatedUser:
    """One user, or one mailbox without a user, as Microsoft's services know it."""

    index: int
    random_bytes: bytes
    """Random bytes of this user, which decide details."""
    object_id: str | None
    """None for a mailbox that only Exchange knows."""
    mailbox_guid: str
    upn: str
    display_name: str
    department: str | None
    mail: str | None
    """Graph's `mail`."""
    primary_smtp: str
    account_enabled: bool
    user_type: str
    recipient_type: str
    time_zone: str
    plan: Plan
    page: Page
    mailbox: Mailbox
    policy: MailboxPolicy
    record: Record

    @property
    def is_licensed(self) -> bool:
        """Has a Bookings plan that is usable."""
        return self.plan in USABLE_PLANS

    @property
    def in_exchange(self) -> bool:
        """Get-Mailbox lists the mailbox."""
        return self.mailbox in MAILBOXES_IN_EXCHANGE

    @property
    def has_mailbox(self) -> bool:
        """There is an Exchange Online mailbox with a GUID of its own."""
        return self.mailbox in MAILBOXES_WITH_GUID

    @property
    def has_capability(self) -> bool:
        """`BPOS_S_BookingsAddOn` is among the mailbox's PersistedCapabilities."""
        return self.mailbox in {Mailbox.NORMAL, Mailbox.GUID_NOT_IN_GRAPH}


class Population:
    """All users of a tenant by index: licensed, then stale, unlicensed, and mailboxes without users."""

    def __init__(self, plan: TenantPlan) -> None:
        self.licensed = plan.users
        self.in_filter = plan.users + plan.stale_users
        self.in_graph = self.in_filter + plan.unlicensed_users
        self.total = self.in_graph + plan.exchange_only_mailboxes
        self._kinds, self._ends = user_mixes.shares(plan.mix, plan.users)
        self._kind_order = ids.Shuffle(plan.seed, "kinds", plan.users)
        self._random_key = ids.key_of(plan.seed, "random_bytes")
        self._object_key = ids.key_of(plan.seed, "object ids")
        self._mailbox_key = ids.key_of(plan.seed, "mailbox guids")

    def user(self, index: int) -> SimulatedUser:
        """The user as created, before anything changed."""
        random_bytes = hashlib.blake2b(index.to_bytes(8), digest_size=32, key=self._random_key).digest()
        plan, kind = self._plan_of(index, random_bytes), self._kind_of(index, random_bytes)
        recipient_type, display_name, local = _names_of(index, random_bytes)
        upn, mail, primary_smtp, is_guest = _addresses(local, recipient_type, random_bytes)
        return SimulatedUser(
            index=index,
            random_bytes=random_bytes,
            object_id=ids.guid_of(self._object_key, index) if index < self.in_graph else None,
            mailbox_guid=self.mailbox_guid(index, 0),
            upn=upn,
            display_name=display_name,
            department=names.DEPARTMENTS[random_bytes[4] % len(names.DEPARTMENTS)],
            mail=mail if is_guest or (kind.mailbox in MAILBOXES_IN_EXCHANGE and random_bytes[28] % 50 != 0) else None,
            primary_smtp=primary_smtp,
            account_enabled=recipient_type == "UserMailbox" and random_bytes[5] % 17 != 0,
            user_type="Guest" if is_guest else "Member",
            recipient_type=recipient_type,
            time_zone=names.TIME_ZONES[random_bytes[6] % len(names.TIME_ZONES)],
            plan=plan,
            page=kind.page,
            mailbox=kind.mailbox,
            policy=kind.policy,
            record=kind.record,
        )

    def mailbox_guid(self, index: int, generation: int) -> str:
        """ExchangeGuid; another generation for a mailbox that was recreated."""
        return ids.guid_of(self._mailbox_key, index, generation)

    def index_of_object(self, object_id: str) -> int | None:
        """Index of the user with this object id."""
        found = ids.index_of(self._object_key, object_id)
        return found[0] if found and found[0] < self.in_graph and found[1] == 0 else None

    def index_of_mailbox(self, guid: str) -> tuple[int, int] | None:
        """Index and generation of the mailbox with this GUID."""
        found = ids.index_of(self._mailbox_key, guid)
        return found if found and found[0] < self.total else None

    def index_of_address(self, address: str) -> int | None:
        """The index that an address would have; the caller has to check that it is really the user's."""
        number = _NUMBER.search(address)
        index = int(number.group()) if number and len(number.group()) < 12 else None
        return index if index is not None and index < self.total else None

    def _plan_of(self, index: int, random_bytes: bytes) -> Plan:
        if index < self.licensed:
            return Plan.WARNING if random_bytes[7] % 20 == 0 else Plan.ENABLED
        if index < self.in_filter:
            return _STALE_PLANS[(index - self.licensed) % len(_STALE_PLANS)]
        return Plan.NONE

    def _kind_of(self, index: int, random_bytes: bytes) -> UserKind:
        if index < self.licensed:
            return self._kinds[bisect_right(self._ends, self._kind_order[index])]
        page = Page.PUBLIC_SEVERAL if random_bytes[8] % 4 == 0 and index < self.in_filter else Page.MISSING_404
        has_mailbox = random_bytes[9] % 3 != 0 or index >= self.in_graph
        return UserKind(page, Mailbox.WITHOUT_CAPABILITY if has_mailbox else Mailbox.NONE)


def _names_of(index: int, random_bytes: bytes) -> tuple[str, str, str]:
    """Recipient type, display name, and the local part of the address; its number leads back to the index."""
    if random_bytes[3] % 25 == 0:
        team = names.TEAMS[random_bytes[1] % len(names.TEAMS)]
        return "SharedMailbox", f"{team} {index}", f"{names.plain(team)}{index}".replace("&", "")
    if random_bytes[3] % 60 == 1:
        room = names.ROOMS[random_bytes[1] % len(names.ROOMS)]
        return "RoomMailbox", f"Room {room} {index}", f"room.{names.plain(room)}{index}"
    first, last = random_bytes[0] % len(names.FIRST), random_bytes[1] % len(names.LAST)
    local = f"{names.FIRST_PLAIN[first]}.{names.LAST_PLAIN[last]}{index}"
    if random_bytes[2] % 50 == 0:
        local += "+bookings"
    return "UserMailbox", f"{names.FIRST[first]} {names.LAST[last]}", local


def _addresses(local: str, recipient_type: str, random_bytes: bytes) -> tuple[str, str, str, bool]:
    """UPN, mail, primary SMTP address, and whether this is a guest."""
    domain = names.DOMAINS[random_bytes[10] % len(names.DOMAINS)]
    if recipient_type == "UserMailbox" and random_bytes[11] % 40 == 0:
        partner = names.PARTNERS[random_bytes[12] % len(names.PARTNERS)]
        guest = f"{local}_{partner}#EXT#@{names.INITIAL_DOMAIN}"
        return guest, f"{local}@{partner}", f"{local}@{domain}", True
    smtp = f"{local.title()}@{domain.title()}" if random_bytes[13] % 8 == 0 else f"{local}@{domain}"
    if random_bytes[14] % 6 == 0:
        return f"{local}@{names.SIGN_IN_DOMAINS[random_bytes[15] % len(names.SIGN_IN_DOMAINS)]}", smtp, smtp, False
    return f"{local}@{domain}", smtp, smtp, False
