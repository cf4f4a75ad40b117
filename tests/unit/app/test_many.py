"""Many at a time: what fails is told, counted, and harms nobody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import click
import pytest

from shoal.app.exit_codes import ExitCode
from shoal.app.many import AT_A_TIME, GIVE_UP_AFTER, Many
from shoal.app.progress import TransferBar
from shoal.base.errors import AccessDenied, NodeUnreachable, NotFound


async def items(count: int) -> AsyncIterator[int]:
    """Numbers."""
    for number in range(count):
        yield number


def many_of(work: Callable[[int], Awaitable[int]], *, is_debug: bool = False) -> Many[int]:
    """Over numbers, without a bar."""
    return Many(work, name_of=str, bar=TransferBar("all", is_wanted=False), is_debug=is_debug)


async def test_all_are_done_and_their_bytes_counted() -> None:
    async def work(number: int) -> int:
        return number

    many = many_of(work)
    await many.run(items(20))
    many.finish()
    assert (many.done, many.failed, many.moved_bytes) == (20, 0, sum(range(20)))


async def test_no_more_than_a_few_are_under_way() -> None:
    under_way = most = 0

    async def work(_: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return 0

    await many_of(work).run(items(50))
    assert most == AT_A_TIME


async def test_failure_is_told_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(number: int) -> int:
        if number == 2:
            raise NotFound("it is\ngone")
        if number == 4:
            raise AccessDenied("not yours")
        return 1

    many = many_of(work)
    await many.run(items(6))
    assert (many.done, many.failed) == (4, 2)
    assert capsys.readouterr().err == "shoal: 2: it is gone\nshoal: 4: not yours\n"
    with pytest.raises(click.exceptions.Exit) as ended:
        many.finish()
    assert ended.value.exit_code == ExitCode.NOT_FOUND
    assert capsys.readouterr().err == "shoal: 2 of 6 failed\n"


async def test_debug_shows_where_a_failure_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(_: int) -> int:
        raise NotFound("gone")

    await many_of(work, is_debug=True).run(items(1))
    assert capsys.readouterr().err.startswith("Traceback")


async def test_output_that_nobody_takes_ends_it() -> None:
    begun = 0

    async def work(_: int) -> int:
        nonlocal begun
        begun += 1
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await many_of(work).run(items(100))
    assert begun <= AT_A_TIME + 1


async def test_items_that_end_in_an_error_raise_it_alone() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise NodeUnreachable("no coordinator answers")

    async def work(_: int) -> int:
        return 1

    with pytest.raises(NodeUnreachable):
        await many_of(work).run(broken())


async def test_cluster_that_is_away_is_not_asked_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(_: int) -> int:
        raise NodeUnreachable("no coordinator answers")

    many = many_of(work)
    await many.run(items(1000))
    assert GIVE_UP_AFTER <= many.failed <= GIVE_UP_AFTER + AT_A_TIME
    with pytest.raises(click.exceptions.Exit) as ended:
        many.finish()
    assert ended.value.exit_code == ExitCode.UNAVAILABLE
    assert capsys.readouterr().err.endswith(" failed, and the rest was not tried\n")


async def test_failures_between_successes_stop_nothing() -> None:
    async def work(number: int) -> int:
        if number % 2:
            raise NodeUnreachable("this one only")
        return 1

    many = many_of(work)
    await many.run(items(100))
    assert (many.done, many.failed) == (50, 50)
