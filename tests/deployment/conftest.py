"""A new checkout with the hooks for each test."""

from pathlib import Path

import pytest

from tests.deployment.hooks import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)
