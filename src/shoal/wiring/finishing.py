"""Closing is never broken off: what is closed after it would be taken away from under it."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from shoal.wiring.env.workers import end_of

T = TypeVar("T")


async def finished(closing: Awaitable[T]) -> T:
    """The outcome of `closing`. A caller that is cancelled, however often, waits for the end all the same; only then
    gets it its CancelledError, and how the closing went is lost."""
    running = asyncio.gather(closing)
    try:
        return (await asyncio.shield(running))[0]
    except asyncio.CancelledError:
        await end_of(running)
        raise
