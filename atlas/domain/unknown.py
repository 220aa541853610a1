"""A value that could not be determined, with the reason; never a default and never a no."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why something could not be determined (docs/administrator.md)."""

    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    NOT_UNDERSTOOD = "notUnderstood"


@dataclass(frozen=True, slots=True)
class Unknown:
    """The value could not be determined. Never the same as "no"."""

    reason: Reason
    detail: str = ""
    is_final: bool = False
    """Whether requesting it again, or elsewhere, cannot help."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)

    @classmethod
    def parse(cls, text: str) -> "Unknown":
        """Parse what ``str`` returned. Raises ``ValueError`` if the text does not start with a known reason."""
        reason, _, detail = text.partition(": ")
        return cls(Reason(reason), detail)
