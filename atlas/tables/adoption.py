"""Adoption as columns of one row, however many domains and departments there are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from itertools import batched, count
from typing import Any

from atlas.domain.adoption import Adoption, Groups, Uptake
from atlas.domain.records import MalformedRecord
from atlas.tables.columns import plain
from atlas.tables.store import Entity

MAX_STORED_GROUPS = 1000
"""Domains, and departments, of one row: with the longest names they take nine tenths of the 1 MiB of a row."""
MAX_COLUMN_LENGTH = 16_000
"""Letters of one column, each one or two code units of UTF-16; a column holds 32 Ki of those."""


def to_columns(adoption: Adoption) -> Entity:
    """The columns of a row. Numbers are in the order of ``Uptake``; a long list of groups continues in ``Domains2``."""
    stored = adoption.with_largest_groups(MAX_STORED_GROUPS)
    others = {"OtherDomains": stored.other_domains, "OtherDepartments": stored.other_departments}
    columns: Entity = {
        "Total": _numbers(stored.total),
        **_text_columns("Domains", stored.domains),
        **_text_columns("Departments", stored.departments),
        **{name: _numbers(uptake) for name, uptake in others.items() if uptake},
    }
    return columns | {
        name: value
        for name, value in (("ScanId", stored.scan_id), ("CountedAt", stored.counted_at))
        if value is not None
    }


def from_columns(columns: Mapping[str, Any]) -> Adoption:
    """The numbers that ``to_columns`` stored. Raises ``MalformedRecord``."""
    try:
        return Adoption(
            total=_uptake(columns["Total"]),
            domains=_groups("Domains", columns),
            other_domains=_uptake(columns["OtherDomains"]) if "OtherDomains" in columns else None,
            departments=_groups("Departments", columns),
            other_departments=_uptake(columns["OtherDepartments"]) if "OtherDepartments" in columns else None,
            scan_id=columns.get("ScanId"),
            counted_at=plain(columns.get("CountedAt")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedRecord("the numbers of adoption are not those that a scan writes") from None


def _numbers(uptake: Uptake) -> str:
    return json.dumps(astuple(uptake))


def _uptake(text: str) -> Uptake:
    return Uptake(*json.loads(text))


def _text_columns(name: str, groups: Groups) -> dict[str, str]:
    text = json.dumps({group: astuple(uptake) for group, uptake in groups.items()}, ensure_ascii=False)
    parts = ("".join(part) for part in batched(text, MAX_COLUMN_LENGTH, strict=False))
    return dict(zip(_names(name), parts, strict=False))


def _groups(name: str, columns: Mapping[str, Any]) -> Groups:
    text = ""
    for column in _names(name):
        if column not in columns:
            break
        text += columns[column]
    return {group: Uptake(*numbers) for group, numbers in json.loads(text).items()}


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}{number}" for number in count(2))
