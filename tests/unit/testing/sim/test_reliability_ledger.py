"""The file that only grows."""

import json
from pathlib import Path

import pytest

from shoal.base.errors import FormatUnknown
from shoal.testing.sim.campaign import Tally
from shoal.testing.sim.reliability_ledger import append_entry, entry_of
from shoal.testing.sim.swarm import PROFILES


def test_an_entry_says_which_code_ran_and_what_came_of_it() -> None:
    tally = Tally(PROFILES["swarm"], seeds=3, failures={5: "Stuck: all of it"})
    tally.fired.update({"rot": 2})
    entry = entry_of(tally, facts={"commit": "abc"})
    assert (entry["commit"], entry["seeds"], entry["verdict"]) == ("abc", 3, "failed")
    assert entry["faults_fired"] == {"rot": 2}
    assert entry["failures"] == {"5": "Stuck: all of it"}


def test_entries_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    assert [append_entry(path, {"seeds": number}) for number in range(3)] == [1, 2, 3]
    assert json.loads(path.read_text()) == [{"seeds": 0}, {"seeds": 1}, {"seeds": 2}]


@pytest.mark.parametrize("text", ["{}", "[1,"])
def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(FormatUnknown):
        append_entry(path, {})
    assert path.read_text() == text
