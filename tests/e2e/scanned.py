"""One scanned deployment for every test that only reads: 200 users of every status, and 30 shared pages."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.simulator import Fault
from tests.e2e.deployment import Deployment

USERS = 200
SHARED_PAGES = 30


only_reads = pytest.mark.asyncio(loop_scope="session")
"""A test on the fixture ``scanned``, which runs in the loop of the session."""


@contextmanager
def failing(product: Deployment, fault: Fault) -> Iterator[None]:
    """Let requests fail until the block ends."""
    product.tenant.add_fault(fault)
    try:
        yield
    finally:
        product.tenant.clear_faults()
