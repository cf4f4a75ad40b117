"""The same work for many: several at a time, and what fails does not keep the rest from being done."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

import click

from shoal.app.exit_codes import exit_code
from shoal.app.progress import TransferBar
from shoal.base.errors import LocalFault, ShoalError, TransientError
from shoal.client.one_error import one_error

T = TypeVar("T")

AT_A_TIME = 8
"""Enough to hide round trips of small files; large ones have several chunks on their way each."""

GIVE_UP_AFTER = 2 * AT_A_TIME
"""Failures in a row that are no item's fault: a cluster that is away, or a full disk here, would fail all the rest too,
each after its own patience."""


class Many(Generic[T]):
    """I do one piece of work for each item, tell what failed as it fails, and count."""

    def __init__(
        self, work: Callable[[T], Awaitable[int]], *, name_of: Callable[[T], str], bar: TransferBar, is_debug: bool
    ) -> None:
        """`work` returns the bytes that it moved. `name_of` is what an item is called when it fails."""
        self._work = work
        self._name_of = name_of
        self._bar = bar
        self._is_debug = is_debug
        self._output_error: OSError | None = None
        self._first_failure: ShoalError | None = None
        self._in_vain = 0
        self.done = 0
        """Items whose work ended well."""
        self.failed = 0
        self.moved_bytes = 0

    async def run(self, items: AsyncIterator[T]) -> None:
        """Work through `items`, unless nothing works any more.

        Raises: what `items` raises, after what was begun; OSError if nobody takes the output any more.
        """
        gate = asyncio.Semaphore(AT_A_TIME)

        async def one(item: T) -> None:
            await self._do(item)
            gate.release()

        async with one_error(), asyncio.TaskGroup() as group:
            async for item in items:
                await gate.acquire()
                if self._is_futile:
                    break
                group.create_task(one(item), name="one-of-many")
        if self._output_error is not None:
            raise self._output_error

    def finish(self) -> None:
        """Raises: click's Exit with the code of the first failure, if there was one."""
        if self._first_failure is not None:
            rest = ", and the rest was not tried" if self._is_futile else ""
            self._bar.tell(f"shoal: {self.failed:,} of {self.failed + self.done:,} failed{rest}")
            raise click.exceptions.Exit(exit_code(self._first_failure))

    @property
    def _is_futile(self) -> bool:
        return self._output_error is not None or self._in_vain >= GIVE_UP_AFTER

    async def _do(self, item: T) -> None:
        try:
            self.moved_bytes += await self._work(item)
            self.done += 1
            self._in_vain = 0
        except ShoalError as exc:
            # Whoever reads the line must act; the others have nothing to do with it.
            self._first_failure = self._first_failure or exc
            self.failed += 1
            self._in_vain = self._in_vain + 1 if isinstance(exc, TransientError | LocalFault) else 0
            if self._is_debug:
                self._bar.tell("".join(traceback.format_exception(exc)).rstrip())
            self._bar.tell(f"shoal: {self._name_of(item)}: {' '.join(exc.sentence.split())}")
        except OSError as exc:
            # Files and nodes fail with errors of ours: this is standard output, and no item can be told any more.
            self._output_error = self._output_error or exc
