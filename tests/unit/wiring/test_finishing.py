"""Closing, and callers who lose their patience with it."""

import asyncio

import pytest

from shoal.wiring.finishing import finished


async def test_the_outcome_is_that_of_the_closing() -> None:
    async def close(*, fails: bool) -> int:
        await asyncio.sleep(0)
        return 1 // (not fails)

    assert await finished(close(fails=False)) == 1
    with pytest.raises(ZeroDivisionError):
        await finished(close(fails=True))


@pytest.mark.parametrize("fails", [False, True])
async def test_a_caller_that_is_cancelled_waits_for_the_end_of_it(fails: bool) -> None:
    may_end, ended, complaints = asyncio.Event(), list[int](), list[dict[str, object]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def close() -> None:
        await may_end.wait()
        ended.append(1)
        if fails:
            raise ZeroDivisionError

    caller = asyncio.ensure_future(finished(close()))
    for _ in range(3):
        await asyncio.sleep(0)
        caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    may_end.set()
    await asyncio.wait([caller])
    assert caller.cancelled()
    assert (ended, complaints) == ([1], [])
