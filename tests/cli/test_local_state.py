"""Where ``atlas scan`` stores its rows and its log."""

import pytest

from atlas.cli.local_state import log_file


@pytest.mark.parametrize("name", ["rows.sqlite", "rows.log", "rows"])
def test_the_log_never_overwrites_the_rows(tmp_path, name):
    """The log is emptied at every start, and people choose the name of the other file."""
    log = log_file(tmp_path / name)

    assert log.parent == tmp_path
    assert log.name not in {name, "rows.sqlite"}
