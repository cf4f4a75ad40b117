"""Bytes in order: as pieces of one size, and into an open file."""

import io
import random
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shoal.base.errors import InvalidArgument
from shoal.wiring.sinks import PIECE_BYTES, pieces, write_to
from shoal.wiring.users_code import Transfer, UsersThread

CONTENT = random.Random(1).randbytes(2 * PIECE_BYTES + 77)


async def frames_of(content: bytes, frame_bytes: int) -> AsyncGenerator[memoryview, None]:
    for at in range(0, len(content), frame_bytes):
        yield memoryview(content)[at : at + frame_bytes]


@pytest.mark.parametrize("frame_bytes", [65_536, 100_003, PIECE_BYTES, len(CONTENT)])
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, len(CONTENT)])
async def test_pieces_have_one_size_but_the_last(frame_bytes: int, size: int) -> None:
    found = [piece async for piece in pieces(frames_of(CONTENT[:size], frame_bytes))]
    assert b"".join(found) == CONTENT[:size]
    assert all(len(piece) == PIECE_BYTES for piece in found[:-1])
    assert all(found)


async def test_who_stops_early_ends_the_frames() -> None:
    frames = frames_of(CONTENT, 1000)
    cut = pieces(frames)
    await anext(cut)
    await cut.aclose()
    assert await anext(frames, None) is None


class Slow(io.RawIOBase):
    """A file that takes few bytes at a time."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        self.content += content[:500_000]
        return min(len(content), 500_000)


class Uncounting:
    """Something to write to that says nothing."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, content: bytes) -> None:
        self.content += content


@pytest.mark.parametrize("kind", [Slow, Uncounting])
async def test_all_is_written_whatever_the_file_takes_at_a_time(kind: type[Slow | Uncounting]) -> None:
    file = kind()
    done: list[int] = []
    with UsersThread() as thread:
        await write_to(file, frames_of(CONTENT, 100_000), Transfer(thread), progress=done.append)
    assert file.content == CONTENT
    assert done == [PIECE_BYTES, 2 * PIECE_BYTES, len(CONTENT)]


async def test_a_file_is_written_to_from_where_it_stands_and_stays_open(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file, UsersThread() as thread:
        file.write(b"before ")
        await write_to(file, frames_of(b"hello", 2), Transfer(thread), progress=None)
        file.write(b" after")
    assert (tmp_path / "a").read_bytes() == b"before hello after"


async def test_a_file_that_does_not_wait_is_refused() -> None:
    class Full(io.RawIOBase):
        def write(self, content: bytes, /) -> None:  # type: ignore[override]
            return None

    with UsersThread() as thread, pytest.raises(InvalidArgument, match="blocking"):
        await write_to(Full(), frames_of(b"hello", 2), Transfer(thread), progress=None)


async def test_an_error_of_the_file_comes_out_as_it_is() -> None:
    class Broken:
        def write(self, content: bytes) -> int:
            raise KeyError("mine")

    with UsersThread() as thread, pytest.raises(KeyError, match="mine"):
        await write_to(Broken(), frames_of(b"hello", 2), Transfer(thread), progress=None)
