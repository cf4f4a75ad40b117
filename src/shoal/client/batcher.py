"""Many small calls as few messages: while messages are under way, what comes next waits and goes together.

A single caller waits for nobody; a crowd shares signatures, syscalls and the engine's commit.
"""

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Generic, TypeVar

from shoal.base.errors import InvalidArgument, OutcomeUnknown, ShoalError, check
from shoal.client.background import Spawn

Q = TypeVar("Q")
A = TypeVar("A")

IN_FLIGHT = 2
"""Messages under way at a time: one that the other side works on, one on the wire."""


class Batcher(Generic[Q, A]):
    """I collect questions of concurrent callers, ask them together, and give each caller its own answer."""

    def __init__(
        self,
        ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        batch_max: int,
        spawn: Spawn,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        """`ask` answers at most `batch_max` questions, in their order."""
        self._ask = ask
        self._batch_max = batch_max
        self._spawn = spawn
        self._free = in_flight
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()

    async def submit(self, question: Q) -> A:
        """The answer to `question`. Raises: what `ask` raised for its batch; OutcomeUnknown if the client was closed.

        Cancelled before the question was sent, it is not sent; after that, only its answer is dropped.
        """
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._start()
        return await future

    def _start(self) -> None:
        while self._free and (batch := self._next_batch()):
            try:
                task = self._spawn(self._send(batch), "batch")
            except InvalidArgument:
                self._waiting.extendleft(reversed(batch))
                raise
            self._free -= 1
            task.add_done_callback(partial(self._ended, batch))

    def _next_batch(self) -> list[tuple[Q, asyncio.Future[A]]]:
        batch: list[tuple[Q, asyncio.Future[A]]] = []
        while self._waiting and len(batch) < self._batch_max:
            entry = self._waiting.popleft()
            if not entry[1].done():
                batch.append(entry)
        return batch

    async def _send(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._ask([question for question, _ in batch])
            check(len(answers) == len(batch), "a batch got another number of answers than questions")
        except ShoalError as exc:
            _fail(batch, exc)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _ended(self, batch: list[tuple[Q, asyncio.Future[A]]], task: "asyncio.Task[None]") -> None:
        """Also of a task that was cancelled before it began."""
        self._free += 1
        if task.cancelled() or task.exception() is not None:
            self._give_up(batch)
            return
        try:
            self._start()
        except InvalidArgument:  # the client was left since: nobody else comes to tell those who wait
            self._give_up(())

    def _give_up(self, batch: Iterable[tuple[Q, asyncio.Future[A]]]) -> None:
        _fail([*batch, *self._waiting], OutcomeUnknown("the client was closed before an answer came"))
        self._waiting.clear()


def _fail(batch: Iterable[tuple[Q, asyncio.Future[A]]], error: ShoalError) -> None:
    """Each caller gets an error of its own: one that several tasks raise would gather the traces of all."""
    for _, future in batch:
        if not future.done():
            own = copy.copy(error)
            own.__cause__ = error
            future.set_exception(own)
