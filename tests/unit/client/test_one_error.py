"""One error out of a group."""

import asyncio

import pytest

from shoal.base.errors import NodeUnreachable, NotFound, ShoalError
from shoal.client.one_error import one_error


async def _fail(error: Exception) -> None:
    raise error


async def _run(*errors: Exception) -> None:
    async with one_error(), asyncio.TaskGroup() as group:
        for error in errors:
            group.create_task(_fail(error))


async def test_the_first_error_of_a_group_is_raised_alone() -> None:
    with pytest.raises(NotFound, match="first"):
        await _run(NotFound("first"), NodeUnreachable("second"))


async def test_an_error_of_a_group_in_a_group_is_found() -> None:
    with pytest.raises(NotFound, match="inside"):
        async with one_error(), asyncio.TaskGroup() as group:
            group.create_task(_in_a_group(NotFound("inside")))


async def _in_a_group(error: ShoalError) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_fail(error))


async def test_a_bug_is_not_hidden_by_the_errors_beside_it() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await _run(NotFound("expected"), TypeError("a bug"))
    assert caught.value.subgroup(TypeError) is not None


async def test_what_was_not_grouped_stays_as_it_is() -> None:
    with pytest.raises(NotFound, match="alone"):
        async with one_error():
            raise NotFound("alone")


async def test_cancellation_passes() -> None:
    with pytest.raises(asyncio.CancelledError):
        async with one_error(), asyncio.TaskGroup():
            raise asyncio.CancelledError
