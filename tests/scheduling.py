"""Which tests run in the same process: those that share a fixture that takes long, and otherwise whichever is idle."""

import re

from xdist.scheduler import LoadScopeScheduling

SHARED = re.compile(r"shared [\w ]+")
"""Names such a fixture in the ID of its tests: its only parameter has this ID."""


class SharedFixturesTogether(LoadScopeScheduling):
    """Sends all tests with the same shared fixture to one process, and every other test to the next idle one."""

    def _split_scope(self, nodeid: str) -> str:
        found = SHARED.search(nodeid.partition("[")[2])
        return found[0] if found else nodeid
