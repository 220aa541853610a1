from dataclasses import replace
from datetime import timedelta

import pytest

from atlas.domain.shared_pages.businesses import ListedBusiness
from atlas.domain.shared_pages.join import ListedPage
from atlas.domain.shared_pages.rows import PageState, SharedPageEvidence, Source, gone_row, next_row
from atlas.domain.unknown import Reason, Unknown
from atlas.tables.shared_bookings import KIND
from tests.domain.shared_pages.pages import ACCOUNT_ID, ADELE, DETAILS, HEALTHY, MAILBOX, NOW, STAFF

LISTED = ListedPage(MAILBOX, ListedBusiness("helpdesk@contoso.com", "Help Desk"))
UNREACHABLE = Unknown(Reason.UNREACHABLE, "no response")
COMPLETE = SharedPageEvidence(
    listed=LISTED, exchange_complete=True, business=DETAILS, account_enabled=False, holders=(ADELE,), at=NOW
)


def test_complete_evidence_fills_every_column():
    row = next_row(None, ACCOUNT_ID, COMPLETE, "scan-1")

    assert row == HEALTHY


@pytest.mark.parametrize(
    "lost",
    [
        {"business": UNREACHABLE},
        {"holders": UNREACHABLE},
        {"account_enabled": None},
        {"business": replace(DETAILS, staff=UNREACHABLE)},
        {"business": replace(DETAILS, services=UNREACHABLE)},
    ],
)
def test_a_source_that_fails_erases_nothing(lost):
    later = replace(COMPLETE, at=NOW + timedelta(days=1), **lost)

    row = next_row(HEALTHY, ACCOUNT_ID, later, "scan-2")

    assert replace(row, checked_at=NOW, scan_id="scan-1") == HEALTHY


def test_a_source_that_never_responded_leaves_its_columns_unknown():
    row = next_row(None, ACCOUNT_ID, replace(COMPLETE, business=UNREACHABLE, holders=UNREACHABLE), "scan-1")

    assert (row.published, row.public_url, row.staff, row.services, row.holders) == (None,) * 5
    assert (row.display_name, row.account_enabled) == ("Help Desk", False)


@pytest.mark.parametrize(
    ("listed", "business", "exchange_complete", "known_to"),
    [
        (LISTED, DETAILS, True, (Source.EXCHANGE, Source.GRAPH)),
        (ListedPage(MAILBOX, None), DETAILS, True, (Source.EXCHANGE, Source.GRAPH)),  # beyond the limit of the list
        (ListedPage(MAILBOX, None), None, True, (Source.EXCHANGE,)),
        (LISTED, UNREACHABLE, True, (Source.EXCHANGE, Source.GRAPH)),
        (ListedPage(None, LISTED.business), DETAILS, True, (Source.GRAPH,)),
        (ListedPage(None, LISTED.business), UNREACHABLE, True, (Source.GRAPH,)),
    ],
)
def test_known_to_lists_the_sources_that_know_the_page(listed, business, exchange_complete, known_to):
    evidence = replace(COMPLETE, listed=listed, business=business, exchange_complete=exchange_complete)

    assert next_row(None, ACCOUNT_ID, evidence, None).known_to == known_to


def test_without_exchange_a_page_stays_known_to_it():
    evidence = replace(COMPLETE, listed=ListedPage(None, LISTED.business), exchange_complete=False)

    assert next_row(HEALTHY, ACCOUNT_ID, evidence, None).known_to == (Source.EXCHANGE, Source.GRAPH)
    assert next_row(None, ACCOUNT_ID, evidence, None).known_to == (Source.GRAPH,)


def test_without_exchange_a_page_keeps_its_primary_address():
    """Graph knows it by another one of its addresses."""
    other = ListedBusiness("helpdesk@contoso.onmicrosoft.com", "Help Desk")
    evidence = replace(COMPLETE, listed=ListedPage(None, other), exchange_complete=False)

    row = next_row(HEALTHY, ACCOUNT_ID, evidence, None)

    assert (row.address, row.addresses) == (HEALTHY.address, HEALTHY.addresses)


def test_graph_no_longer_knowing_a_page_takes_its_columns_away():
    row = next_row(HEALTHY, ACCOUNT_ID, replace(COMPLETE, listed=ListedPage(MAILBOX, None), business=None), None)

    assert (row.published, row.public_url, row.staff, row.services) == (None,) * 4
    assert row.holders == HEALTHY.holders


def test_entra_decides_over_exchange_whether_sign_in_is_enabled():
    no_entra = replace(COMPLETE, account_enabled=None)

    assert next_row(None, ACCOUNT_ID, replace(COMPLETE, account_enabled=True), None).account_enabled is True
    assert next_row(None, ACCOUNT_ID, no_entra, None).account_enabled is False  # AccountDisabled: true


def test_a_renamed_page_keeps_its_key_and_creator():
    renamed = replace(MAILBOX, primary_address="desk@contoso.com", addresses=("desk@contoso.com", *MAILBOX.addresses))
    previous = replace(HEALTHY, created_by="AdeleV@contoso.com")

    row = next_row(previous, ACCOUNT_ID, replace(COMPLETE, listed=ListedPage(renamed, None)), None)

    assert (row.key, row.address, row.created_by) == (ACCOUNT_ID, "desk@contoso.com", "AdeleV@contoso.com")


def test_a_page_that_is_gone_keeps_no_access():
    row = gone_row(replace(HEALTHY, created_by="AdeleV@contoso.com"), NOW + timedelta(days=1), "scan-2")

    assert (row.state, row.holders, row.staff, row.public_url) == (PageState.GONE, None, None, None)
    assert (row.address, row.display_name, row.created_by) == (HEALTHY.address, "Help Desk", "AdeleV@contoso.com")


def test_an_older_observation_changes_nothing():
    late = replace(COMPLETE, at=NOW - timedelta(minutes=1), holders=())

    assert next_row(HEALTHY, ACCOUNT_ID, late, "scan-2") == HEALTHY


def test_a_list_that_a_row_cannot_hold_is_cut_and_logged(caplog):
    columns = KIND.columns.to_columns(replace(HEALTHY, staff=(STAFF,) * 5000))

    stored = KIND.columns.from_columns({**columns, "RowKey": HEALTHY.key}).staff

    assert 1000 < len(stored) < 5000
    assert columns["StaffCount"] == 5000
    assert f"staff of a row are too many: {len(stored)} of 5000" in caplog.text
