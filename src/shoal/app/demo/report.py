"""What the demo tells: one line for each thing that was checked, then a table."""

import time
from dataclasses import dataclass

import click

from shoal.base.errors import ShoalError
from shoal.base.units import format_size


class DemoFailed(ShoalError):
    """Something was not as it must be."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done and checked. `moved_bytes` 0 means that no rate is of interest."""

    what: str
    seconds: float
    moved_bytes: int

    @property
    def rate(self) -> str:
        """Bytes per second as people write it; empty if none is of interest."""
        return f"{format_size(self.moved_bytes / self.seconds)}/s" if self.moved_bytes and self.seconds else ""


class Report:
    """I time the steps and tell them as they come true."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._began = time.perf_counter()

    def begin(self) -> None:
        """The next step begins now."""
        self._began = time.perf_counter()

    def passed(self, what: str, *, moved_bytes: int = 0) -> None:
        """The step that `begin` began is done and was as it must be."""
        step = Step(what, time.perf_counter() - self._began, moved_bytes)
        self._steps.append(step)
        click.echo(f"  ok  {step.what}")

    def require(self, cond: object, what: str) -> None:
        """Raises: DemoFailed unless `cond` holds."""
        if not cond:
            raise DemoFailed(f"demo failed: {what}")

    def table(self) -> None:
        """All steps with their times and rates."""
        width = max(len(step.what) for step in self._steps)
        click.echo("")
        click.echo(f"  {'what happened':<{width}}  {'seconds':>8}  {'rate':>12}")
        for step in self._steps:
            click.echo(f"  {step.what:<{width}}  {step.seconds:>8.2f}  {step.rate:>12}")
        click.echo(f"\nevery byte came back; {len(self._steps)} of {len(self._steps)} checks passed")
