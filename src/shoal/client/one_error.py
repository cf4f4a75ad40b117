"""A group of tasks that work on one thing fails with one error: the first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shoal.base.errors import ShoalError


@asynccontextmanager
async def one_error() -> AsyncIterator[None]:
    """Around a TaskGroup: raise the first ShoalError of its tasks instead of an exception group; bugs stay grouped."""
    try:
        yield
    except BaseExceptionGroup as group:
        for exc in group.exceptions:
            if isinstance(exc, ShoalError):
                raise exc from None
        raise
