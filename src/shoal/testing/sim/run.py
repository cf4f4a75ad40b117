"""`python -m shoal.testing.sim.run --seeds N --seed S`: N seeds from S on, a line for each.

Exits with 0 if every seed is well and had a crash after an acknowledged put, else with 1. A line is the same in every
process that runs the same code under the same minor version of Python.
"""

import argparse
import sys
import traceback
from collections.abc import Iterator, Sequence

from shoal.testing.sim.seed_run import SeedReport, SeedRun

_LOG_LINES = 60


def summary(report: SeedReport) -> str:
    """One line that says all that counts about a seed."""
    verdict = "ok" if report.counts else "FAILED" if report.failure else "had no crash after a put"
    faults = ", ".join(f"{kind} {count}" for kind, count in report.fired.items())
    return (
        f"seed {report.seed}: {verdict}: {report.operations} operations, {report.acknowledged} puts acknowledged,"
        f" {report.open_writes} writes open, {report.chunks} chunks whole, {report.steps} steps,"
        f" {report.virtual_ns / 1e9:.0f} s; faults: {faults}; trace {report.trace}"
    )


def evidence(run: SeedRun, report: SeedReport) -> Iterator[str]:
    """What somebody needs who looks for the reason of a failure."""
    yield f"options: {run.options}"
    yield f"outcomes: {dict(report.outcomes)}"
    yield from report.log[-_LOG_LINES:]
    yield "".join(traceback.format_exception(report.failure)).rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m shoal.testing.sim.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=30, help="how many (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="the first (default: 0)")
    chosen = parser.parse_args(arguments)
    well = 0
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        run = SeedRun(seed)
        report = run.play()
        sys.stdout.write(f"{summary(report)}\n")
        if report.failure:
            sys.stdout.writelines(f"  {line}\n" for text in evidence(run, report) for line in text.splitlines())
        sys.stdout.flush()
        well += report.counts
    return 0 if well == chosen.seeds else 1


if __name__ == "__main__":
    sys.exit(main())
