"""`shoal sim`."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from shoal.app.cli import main
from shoal.testing.sim.failure import Deadlock
from shoal.testing.sim.seed_run import SeedReport, SeedRun

REPORT = SeedReport(
    seed=0,
    operations=100,
    acknowledged=40,
    open_writes=0,
    chunks=90,
    chunks_at_instants=0,
    outcomes={"put done": 40, "get done": 60},
    fired={"power loss": 3},
    crashes_after_puts=2,
    steps=1000,
    virtual_ns=1_000_000_000,
    trace="abcd",
)


INTERRUPTED = 900
"""While this seed runs somebody has enough."""


@pytest.fixture(autouse=True)
def play(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds from 1000 on fail while operations are 10 or more and clogs are not left out."""

    def fake_play(run: SeedRun) -> SeedReport:
        seed = run.world.seed
        run.world.close()
        if seed == INTERRUPTED:
            raise KeyboardInterrupt
        options = run.options
        is_bad = seed >= 1000 and options.workload.operations >= 10 and "clog" in options.nemesis.harms
        return replace(REPORT, seed=seed, failure=Deadlock("all wait") if is_bad else None)

    monkeypatch.setattr(SeedRun, "play", fake_play)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # in this process, where the fake is


def test_seeds_that_are_well_end_with_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seeds", "3", "--seed", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["seed 5", "seed 6", "seed 7", "ok"]
    assert lines[-1].startswith("ok: 3 seeds, 300 operations (120 writes)")


def test_one_seed_is_run_where_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seed", "5", "-q"]) == 0
    assert capsys.readouterr().out.startswith("ok: 1 seeds")


def failing_seed() -> int:
    return next(seed for seed in range(1000, 1100) if "clog" in SeedRun(seed).options.nemesis.harms)


def test_a_failure_tells_how_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    seed = failing_seed()
    assert main(["sim", "--seed", str(seed), "--without", "pause", "--profile", "network", "-q"]) in (0, 1)
    capsys.readouterr()
    assert main(["sim", "--seed", str(seed), "--without", "pause"]) == 1
    told = capsys.readouterr().out
    assert "FAILED" in told
    assert "Deadlock: all wait" in told
    assert f"again: shoal sim --seed {seed} --without pause\n" in told


def test_shrinking_names_the_smallest_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    seed = failing_seed()
    assert main(["sim", "--seed", str(seed), "--shrink", "-q"]) == 1
    told = capsys.readouterr().out
    smallest = next(line for line in told.splitlines() if "smallest" in line)
    assert "--without clog" not in smallest
    words = smallest.partition("shoal ")[2].split()
    assert 10 <= int(words[-1]) < 20
    assert main(words) == 1


def test_the_result_is_written_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result, ledger = tmp_path / "result.json", tmp_path / "ledger.json"
    words = ["sim", "--seeds", "2", "-q", "--commit", "abc", "--json", str(result), "--ledger", str(ledger)]
    assert main(words) == 0
    assert main(words) == 0
    entry = json.loads(result.read_text())
    assert (entry["commit"], entry["seeds"], entry["verdict"]) == ("abc", 2, "ok")
    assert json.loads(ledger.read_text()) == [entry, entry]
    assert capsys.readouterr().out.count("ok: 2 seeds") == 2


def test_an_interrupted_run_tells_of_what_is_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "result.json"
    assert main(["sim", "--seed", str(INTERRUPTED - 2), "--seeds", "5", "-q", "--json", str(result)]) == 130
    assert json.loads(result.read_text())["seeds"] == 2
    assert capsys.readouterr().out.startswith("ok: 2 seeds")


@pytest.mark.parametrize("words", [["--profile", "none"], ["--without", "clock"], ["--seeds", "0"]])
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", *words]) == 2
    assert capsys.readouterr().err
