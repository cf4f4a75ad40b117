"""Run the checks and test suites, one line each; everything that a step said is shown only if it fails.

`check.py quick` takes about a minute and is what to run before a commit; `check.py all` adds the slow suites. Both end
with a look at the `except` clauses that none of the suites executed (`unexecuted_excepts.py`).
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import unexecuted_excepts

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
STEP_SECONDS_MAX = 1800
CLOSING = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)")


@dataclass(frozen=True, slots=True)
class Step:
    """A command, run in the root of the repository with the tools of `.venv`."""

    name: str
    command: tuple[str, ...]
    is_suite: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended."""

    step: Step
    exit_code: int
    output: str
    seconds: float

    @property
    def closing_line(self) -> str:
        """The last line that the step printed: pytest's own summary."""
        lines = self.output.strip().splitlines()
        return lines[-1].strip("= ") if lines else ""

    @property
    def counts(self) -> Counter[str]:
        """Tests by outcome. A step that failed without a failed test (a linter, a crash of pytest) is one failure."""
        found = CLOSING.findall(self.closing_line) if self.step.is_suite else []
        counts = Counter({word: int(number) for number, word in found})
        counts["failed"] += counts.pop("error", 0) + counts.pop("errors", 0)
        if self.exit_code and not counts["failed"]:
            counts["failed"] = 1
        return counts


def suite(name: str, *, processes: int = 2) -> Step:
    """The tests below `tests/<name>`; `processes` of 0 for those that start clusters and want the machine."""
    options = ("-n", str(processes)) if processes else ()
    return Step(name, ("pytest", "-q", *options, f"tests/{name}"), is_suite=True)


QUICK = (
    Step("ruff check", ("ruff", "check")),
    Step("ruff format", ("ruff", "format", "--check")),
    Step("mypy", ("mypy",)),
    Step("import floors", ("lint-imports", "--no-logo")),
    suite("unit"),
    suite("contract"),
)
SLOW = (suite("machine"), suite("model"), suite("fuzz"), suite("sim"), suite("cluster", processes=0))


def verdict_on_excepts(told: Path) -> Step:
    """What the suites that told in `told` have not executed."""
    return Step("excepts", ("python", "tools/unexecuted_excepts.py", "--told", str(told)))


def perform(step: Step, environment: Mapping[str, str]) -> Outcome:
    """Run one step to its end, or kill it and its children after STEP_SECONDS_MAX; with `environment` beside ours."""
    started = time.monotonic()
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [BIN / step.command[0], *step.command[1:]],
            cwd=ROOT,
            env={**os.environ, "PATH": path, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            exit_code = process.wait(STEP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            exit_code = -signal.SIGKILL
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Outcome(step, exit_code, text, time.monotonic() - started)


def report(outcome: Outcome) -> None:
    """One line for a step that is well; all of its output for one that is not."""
    verdict = "ok" if outcome.exit_code == 0 else f"FAILED (exit code {outcome.exit_code})"
    detail = outcome.closing_line if outcome.step.is_suite else verdict
    print(f"{outcome.seconds:7.1f} s  {detail}", flush=True)
    if outcome.exit_code:
        print(outcome.output, f"--- {outcome.step.name}: {verdict}", sep="\n", flush=True)


def main(which: str) -> int:
    """Run all steps, also after a failure, and return the exit code."""
    steps = QUICK if which == "quick" else QUICK + SLOW
    outcomes = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        telling = unexecuted_excepts.environment(Path(directory))
        for step in steps:
            if not step.is_suite or (ROOT / step.command[-1]).is_dir():
                outcomes.append(_shown(step, telling if step.is_suite else {}))
        if any(outcome.exit_code for outcome in outcomes if outcome.step.is_suite):
            print(f"{'excepts':<14}   skipped: what a suite that failed has not executed says nothing")
        else:
            outcomes.append(_shown(verdict_on_excepts(Path(directory)), {}))
    print(summary(outcomes))
    return 1 if any(outcome.exit_code for outcome in outcomes) else 0


def _shown(step: Step, environment: Mapping[str, str]) -> Outcome:
    print(f"{step.name:<14}", end="", flush=True)
    outcome = perform(step, environment)
    report(outcome)
    return outcome


def summary(outcomes: list[Outcome]) -> str:
    """The last line, and before it the names of the steps that failed."""
    total = sum((outcome.counts for outcome in outcomes), Counter[str]())
    broken = [outcome.step.name for outcome in outcomes if outcome.exit_code]
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    seconds = sum(outcome.seconds for outcome in outcomes)
    closing = f"{total['passed']} passed, {total['failed']} failed{skipped} in {seconds:.0f} s"
    return f"failed: {', '.join(broken)}\n{closing}" if broken else closing


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
