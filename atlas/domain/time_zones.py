"""Time zones by either of their names: IANA's (``Europe/Zurich``) and Windows' (``W. Europe Standard Time``)."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz


class UnknownTimeZone(ValueError):
    """The text is not the name of a time zone; display names such as ``(UTC+01:00) Amsterdam`` are not names."""


def time_zone(name: str) -> ZoneInfo:
    """The zone with this name, ignoring case. Raises ``UnknownTimeZone``."""
    key = _names().get(name.strip().lower())
    if key is None:
        raise UnknownTimeZone("must be an IANA name such as Europe/Zurich, or a Windows name such as UTC")
    return ZoneInfo(key)


def windows_names() -> dict[str, str]:
    """The Windows name of each zone that Windows knows, by its IANA name: UTC, and the others in their order."""
    others = sorted((key, name) for name, key in win_tz.items() if name != "UTC")
    return {"UTC": "UTC", **dict(others)}


@cache
def _names() -> dict[str, str]:
    """The key of each zone by its names in lower case; if both sides use a name, IANA's meaning applies."""
    windows = {name.lower(): key for name, key in win_tz.items()}
    return windows | {key.lower(): key for key in available_timezones()}
