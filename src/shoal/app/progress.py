"""A progress bar on a terminal's standard error: bytes, rate, time left. Elsewhere nothing.

It appears only when a transfer has gone on for a while; the library that draws it takes longer to load than most
transfers take to end.
"""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from shoal.app.output import shown

if TYPE_CHECKING:
    from rich.progress import Progress

_SHOW_AFTER_S = 0.3
_NAME_MAX = 32


class TransferBar:
    """I show how far one transfer is. Use me as a context: what I drew is gone at its end."""

    def __init__(self, name: str, *, is_wanted: bool) -> None:
        self._name = shown(name)
        self._is_wanted = is_wanted and sys.stderr.isatty()
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._done = 0
        self.total: int | None = None
        """Bytes to come, if that is known."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    @property
    def is_wanted(self) -> bool:
        """Whether I would be seen."""
        return self._is_wanted

    @property
    def seconds(self) -> float:
        """Since I was made."""
        return time.monotonic() - self._began

    def advance(self, done: int) -> None:
        """So many bytes are done in all."""
        if self._is_wanted and self._progress is None and self.seconds > _SHOW_AFTER_S:
            self._progress = _drawn(self._name, self.total)
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=done)

    def share(self) -> Callable[[int], None]:
        """For one of several transfers that I show as one: what it calls with the bytes that are done of it alone."""
        counted = 0

        def advance(done: int) -> None:
            nonlocal counted
            self._done += done - counted
            counted = done
            self.advance(self._done)

        return advance

    def tell(self, line: str) -> None:
        """A line on standard error, above what I drew."""
        if self._progress is None:
            sys.stderr.write(line + "\n")
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _drawn(name: str, total: int | None) -> "Progress":
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
    )
    progress.add_task(escape(name if len(name) <= _NAME_MAX else f"…{name[1 - _NAME_MAX :]}"), total=total)
    progress.start()
    return progress
