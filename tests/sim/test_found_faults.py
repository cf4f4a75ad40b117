"""What was found once is found again: the faults in the table of `docs/reliability.md`, planted, and the hunter that
shows each. So the next one of its kind has somebody who looks for it, also where the first was found by reading."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from fuzz.hunt import run
from fuzz.targets import TARGETS
from shoal.formats.segment import SEGMENT_HEADER_BYTES, record_bytes
from shoal.testing.crash.promises import PromiseBroken
from support.bug_hunt import found_by
from support.damaged_volume import OLD_SEGMENT, bytes_of, cuts
from support.errand import live
from support.found_faults import (
    FOUND_BY_SEEDS,
    a_cut_behind_a_record_is_none,
    a_head_is_believed_about_its_length,
    a_spare_that_failed_is_passed_over,
)
from support.planted_bugs import PlantedBug

SEEDS = range(20)
TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "reliability.md"


def test_the_tests_that_the_table_names_exist() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| ") and line.endswith("|")]
    named = {path for row in rows for path in re.findall(r"`(\S+/test_\w+\.py)`", row)}
    assert "sim/test_found_faults.py" in named
    assert [path for path in sorted(named) if not (TESTS / path).is_file()] == []


@pytest.mark.parametrize("fault", FOUND_BY_SEEDS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_seeds_find_out_that(fault: PlantedBug) -> None:
    assert fault.found_as in str(found_by(fault, SEEDS).failure)


async def live_all(seeds: Iterable[int]) -> None:
    for seed in seeds:
        await live(seed)


async def test_drawn_lives_find_out_that_a_volume_is_written_to_behind_a_spare_that_failed() -> None:
    with a_spare_that_failed_is_passed_over(), pytest.raises(PromiseBroken, match="a failed volume was written to"):
        await live_all(range(200))


async def test_cuts_find_out_that_a_segment_is_sealed_anew_where_a_record_ended() -> None:
    length = SEGMENT_HEADER_BYTES + record_bytes(len(bytes_of(1)))
    with a_cut_behind_a_record_is_none():
        ((_, found),) = await cuts(OLD_SEGMENT, [length])
    assert found.lost
    assert not found.alarms
    assert not found.has_damage


async def test_cuts_find_out_that_a_segment_without_a_header_is_removed() -> None:
    with a_cut_behind_a_record_is_none():
        ((_, found),) = await cuts(OLD_SEGMENT, [1])
    assert found.lost
    assert not found.alarms
    assert not found.has_damage


def test_fuzzing_finds_out_that_a_forged_head_costs_what_it_claims() -> None:
    (target,) = [target for target in TARGETS if target.name == "forged-heads"]
    with a_head_is_believed_about_its_length():
        tally = run(target, executions=20, seed=0)
    assert "forged-heads:0:3" in {str(finding).rpartition(": AssertionError")[0] for finding in tally.findings}
