"""One local host with the sample app for all tests here."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from local.host.child import HostChild, host_child
from tests.host.sample import SAMPLE_APP, SETTINGS, Sample


@pytest.fixture(scope="session", params=[None], ids=["shared sample host"])
def sample_host() -> Iterator[HostChild]:
    with host_child(SAMPLE_APP, settings=SETTINGS) as host:
        yield host


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def sample(http: aiohttp.ClientSession, sample_host: HostChild) -> Sample:
    return Sample(http, sample_host)
