"""Where a listing of mailboxes continues: a page, a restart, or one period of creation after another.

Exchange's page links belong to one backend server and expire after a while (docs/microsoft-365.md, section 3.5). So our
own cursor says how to continue: with that link or, if it no longer works, from the start. The second time, the listing
is read in parts that each fit on one page: the mailboxes created within a period, which is halved until they fit.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from atlas.microsoft365.calls import parse_next_link
from atlas.microsoft365.failures import NotUnderstood

MAX_PAGE_SIZE = 1000
MIN_PAGE_SIZE = 50
FIRST_MAILBOXES = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp())
LAST_MAILBOXES = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Period:
    """A period of creation, in seconds since 1970; the end is not part of it."""

    start: int
    end: int

    def halves(self) -> tuple["Period", "Period"]:
        """Raises ``NotUnderstood`` for a period of one second."""
        if self.end - self.start <= 1:
            raise NotUnderstood("Exchange lists more mailboxes of one second than fit on a page")
        middle = (self.start + self.end) // 2
        return Period(self.start, middle), Period(middle, self.end)

    def as_filter(self) -> str:
        """The period as an OPATH filter."""
        return f"WhenCreatedUTC -ge '{_as_text(self.start)}' -and WhenCreatedUTC -lt '{_as_text(self.end)}'"


ALL_TIME = (Period(FIRST_MAILBOXES, LAST_MAILBOXES),)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is requested next. Its text is opaque to callers, as a link of Exchange would be."""

    page_size: int = MAX_PAGE_SIZE
    link: str | None = None
    """``None``: the first page."""
    restarts: int = 0
    periods: tuple[Period, ...] = ()
    """What is left of a listing in parts; empty: the listing is not in parts."""

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        """The cursor of this text; ``None``: the start of the listing. Raises ``NotUnderstood``."""
        if text is None:
            return cls()
        try:
            return _cursors.validate_json(text)
        except ValidationError:
            raise NotUnderstood("the stored place in the listing of mailboxes cannot be read") from None

    def to_text(self) -> str:
        """The text that ``parse`` reads."""
        return _cursors.dump_json(self).decode()

    def after(self, next_link: object, base_url: str) -> "Cursor | None":
        """What follows a page with this link to the next; ``None``: nothing. Raises ``NotUnderstood``."""
        link = parse_next_link(base_url, next_link)
        if not self.periods:
            return replace(self, link=link) if link else None
        first, *others = self.periods
        periods = (*first.halves(), *others) if link else tuple(others)
        return replace(self, periods=periods) if periods else None

    def restarted(self) -> "Cursor":
        """The cursor that starts again from the beginning; after the first restart, in parts."""
        return Cursor(self.page_size, restarts=self.restarts + 1, periods=ALL_TIME if self.restarts else ())

    def with_smaller_pages(self) -> "Cursor | None":
        """The cursor that starts again with half the page size; ``None``: pages cannot get smaller."""
        if self.page_size <= MIN_PAGE_SIZE:
            return None
        return replace(self, page_size=max(self.page_size // 2, MIN_PAGE_SIZE), link=None)

    def filter(self) -> str | None:
        """The filter of the part that is requested; ``None``: there is none."""
        return self.periods[0].as_filter() if self.periods else None


_cursors = TypeAdapter(Cursor)


def _as_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%m/%d/%Y %H:%M:%S")
