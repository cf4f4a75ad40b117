"""The figures of docs/reliability.md."""

import pytest

from reliability_table import BEGIN, END, LEDGER, PAGE, figures, with_figures

ENTRY = {
    "commit": "abc",
    "profile": "swarm",
    "seeds": 200,
    "operations": 30_000,
    "writes": 20_000,
    "chunks_checked": 90_000,
    "cluster_hours": 5.25,
    "faults_fired": {"pause": 30, "rot": 1_200},
    "failures": {},
}


def test_the_page_has_the_figures_of_the_ledger() -> None:
    page = PAGE.read_text("utf-8")
    assert with_figures(page, LEDGER.read_text("utf-8")) == page, "run tools/reliability_table.py after a campaign"


def test_campaigns_of_one_commit_and_profile_are_one_line() -> None:
    other = ENTRY | {"profile": "disks", "seeds": 10, "failures": {"7": "VersionLost: gone"}}
    lines = figures([ENTRY, other, ENTRY]).splitlines()
    assert lines[2] == "| abc | swarm | 400 | 60,000 (40,000) | 180,000 | 10.5 | 2,460 | 0 |"
    assert lines[3].startswith("| abc | disks | 10 |")
    assert lines[3].endswith(" | 1 |")
    assert lines[4] == "| all |  | 410 | 90,000 (60,000) | 270,000 | 15.8 | 3,690 | 1 |"


def test_kinds_are_told_by_how_often_they_fired() -> None:
    assert "| rot 1,200 | pause 30 |  |  |  |" in figures([ENTRY])


def test_a_page_without_marks_is_refused() -> None:
    assert with_figures(f"a\n{BEGIN}old\n{END}z\n", "[]").endswith(f"{END}z\n")
    with pytest.raises(ValueError, match="lacks a mark"):
        with_figures(f"a\n{END}", "[]")
