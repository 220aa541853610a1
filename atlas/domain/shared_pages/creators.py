"""Which page a record of the audit log is about, and what is reported if there is no record."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from atlas.domain.shared_pages.creations import CreationRecord
from atlas.domain.shared_pages.rows import SharedPageRow

CREATED_WITHIN = timedelta(hours=1)
"""How far the time of a record may be from the creation of the mailbox it is about."""
BEFORE_OUR_RECORDS = "before our records"
NO_RECORD = "the audit log has no record of its creation"
NOT_READ = "some records of the audit log could not be read, and the others are not about its creation"


def record_of(row: SharedPageRow, records: Iterable[CreationRecord]) -> CreationRecord | None:
    """The record of a page's creation: of its records, the one nearest to the creation of the mailbox."""
    names = {*row.addresses, row.address.lower(), *(address.partition("@")[0] for address in row.addresses)}
    if row.display_name:
        names.add(row.display_name.casefold())
    if row.account_id:
        names.add(row.account_id)
    candidates = [record for record in records if names & {record.page_name.casefold(), _last_part(record.page_name)}]
    if row.created_at is None:
        return candidates[0] if len(candidates) == 1 else None
    created_at = row.created_at
    near = [record for record in candidates if abs(record.at - created_at) <= CREATED_WITHIN]
    return min(near, key=lambda record: abs(record.at - created_at), default=None)


def _last_part(name: str) -> str:
    """What Exchange's canonical names end with: ``…/contoso.onmicrosoft.com/HelpDesk``."""
    return name.rpartition("/")[2].casefold()


def creator_problem(row: SharedPageRow, searched_from: datetime, *, is_complete: bool = True) -> str:
    """Why the creator of this page is not known, if a finished search found no record of its creation."""
    if row.created_at and row.created_at < searched_from:
        return f"{BEFORE_OUR_RECORDS}: the audit log was first read from {searched_from.date()} on"
    return NO_RECORD if is_complete else NOT_READ
