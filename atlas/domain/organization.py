"""The organisation's settings that the status of every user depends on: read once per scan, passed to each probe."""

from dataclasses import dataclass

from atlas.domain.ews_settings import EwsScope


@dataclass(frozen=True, slots=True)
class OrganizationSettings:
    """What is known about the organisation when a user is probed. ``OrganizationSettings()``: nothing is known."""

    ews: EwsScope | None = None
    """Its EWS settings; ``None``: not known."""
    sign_in_forced: bool | None = None
    """``BookingsAuthEnabled``; ``None``: not known."""
    exchange_incomplete: bool = False
    """Exchange was queried, and part of its data could not be read, so its earlier results remain valid."""
