"""Filters for shared pages."""

from dataclasses import dataclass

from atlas.domain.shared_pages.rows import PageState, SharedFinding, SharedPageRow


@dataclass(frozen=True, slots=True)
class SharedPageFilter:
    """A page must match all of these; ``None`` matches every page, except in ``state``."""

    state: PageState | None = None
    """``None`` matches only the pages that are present."""
    published: bool | None = None
    finding: SharedFinding | None = None
    search: str | None = None
    """A prefix of an address, the display name or a word in it; case is ignored."""

    def matches(self, row: SharedPageRow) -> bool:
        """Whether this row is wanted."""
        return (
            row.state is (self.state or PageState.PRESENT)
            and (self.published is None or row.published is self.published)
            and (self.finding is None or any(found.name is self.finding for found in row.findings))
            and (self.search is None or _has_prefix(self.search.casefold(), row))
        )


def _has_prefix(prefix: str, row: SharedPageRow) -> bool:
    words = (row.display_name or "").casefold().split()
    texts = (row.address.lower(), *row.addresses, *(" ".join(words[first:]) for first in range(len(words))))
    return any(text.startswith(prefix) for text in texts)
