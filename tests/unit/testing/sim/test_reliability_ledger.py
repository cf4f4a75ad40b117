"""The list that only grows."""

import json

import pytest

from shoal.base.errors import FormatUnknown
from shoal.testing.sim.campaign import Tally
from shoal.testing.sim.reliability_ledger import entry_of, with_entry
from shoal.testing.sim.swarm import PROFILES


def test_an_entry_says_which_code_ran_and_what_came_of_it() -> None:
    tally = Tally(PROFILES["swarm"], seeds=3, failures={5: "Stuck: all of it"})
    tally.fired.update({"rot": 2})
    entry = entry_of(tally, facts={"commit": "abc"})
    assert (entry["commit"], entry["seeds"], entry["verdict"]) == ("abc", 3, "failed")
    assert entry["faults_fired"] == {"rot": 2}
    assert entry["failures"] == {"5": "Stuck: all of it"}


def test_entries_are_added_to_those_that_are_there() -> None:
    text = ""
    for number in range(3):
        text = with_entry(text, {"seeds": number})
    assert json.loads(text) == [{"seeds": 0}, {"seeds": 1}, {"seeds": 2}]


@pytest.mark.parametrize("text", ["{}", "[1,"])
def test_what_is_no_ledger_is_refused(text: str) -> None:
    with pytest.raises(FormatUnknown):
        with_entry(text, {})
