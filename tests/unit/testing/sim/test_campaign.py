"""The verdict over many seeds."""

from dataclasses import replace

import pytest

from shoal.testing.sim.campaign import SEEDS_FOR_ALL_KINDS, Tally
from shoal.testing.sim.failure import Deadlock
from shoal.testing.sim.fault_kinds import FAULT_KINDS, kinds_of
from shoal.testing.sim.seed_run import SeedReport
from shoal.testing.sim.swarm import PROFILES

FIRED = {kind.counters[0]: 1 for kind in FAULT_KINDS.values()}
REPORT = SeedReport(
    seed=7,
    operations=100,
    acknowledged=40,
    open_writes=2,
    chunks=90,
    chunks_at_instants=60,
    outcomes={"put done": 40, "put_if refused": 5, "get done": 55},
    fired=FIRED,
    crashes_after_puts=2,
    steps=1000,
    virtual_ns=3_600_000_000_000,
    trace="abcd",
)


def tally_of(*reports: SeedReport) -> Tally:
    tally = Tally(PROFILES["swarm"])
    for report in reports:
        tally.add(report)
    return tally


def test_a_verdict_counts_what_was_done_and_what_went_wrong() -> None:
    tally = tally_of(REPORT, replace(REPORT, seed=8))
    assert tally.is_well
    assert (tally.writes, tally.chunks) == (90, 300)
    assert tally.verdict() == (
        f"ok: 2 seeds, 200 operations (90 writes), 2.0 cluster-hours, {2 * len(FAULT_KINDS)} faults;"
        " no acknowledged write lost, no wrong byte, nothing stuck"
    )


def test_a_failed_seed_fails_all() -> None:
    tally = tally_of(REPORT, replace(REPORT, seed=8, failure=Deadlock("all wait")))
    assert not tally.is_well
    assert tally.failures == {8: "Deadlock: all wait"}
    assert tally.verdict().startswith("FAILED: 8 of 2 seeds, ")


def test_a_seed_without_a_crash_after_a_put_is_told() -> None:
    tally = tally_of(replace(REPORT, crashes_after_puts=0))
    assert tally.is_well
    assert tally.verdict().endswith("; 1 seeds had no crash after a put")


def test_with_many_seeds_a_kind_that_never_fired_fails_all() -> None:
    calm = replace(REPORT, fired={name: count for name, count in FIRED.items() if name != "rot"})
    assert tally_of(*[calm] * (SEEDS_FOR_ALL_KINDS - 1)).is_well
    tally = tally_of(*[calm] * SEEDS_FOR_ALL_KINDS)
    assert not tally.is_well
    assert tally.verdict().startswith("FAILED: never fired: rot; ")
    tally.add(REPORT)
    assert tally.is_well


@pytest.mark.parametrize("name", PROFILES)
def test_every_kind_that_a_profile_can_make_is_asked_for(name: str) -> None:
    for kind in kinds_of(PROFILES[name]):
        tally = Tally(PROFILES[name])
        fired = {each.counters[0]: 1 for other, each in FAULT_KINDS.items() if other != kind}
        for seed in range(SEEDS_FOR_ALL_KINDS):
            tally.add(replace(REPORT, seed=seed, fired=fired))
        assert tally.unfired == [kind]
        assert not tally.is_well
