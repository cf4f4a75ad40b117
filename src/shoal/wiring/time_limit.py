"""The time that a user gives a call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from shoal.base.errors import DeadlineExceeded, InvalidArgument

T = TypeVar("T")


@asynccontextmanager
async def within(seconds: float | None, what: str) -> AsyncIterator[None]:
    """Cancel what is done inside after so many seconds; None is for ever. A TimeoutError of its own passes.

    Raises: DeadlineExceeded, which says `what` took too long; InvalidArgument.
    """
    if seconds is not None and not seconds > 0:
        raise InvalidArgument(f"a timeout of {seconds} seconds is not possible; give more than 0, or None for no limit")
    try:
        async with asyncio.timeout(seconds) as scope:
            yield
    except TimeoutError as exc:
        if not scope.expired():
            raise
        raise DeadlineExceeded(f"{what} was not done within its timeout of {seconds:g} s", seconds=seconds) from exc


async def next_within(seconds: float | None, what: str, items: AsyncIterator[T]) -> T | None:
    """The next of `items`, or None at the end. Raises: as `within`."""
    async with within(seconds, what):
        return await anext(items, None)
