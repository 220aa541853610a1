"""Who is behind the names that permissions contain: recipients of Exchange, users and groups of Entra."""

from dataclasses import dataclass

from atlas.domain.unknown import Unknown

MAX_MEMBERS = 500
"""The members of a larger group are counted, and not listed."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What Exchange knows by a name: ``Get-Recipient``."""

    object_id: str | None
    """``ExternalDirectoryObjectId`` in lower case."""
    is_group: bool
    address: str | None = None
    display_name: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user who holds access, or a member of a group that does."""

    user_id: str | None
    upn: str | None
    display_name: str | None = None
    enabled: bool | None = None
    licensed: bool | None = None
    """Whether the user's Bookings plan is usable; ``None``: not known."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group that holds access, with its transitive members who are users."""

    group_id: str
    display_name: str | None = None
    address: str | None = None
    member_count: int | None = None
    """How many users are its transitive members; ``None``: not known."""
    members: tuple[Person, ...] | Unknown | None = None
    """``None``: more than ``MAX_MEMBERS``; ``Unknown``: they could not be read."""
