"""A whole cluster in one process: twenty seeds, the same run in every process, and bugs that must be found."""

import subprocess
import sys

import pytest

from shoal.app.cli import main
from shoal.testing.sim.seed_line import summary
from shoal.testing.sim.seed_run import SeedReport, SeedRun
from support.bug_hunt import found_by
from support.planted_bugs import PLANTED_BUGS, PlantedBug

SEEDS = range(20)
OPERATIONS_MIN = 100
PUTS_MIN = 30
TWICE = range(2)


def play(seed: int) -> SeedReport:
    """A seed that must be well; its line is shown with `-rP`, and where it fails."""
    run = SeedRun(seed)
    report = run.play()
    sys.stdout.write(f"{summary(report)}\n")
    if report.failure:
        raise AssertionError(f"{run.options}") from report.failure
    return report


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_acknowledged_is_lost(seed: int) -> None:
    report = play(seed)
    assert report.operations >= OPERATIONS_MIN
    assert report.acknowledged >= PUTS_MIN
    assert report.crashes_after_puts > 0
    assert report.chunks > 0
    assert report.fired["power loss"] > 0


def test_a_seed_is_the_same_run_in_every_process() -> None:
    command = [sys.executable, "-m", "shoal", "sim", f"--seeds={len(TWICE)}", f"--seed={TWICE.start}"]
    running = [
        subprocess.Popen(command, env={"PYTHONHASHSEED": hash_seed}, stdout=subprocess.PIPE, text=True)
        for hash_seed in ("1", "4711")
    ]
    told = {process.communicate()[0].rpartition("ok: ")[0] for process in running}
    assert told == {"".join(f"{summary(SeedRun(seed).play())}\n" for seed in TWICE)}


def test_the_runner_says_what_failed_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    bug = next(bug for bug in PLANTED_BUGS if bug.name == "preconditions are not looked at")
    with bug.planted():
        assert main(["sim", "--seed", str(found_by(bug).seed)]) == 1
    told = capsys.readouterr().out
    assert "FAILED" in told
    assert bug.found_as in told
    assert "options: SwarmOptions(" in told
    assert told.splitlines()[-1].startswith("FAILED: ")


@pytest.mark.parametrize("bug", PLANTED_BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_found(bug: PlantedBug) -> None:
    assert bug.found_as in str(found_by(bug).failure)
