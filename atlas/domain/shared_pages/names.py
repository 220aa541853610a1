"""When the address or name of a page looks like a reserved one, or like a person's."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

RESERVED = frozenset(
    {
        # addresses that prove control of a domain to a certificate authority (CA/Browser Forum, 3.2.2.4.4)
        *("admin", "administrator", "webmaster", "hostmaster", "postmaster"),
        # role addresses of RFC 2142 that report faults or abuse
        *("abuse", "noc", "security", "root"),
        # addresses that people trust, or never reply to
        *("ceo", "cfo", "cio", "coo", "cto", "chairman", "president", "payroll", "noreply", "mailerdaemon", "sysadmin"),
    }
)
MIN_SIMILAR_LENGTH = 6
"""Shorter names have to be equal: one different letter makes a different name."""
LOOK_ALIKES = str.maketrans({"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "i": "l", "|": "l"})
SEPARATORS = re.compile(r"[\s,._\-'\u2019]+")


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A real person to compare pages with."""

    user_id: str
    upn: str
    display_name: str | None
    has_left: bool = False


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A person whose address or name a page resembles."""

    user_id: str
    upn: str
    has_left: bool


def reserved_part(addresses: Iterable[str]) -> str | None:
    """The first address whose local part is reserved, or written to look like it."""
    reserved = {_letters(name) for name in RESERVED}
    return next((address for address in addresses if _letters(_local_part(address)) in reserved), None)


class NameIndex:
    """The names of many pages. People are compared with them one by one, so that people need not fit in memory."""

    def __init__(self, names_by_page: Mapping[str, Iterable[str]]) -> None:
        """``names_by_page``: the addresses and display names of each page, by any key."""
        self._pages: dict[str, set[tuple[str, str]]] = {}
        for page, names in names_by_page.items():
            for form in {form for name in names for form in _forms(name)}:
                for variant in _variants(form):
                    self._pages.setdefault(variant, set()).add((page, form))

    def pages_like(self, person: KnownPerson) -> frozenset[str]:
        """The keys of the pages that look like this person."""
        forms = {form for name in (person.upn, person.display_name or "") for form in _forms(name)}
        return frozenset(
            page
            for form in forms
            for variant in _variants(form)
            for page, other in self._pages.get(variant, ())
            if _is_similar(form, other)
        )


def same_name(display_name: str) -> str:
    """A text that two display names share if they read the same."""
    return " ".join(unicodedata.normalize("NFKC", display_name).casefold().split())


def _forms(name: str) -> Iterator[str]:
    """How a name is compared: its letters, and for several words also in the order of the alphabet."""
    local = _local_part(name)
    if letters := _letters(local):
        yield letters
    words = sorted(filter(None, (_letters(word) for word in SEPARATORS.split(local))))
    if len(words) > 1:
        yield "".join(words)


def _local_part(name: str) -> str:
    return name.partition("@")[0]


def _letters(text: str) -> str:
    """Letters alone, without marks, separators and trailing digits, with look-alike characters made equal."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", text).casefold()
        if not unicodedata.combining(character)
    )
    joined = SEPARATORS.sub("", plain)
    stem = joined.rstrip("0123456789") or joined  # Bookings appends digits to a name that is taken
    return stem.translate(LOOK_ALIKES).replace("rn", "m").replace("vv", "w")


def _variants(form: str) -> set[str]:
    """The form and, if it is long enough, every variant with one letter left out. Similar names share a variant."""
    if len(form) < MIN_SIMILAR_LENGTH:
        return {form}
    return {form, *(form[:index] + form[index + 1 :] for index in range(len(form)))}


def _is_similar(one: str, other: str) -> bool:
    """Whether one letter at most was changed, added, left out or exchanged with its neighbour."""
    if one == other:
        return True
    if min(len(one), len(other)) < MIN_SIMILAR_LENGTH or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    return max(len(left), len(right)) <= 1 or (len(left) == 2 and left == right[::-1])
