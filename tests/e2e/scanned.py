"""One scanned deployment for every test that only reads: 200 users of every status, and 30 shared pages."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.simulator import Fault
from tests.e2e.deployment import Deployment

USERS = 200
SHARED_PAGES = 30


def only_reads[Test](test: Test) -> Test:
    """Run a test on the fixture ``scanned``: in the loop of the session, and all of them in one process."""
    for mark in (pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("scanned")):
        test = mark(test)
    return test


@contextmanager
def failing(product: Deployment, fault: Fault) -> Iterator[None]:
    """Let requests fail until the block ends."""
    product.tenant.add_fault(fault)
    try:
        yield
    finally:
        product.tenant.clear_faults()
