"""The tasks of a client: owned, ended with it, never lost."""

import asyncio

import pytest

from shoal.base.errors import InvalidArgument, InvariantBroken, NotFound
from shoal.client.background import Background


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_what_is_under_way_is_cancelled_at_the_end() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    async with Background() as background:
        task = background.spawn(forever(), "forever")
        await asyncio.sleep(0)
    assert task.cancelled()
    assert ended == ["forever"]


async def test_the_callers_own_error_goes_on_as_it_is() -> None:
    async def caller() -> None:
        async with Background() as background:
            background.spawn(_forever(), "forever")
            raise NotFound("mine")

    with pytest.raises(NotFound, match="mine"):
        await caller()


async def test_a_bug_in_a_task_ends_the_caller() -> None:
    async def broken() -> None:
        raise TypeError("a bug")

    async def caller() -> None:
        async with Background() as background:
            background.spawn(broken(), "broken")
            await _forever()

    with pytest.raises(ExceptionGroup) as caught:
        await caller()
    assert caught.value.subgroup(TypeError) is not None


async def test_the_callers_cancellation_passes() -> None:
    entered = asyncio.Event()

    async def caller() -> None:
        async with Background() as background:
            background.spawn(_forever(), "forever")
            entered.set()
            await _forever()

    task = asyncio.ensure_future(caller())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("is_left", [False, True])
async def test_nothing_starts_before_or_after(is_left: bool) -> None:
    background = Background()
    if is_left:
        async with background:
            pass
    with pytest.raises(InvalidArgument, match="not open"):
        background.spawn(asyncio.sleep(0), "late")


async def test_it_is_opened_once() -> None:
    background = Background()
    async with background:
        pass
    with pytest.raises(InvariantBroken):
        await background.__aenter__()
