"""A pipe may make its reader wait for ever; nobody else waits."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shoal.wiring.env.blocking_stream import BlockingStream


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The ends of a pipe; who has closed one puts nothing in its place."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue  # the test has closed it


async def test_all_that_comes_is_read_until_the_end(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    frames = BlockingStream(read_end).frames()
    os.write(write_end, b"hello")
    assert await anext(frames) == b"hello"
    os.write(write_end, b"more")
    os.close(write_end)
    assert [bytes(frame) async for frame in frames] == [b"more"]


async def test_all_is_written_although_the_pipe_takes_less(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    content = os.urandom(300_000)
    writer, reader = BlockingStream(write_end), BlockingStream(read_end)
    got = b""
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.write(content))
        async for frame in reader.frames():
            got += frame
            if len(got) == len(content):
                break
    assert got == content


async def test_reader_that_has_gone_is_told(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        await BlockingStream(pipe[1]).write(b"hello")


async def test_cancelled_reader_does_not_wait_for_the_pipe(pipe: tuple[int, int]) -> None:
    stream = BlockingStream(pipe[0])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await anext(stream.frames())
    os.write(pipe[1], b"late")  # lets the thread go on; nobody takes what it read


def test_process_ends_although_its_input_does_not() -> None:
    program = """
import asyncio
from shoal.wiring.env.blocking_stream import BlockingStream
async def main():
    async with asyncio.timeout(0.01):
        await anext(BlockingStream(0).frames())
try:
    asyncio.run(main())
except TimeoutError:
    print("ended")
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b"ended\n"
