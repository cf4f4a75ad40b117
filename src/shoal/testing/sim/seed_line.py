"""What is told of a seed. Its line is the same in every process that runs the same code under the same minor version
of Python."""

import traceback
from collections.abc import Iterator

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
