"""The line of a seed."""

from dataclasses import replace

from shoal.testing.sim.failure import Deadlock
from shoal.testing.sim.seed_line import summary
from shoal.testing.sim.seed_run import SeedReport

REPORT = SeedReport(
    seed=7,
    operations=120,
    acknowledged=40,
    open_writes=2,
    chunks=90,
    chunks_at_instants=120,
    outcomes={"put done": 40},
    fired={"power loss": 3, "restart": 3},
    crashes_after_puts=2,
    steps=1000,
    virtual_ns=61_500_000_000,
    trace="abcd",
)


def test_a_line_says_what_was_done_what_went_wrong_and_what_became_of_it() -> None:
    assert summary(REPORT) == (
        "seed 7: ok: 120 operations, 40 puts acknowledged, 2 writes open, 90 chunks whole, 1000 steps, 62 s;"
        " faults: power loss 3, restart 3; trace abcd"
    )


def test_a_seed_without_a_crash_after_a_put_does_not_count() -> None:
    assert REPORT.counts
    idle = replace(REPORT, crashes_after_puts=0)
    assert not idle.counts
    assert "had no crash after a put" in summary(idle)


def test_a_failure_is_told() -> None:
    failed = replace(REPORT, failure=Deadlock("all wait"))
    assert not failed.counts
    assert "seed 7: FAILED:" in summary(failed)
