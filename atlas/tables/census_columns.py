"""The columns of the census: records as lines of JSON, so that a malformed one affects only itself. Pure."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from atlas.domain.buckets import bucket_of
from atlas.domain.ews_settings import EwsScope
from atlas.domain.mailboxes import MailboxEvidence
from atlas.domain.unknown import Reason, Unknown
from atlas.domain.users import LicensedUser

log = logging.getLogger(__name__)

MAX_RECORD_BYTES = 6_000
"""Of a user, a mailbox or its EWS settings. No valid record comes near it."""
MAX_COLUMN_BYTES = 30_000
"""In UTF-8, which has at least as many bytes as UTF-16 has code units; a column holds 32,768 of these."""
MAX_ROW_BYTES = 250_000
"""A row holds 1 MiB, and is sent as ASCII, in which any other letter takes up to three times as many bytes."""
TOO_LONG = Unknown(Reason.NOT_UNDERSTOOD, "Microsoft 365 sent a record that is too long to be valid")
MAX_UPN_LENGTH = 113
OBJECT_ID_LENGTH = 36

type CensusUser = tuple[LicensedUser, MailboxEvidence]
type ListedUser = tuple[LicensedUser, MailboxEvidence | None]
"""``None``: the mailbox is looked up in the listing of mailboxes."""

MAILBOX: TypeAdapter[tuple[str, MailboxEvidence]] = TypeAdapter(tuple[str, MailboxEvidence])
EWS = TypeAdapter(tuple[str, EwsScope])
LISTED: TypeAdapter[ListedUser] = TypeAdapter(ListedUser)
USER: TypeAdapter[CensusUser] = TypeAdapter(CensusUser)


def to_line[Value](codec: TypeAdapter[Value], value: Value) -> str:
    """A record as one line of JSON."""
    return codec.dump_json(value, exclude_none=True).decode()


def from_line[Value](codec: TypeAdapter[Value], line: str) -> Value | None:
    """The record that ``to_line`` wrote; ``None`` if it was removed or cannot be read."""
    if not line:
        return None
    try:
        return codec.validate_json(line)
    except ValidationError as error:
        log.warning("A record of the census cannot be read: %s", error.errors(include_input=False))
        return None


def mailbox_lines(mailboxes: Mapping[str, MailboxEvidence]) -> Iterator[tuple[str, str]]:
    """Object ID and line of each mailbox; that of a record that is too long says so, and the probe requests it."""
    for record in mailboxes.items():
        line = to_line(MAILBOX, record)
        yield record[0], line if _fits(line) else to_line(MAILBOX, (record[0], TOO_LONG))


def ews_lines(scopes: Mapping[str, EwsScope]) -> Iterator[tuple[str, str]]:
    """Object ID and line of the EWS settings of each mailbox. Settings that are too long are stored as unknown."""
    for record in scopes.items():
        if _fits(line := to_line(EWS, record)):
            yield record[0], line


def listed_lines(users: Iterable[ListedUser]) -> Iterator[tuple[str, str]]:
    """Object ID and line of each user; of a record that is too long, what identifies the user, who is ``unknown``."""
    for record in users:
        user, line = record[0], to_line(LISTED, record)
        if not _fits(line):
            identified = LicensedUser(user.user_id, user.upn[:MAX_UPN_LENGTH])
            line = to_line(LISTED, (identified, replace(TOO_LONG, is_final=True)))
        yield user.user_id, line


def user_id_of(line: str) -> str:
    """The object ID of a mailbox or its EWS settings, without parsing the line."""
    return line[len('["') : len('["') + OBJECT_ID_LENGTH]


def column_of(bucket: int) -> str:
    """The column of a listing's row that contains a bucket."""
    return f"Bucket{bucket:03d}"


def rows_by_bucket(lines: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """The lines in columns, one per bucket, and in as many rows as keep every column and row small enough."""
    columns: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for user_id, line in lines:
        name, size = column_of(bucket_of(user_id)), _size(line)
        if sizes.get(name, 0) + size > MAX_COLUMN_BYTES or sum(sizes.values()) + size > MAX_ROW_BYTES:
            yield {name: "\n".join(some) for name, some in columns.items()}
            columns, sizes = {}, {}
        columns.setdefault(name, []).append(line)
        sizes[name] = sizes.get(name, 0) + size
    if columns:
        yield {name: "\n".join(some) for name, some in columns.items()}


def users_columns(users: Sequence[CensusUser]) -> dict[str, str]:
    """The users of one row in as many columns as they need, in their order."""
    columns: list[list[str]] = [[]]
    size = 0
    for line in (to_line(USER, user) for user in users):
        size += _size(line)
        if size > MAX_COLUMN_BYTES and columns[-1]:
            columns.append([])
            size = _size(line)
        columns[-1].append(line)
    return {f"Users{number:02d}": "\n".join(lines) for number, lines in enumerate(columns)}


def users_of(columns: Mapping[str, str]) -> list[CensusUser | None]:
    """The users that ``users_columns`` wrote; ``None`` for users who cannot be read or were removed."""
    names = sorted(name for name in columns if re.fullmatch(r"Users\d\d", name))
    return [from_line(USER, line) for name in names for line in columns[name].split("\n")]


def without_lines(text: str, name: str) -> str:
    """Empty the lines that contain the name, so that all other lines keep their positions."""
    return "\n".join("" if name in line else line for line in text.split("\n"))


def _fits(line: str) -> bool:
    return _size(line) <= MAX_RECORD_BYTES


def _size(line: str) -> int:
    return len(line.encode()) + len("\n")
