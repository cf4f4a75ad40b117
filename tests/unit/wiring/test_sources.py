"""Whatever a user gives to be stored."""

import array
import asyncio
import gzip
import io
import mmap
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from shoal.base.errors import InvalidArgument, NotFound
from shoal.wiring.sources import FRAME_BYTES, AnyGiven, is_asynchronous, opened_source
from shoal.wiring.users_code import Transfer, UsersThread

CONTENT = os.urandom(3 * FRAME_BYTES + 77)


async def stored(given: object) -> tuple[bytes, int | None]:
    """All bytes, and the total that was known before."""
    with UsersThread() as thread:
        transfer = Transfer(thread)
        return await transfer.run(_stored(given, transfer))


async def _stored(given: AnyGiven | object, transfer: Transfer) -> tuple[bytes, int | None]:
    content = b""
    async with opened_source(given, transfer) as opened:  # type: ignore[arg-type]
        while count := await opened.source.available(len(content), 1 << 20):
            content += bytes(await opened.source.read_at(len(content), count))
        return content, opened.total


class ShortReads(io.RawIOBase):
    """A file that gives few bytes at a time."""

    def __init__(self) -> None:
        self.rest = CONTENT

    def read(self, size: int = -1, /) -> bytes:
        frame, self.rest = self.rest[:10_007], self.rest[10_007:]
        return frame


class AsyncFile:
    """A file whose reads are awaited."""

    def __init__(self) -> None:
        self.rest = CONTENT

    async def read(self, size: int) -> bytes:
        await asyncio.sleep(0)
        frame, self.rest = self.rest[:size], self.rest[size:]
        return frame


def cut() -> Iterator[bytes]:
    for at in range(0, len(CONTENT), 10_007):
        yield CONTENT[at : at + 10_007]


async def cut_later() -> AsyncIterator[bytes]:
    for piece in cut():
        await asyncio.sleep(0)
        yield piece


def one_buffer() -> Iterator[bytearray]:
    buffer = bytearray(1000)
    for at in range(0, len(CONTENT), 1000):
        buffer[:] = CONTENT[at : at + 1000]
        yield buffer


def streamed() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(CONTENT)
    reader.feed_eof()
    return reader


def mapped() -> mmap.mmap:
    memory = mmap.mmap(-1, len(CONTENT))
    memory.write(CONTENT)
    return memory


@pytest.mark.parametrize(
    ("make", "total"),
    [
        (lambda: CONTENT, len(CONTENT)),
        (lambda: bytearray(CONTENT), len(CONTENT)),
        (lambda: memoryview(CONTENT), len(CONTENT)),
        (mapped, len(CONTENT)),
        (lambda: io.BytesIO(CONTENT), len(CONTENT)),
        (ShortReads, None),
        (lambda: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(CONTENT, 1))), None),
        (cut, None),
        (lambda: list(cut()), None),
        (one_buffer, None),
        (cut_later, None),
        (streamed, None),
        (AsyncFile, None),
    ],
)
async def test_all_bytes_come_whatever_they_are_given_as(make: Callable[[], object], total: int | None) -> None:
    assert await stored(make()) == (CONTENT, total)


async def test_files_are_read_from_where_they_stand_and_stay_open(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    assert await stored(tmp_path / "a") == (CONTENT, len(CONTENT))
    with (tmp_path / "a").open("rb") as file:
        file.read(7)
        assert await stored(file) == (CONTENT[7:], len(CONTENT) - 7)
        assert not file.closed


async def test_a_pipe_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"hello")
    os.close(writing)
    with os.fdopen(reading, "rb") as reader:
        assert await stored(reader) == (b"hello", None)


async def test_items_of_numbers_in_memory_are_their_bytes() -> None:
    assert await stored(array.array("H", [1, 2])) == (array.array("H", [1, 2]).tobytes(), 4)


async def test_blocking_code_is_not_run_on_the_loop() -> None:
    def where() -> Iterator[bytes]:
        yield threading.current_thread().name.encode()

    assert await stored(where()) == (b"shoal-users-code", None)


@pytest.mark.parametrize("make", [cut, cut_later, AsyncFile])
async def test_what_a_source_raises_comes_out_as_it_is(make: Callable[[], object]) -> None:
    error = KeyError("mine")

    def fail() -> Iterator[bytes]:
        yield b"x"
        raise error

    async def fail_later() -> AsyncIterator[bytes]:
        yield b"x"
        raise error

    class Failing(AsyncFile):
        async def read(self, size: int) -> bytes:
            raise error

    sources: dict[object, object] = {cut: fail, cut_later: fail_later, AsyncFile: Failing}
    with pytest.raises(KeyError) as caught:
        await stored(sources[make]())  # type: ignore[operator]
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (None, None)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("text", "give text.encode"),
        (7, "a int cannot be stored"),
        (None, "a NoneType cannot be stored"),
        (["text"], "gave text"),
        ([7], "gave a int"),
        (io.StringIO("text"), "open it with 'rb'"),
    ],
)
async def test_what_is_no_bytes_is_refused(given: object, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        await stored(given)


async def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await stored(tmp_path / "a")


def test_what_must_be_awaited_is_known() -> None:
    assert is_asynchronous(AsyncFile())
    assert is_asynchronous(cut_later())
    assert not is_asynchronous(cut())
    assert not is_asynchronous(io.BytesIO())
    assert not is_asynchronous(b"")
