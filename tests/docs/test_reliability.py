"""docs/reliability.md names exactly the faults that the matrix tries, and reports nothing lost."""

import re

from documents import section_of, table_of

from tests.faults.faults import DEFECTS, INTERRUPTIONS, STORAGE, TRANSIENT
from tests.faults.matrix import LASTING, READ_ONLY, TRIALS
from tests.faults.report import BEGIN, END, faults

PAGE = "docs/reliability.md"
TRANSIENT_TRIALS = {trial.title for trial in TRIALS}
SECTION = section_of(PAGE, "## How the trials work")
ROWS = table_of(SECTION, "tried")


def test_the_table_names_every_trial_and_no_other():
    trials = [f"{trial.title}: {', '.join(trial.operations)}" for trial in TRIALS]

    assert [row[0] for row in ROWS] == [*trials, "listings, interrupted", "tables", READ_ONLY, *LASTING]


def test_the_faults_are_listed_by_name():
    generated = SECTION.partition(BEGIN)[2].partition(END)[0]

    assert "\n".join(faults()) in generated
    for name in (*TRANSIENT, *INTERRUPTIONS, *DEFECTS, *STORAGE):
        assert generated.count(name) >= 1, name


def test_every_fault_was_tried_and_nothing_was_lost():
    for what, tried, _, lost, _, early, _ in ROWS:
        count, total = re.fullmatch(r"(\d+) of (\d+)", tried).groups()
        assert (count, lost) == (total, "0"), what
        assert early == ("0" if what.partition(":")[0] in TRANSIENT_TRIALS else "-"), what


def test_scans_under_lasting_faults_end_as_the_matrix_says():
    states = {row[0]: row[2] for row in ROWS}

    assert {name: states[name] for name in LASTING} == {name: lasting.state for name, lasting in LASTING.items()}
