"""Writes in bulk are cut into what Table Storage takes: at most 100 rows and 4 MiB."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from atlas.tables.store import transactions_of

MOST_BYTES = 4 * 1024 * 1024


def rows(*sizes):
    return [
        ("upsert", {"PartitionKey": "p", "RowKey": str(n), "Text": "x" * size, "At": datetime(2026, 1, 1, tzinfo=UTC)})
        for n, size in enumerate(sizes)
    ]


def size_of(transaction):
    return sum(len(json.dumps(operation[1], default=str)) + 600 for operation in transaction)


@given(st.lists(st.integers(0, 400_000), max_size=260))
def test_no_transaction_is_more_than_the_service_takes(sizes):
    operations = rows(*sizes)

    transactions = list(transactions_of(operations))

    assert [operation for transaction in transactions for operation in transaction] == operations
    assert all(0 < len(transaction) <= 100 for transaction in transactions)
    assert all(size_of(transaction) < MOST_BYTES for transaction in transactions)


def test_small_rows_go_a_hundred_at_a_time():
    assert [len(transaction) for transaction in transactions_of(rows(*[10] * 250))] == [100, 100, 50]


def test_no_rows_make_no_transaction():
    assert list(transactions_of([])) == []
