"""A group of tasks that work on one thing fails with one error: the first."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from shoal.base.errors import ShoalError


@asynccontextmanager
async def one_error() -> AsyncIterator[None]:
    """Around a TaskGroup: raise the first error of its tasks instead of an exception group.

    A bug among them keeps the group together, so that nothing hides it.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        if all(isinstance(each, ShoalError) for each in errors):
            raise errors[0] from None
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
