"""Many small calls as few messages: while one message is under way, what comes next waits and goes together.

A single caller waits for nobody; a crowd shares signatures, syscalls and the engine's commit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shoal.base.errors import ShoalError, check

Q = TypeVar("Q")
A = TypeVar("A")

IN_FLIGHT = 2
"""Messages under way at a time: one that the other side works on, one on the wire."""


class Batcher(Generic[Q, A]):
    """I collect questions of concurrent callers and give each its own answer."""

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], *, batch_max: int) -> None:
        self._ask = ask
        self._batch_max = batch_max
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._in_flight = 0

    async def submit(self, question: Q, group: asyncio.TaskGroup) -> A:
        """The answer to `question`; messages are sent by tasks of `group`. Raises what the message raised. Cancelled:
        the question may have been sent."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._start(group)
        return await future

    def _start(self, group: asyncio.TaskGroup) -> None:
        while self._waiting and self._in_flight < IN_FLIGHT:
            batch, self._waiting = self._waiting[: self._batch_max], self._waiting[self._batch_max :]
            self._in_flight += 1
            group.create_task(self._send(batch, group), name="batch")

    async def _send(self, batch: list[tuple[Q, asyncio.Future[A]]], group: asyncio.TaskGroup) -> None:
        try:
            answers = await self._ask([question for question, _ in batch])
            check(len(answers) == len(batch), "a batch got another number of answers than questions")
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        except ShoalError as exc:
            for _, future in batch:
                if not future.done():
                    future.set_exception(exc)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        finally:
            self._in_flight -= 1
            self._start(group)
