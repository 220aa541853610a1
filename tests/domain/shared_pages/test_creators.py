from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from atlas.domain.shared_pages.creations import CreationRecord
from atlas.domain.shared_pages.creators import BEFORE_OUR_RECORDS, NO_RECORD, NOT_READ, creator_problem, record_of
from tests.domain.shared_pages.pages import ACCOUNT_ID, CREATED, HEALTHY

RECORD = CreationRecord("record-1", CREATED + timedelta(seconds=4), "HelpDesk", "AdeleV@contoso.com")


@pytest.mark.parametrize(
    "name",
    ["HelpDesk", "EURPR01A001/contoso/HelpDesk", "helpdesk@contoso.onmicrosoft.com", "Help Desk", ACCOUNT_ID],
)
def test_a_record_names_the_page_in_any_of_its_ways(name):
    record = replace(RECORD, page_name=name)

    assert record_of(HEALTHY, [record]) == record


@pytest.mark.parametrize(
    "record",
    [replace(RECORD, page_name="HelpDesk1"), replace(RECORD, at=CREATED + timedelta(hours=2))],
)
def test_a_record_of_another_page_is_not_taken(record):
    assert record_of(HEALTHY, [record]) is None


def test_the_nearest_record_of_a_name_is_taken():
    """A page was deleted and created again under its name by another person."""
    earlier = replace(RECORD, record_id="record-0", at=CREATED - timedelta(minutes=20), created_by="alex@contoso.com")

    assert record_of(HEALTHY, [earlier, RECORD]) == RECORD


def test_without_a_time_of_creation_only_a_single_record_is_taken():
    undated = replace(HEALTHY, created_at=None)

    assert record_of(undated, [RECORD]) == RECORD
    assert record_of(undated, [RECORD, replace(RECORD, record_id="record-2")]) is None


def test_a_page_older_than_the_audit_log_is_before_our_records():
    searched_from = datetime(2026, 5, 25, tzinfo=UTC)

    assert creator_problem(HEALTHY, searched_from).startswith(BEFORE_OUR_RECORDS)
    assert creator_problem(replace(HEALTHY, created_at=searched_from), searched_from) == NO_RECORD
    assert creator_problem(replace(HEALTHY, created_at=None), searched_from) == NO_RECORD
    assert creator_problem(HEALTHY, HEALTHY.created_at, is_complete=False) == NOT_READ
