"""The positions of a user in the lists of ``BookingsUserIndex``: keys that sort by name, status or department."""

import hashlib
import unicodedata
from urllib.parse import quote

from atlas.domain.statuses import Status
from atlas.domain.user_filters import UserOrder
from atlas.domain.users import LicensedUser

UPN = "upn-"
NAME = "name-"
WORD = "word-"
STATUS = "status-"
DEPARTMENT = "department-"
RANGE_END = "~~~~"
"""Appended to a prefix, it gives a key that follows all keys with this prefix."""
MAX_KEY_LENGTH = 400
"""Table Storage accepts keys of up to 1 KiB in UTF-16; Azurite accepts longer ones."""
MAX_SORT_KEY_LENGTH = 120
MAX_WORDS = 12
"""Words of a display name that a search finds."""
NO_DEPARTMENT = "}"
"""Sorts after every department."""
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._@")
RANKS = {status: f"{rank:02d}" for rank, status in enumerate(Status)}


def upn_key(upn: str) -> str:
    """The row key of a UPN, ignoring case. Characters that keys must not contain become ``=`` and their hex code.

    A UPN whose key would be too long has its hash as key.
    """
    key = UPN + quote(upn.lower(), safe="@+'!").replace("%", "=")
    if len(key) <= MAX_KEY_LENGTH:
        return key
    return f"upnhash-{hashlib.sha256(upn.lower().encode('utf-8', 'replace')).hexdigest()}"


def sort_key(text: str) -> str:
    """A string as part of a row key: in lower case, without accents, with ``$`` for blanks and ``|`` before hex codes.

    If one string begins with another, so do their keys, unless they are cut.
    """
    letters = unicodedata.normalize("NFKD", " ".join(text.casefold().split()))
    return "".join(_key_part(letter) for letter in letters if not unicodedata.combining(letter))[:MAX_SORT_KEY_LENGTH]


def position_of(order: UserOrder, user: LicensedUser, status: Status) -> str:
    """The position of a user in one order. Positions sort as strings; no two users have the same one."""
    by_name = f"{sort_key(user.display_name or user.upn)}!{user.user_id}"
    match order:
        case UserOrder.USER_ID:
            return user.user_id
        case UserOrder.UPN:
            return upn_key(user.upn).removeprefix(UPN)
        case UserOrder.NAME:
            return by_name
        case UserOrder.STATUS:
            return f"{RANKS[status]}!{by_name}"
        case UserOrder.DEPARTMENT:
            return f"{department_key(user.department)}!{by_name}"


def department_key(department: str | None) -> str:
    """The part of a position that a department has."""
    return sort_key(department or "") or NO_DEPARTMENT


def list_keys(user: LicensedUser, status: Status) -> set[str]:
    """The row keys of a user in the lists, each of which contains the object ID."""
    words = sort_words(user.display_name)
    return {
        NAME + position_of(UserOrder.NAME, user, status),
        STATUS + position_of(UserOrder.STATUS, user, status),
        DEPARTMENT + position_of(UserOrder.DEPARTMENT, user, status),
        *(f"{WORD}{word}!{user.user_id}" for word in words),
    }


def sort_words(display_name: str | None) -> list[str]:
    """The display name from its second word on, from its third word on, and so forth."""
    words = (display_name or "").split()[:MAX_WORDS]
    return [sort_key(" ".join(words[first:])) for first in range(1, len(words))]


def _key_part(letter: str) -> str:
    if letter in PLAIN:
        return letter
    return "$" if letter == " " else f"|{letter.encode('utf-8', 'replace').hex()}"
