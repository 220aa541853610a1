"""One figure: the median of several ratios of one run, its spread, and the target that it has to meet."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """At most or at least a value."""

    limit: float
    at_least: bool = False

    def is_met_by(self, value: float) -> bool:
        """Whether a figure meets it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    values: tuple[float, ...]
    """One per run; empty: it could not be measured."""
    how: str
    target: Target | None = None
    unit: str = ""
    problem: str | None = None
    """Why it could not be measured."""

    @property
    def value(self) -> float | None:
        """The median."""
        return statistics.median(self.values) if self.values else None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; ``None`` without one."""
        if self.target is None:
            return None
        return self.value is not None and self.target.is_met_by(self.value)

    def to_dict(self) -> dict[str, Any]:
        """As bench.json holds it."""
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "lowest": _rounded(min(self.values, default=None)),
            "highest": _rounded(max(self.values, default=None)),
            "runs": len(self.values),
            "unit": self.unit,
            "target": str(self.target) if self.target else None,
            "met": self.is_met,
            "how": self.how,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """What one measurement found."""

    figures: Sequence[Figure]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """More than a figure: where the time goes, for example."""


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
