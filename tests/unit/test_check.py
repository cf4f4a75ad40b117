"""The check command counts what ran, and nothing that went wrong can pass for success."""

import sys
from pathlib import Path

import pytest

import check
from check import Outcome, Step

SUITE = Step("unit", ("pytest", "tests/unit"), is_suite=True)
LINTER = Step("ruff check", ("ruff", "check"))


def python(code: str) -> Step:
    return Step("python", (sys.executable, "-S", "-c", code))


@pytest.mark.parametrize(
    ("step", "exit_code", "output", "passed", "failed"),
    [
        (SUITE, 0, "...\n12 passed in 0.34s\n", 12, 0),
        (SUITE, 0, "==== 12 passed, 1 skipped in 0.34s ====", 12, 0),
        (SUITE, 1, "1 failed, 11 passed, 2 errors in 0.34s\n", 11, 3),
        (SUITE, 1, "1 error in 0.34s\n", 0, 1),
        (SUITE, 5, "no tests ran in 0.01s\n", 0, 1),
        (SUITE, 3, "INTERNALERROR> 7 passed away", 7, 1),
        (SUITE, -9, "", 0, 1),
        (LINTER, 0, "All checks passed!", 0, 0),
        (LINTER, 1, "Found 2 errors.", 0, 1),
    ],
)
def test_outcome_counts_tests_and_broken_steps(
    step: Step, exit_code: int, output: str, passed: int, failed: int
) -> None:
    counts = Outcome(step, exit_code, output, 0.3).counts

    assert (counts["passed"], counts["failed"]) == (passed, failed)


def test_summary_ends_with_the_totals_and_names_what_failed() -> None:
    outcomes = [Outcome(LINTER, 1, "", 1.0), Outcome(SUITE, 0, "12 passed, 3 skipped in 2s", 2.0)]

    assert check.summary(outcomes).splitlines() == ["failed: ruff check", "12 passed, 1 failed, 3 skipped in 3 s"]


def test_exit_code_and_output_of_a_step_are_kept() -> None:
    outcome = check.perform(python("import sys; print('why'); print('where', file=sys.stderr); sys.exit(3)"), {})

    assert outcome.exit_code == 3
    assert set(outcome.output.split()) == {"why", "where"}


def test_step_that_hangs_is_killed_and_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "STEP_SECONDS_MAX", 0.01)

    outcome = check.perform(python("import time; time.sleep(60)"), {})

    assert outcome.exit_code != 0
    assert outcome.seconds < 10


TELLING = "import os; open(os.environ['EXCEPT_PROBE_DIR'] + '/1.told', 'w').close(); print('1 passed in 0.1s')"
FAILING = "import sys; print('1 failed in 0.1s'); sys.exit(1)"


def only_suite(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """This is all that there is to run; the verdict is that it has told."""
    suite = Step("unit", (sys.executable, "-S", "-c", code, "tests/unit"), is_suite=True)
    monkeypatch.setattr(check, "QUICK", (suite,))

    def verdict(told: Path) -> Step:
        return python(f"import os, sys; sys.exit(os.listdir({str(told)!r}) != ['1.told'])")

    monkeypatch.setattr(check, "verdict_on_excepts", verdict)


def test_the_verdict_on_handlers_is_a_step_of_its_own_behind_the_suites(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_suite(monkeypatch, TELLING)
    assert check.main("quick") == 0
    only_suite(monkeypatch, "print('1 passed in 0.1s')")
    assert check.main("quick") == 1
    assert "failed: python\n1 passed, 1 failed in " in capsys.readouterr().out


def test_there_is_no_verdict_on_handlers_when_a_suite_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_suite(monkeypatch, FAILING)
    assert check.main("quick") == 1
    said = capsys.readouterr().out
    assert "excepts          skipped" in said
    assert "failed: unit\n" in said
