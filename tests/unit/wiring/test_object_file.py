"""An object as an ordinary file: what reads files reads it."""

import csv
import gc
import io
import pickle
import random
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from shoal.base.digests import BLOCK_BYTES
from shoal.base.errors import NodeUnreachable, NotFound
from shoal.client.client import Client
from shoal.wiring.door_loop import DoorLoop, Errand
from shoal.wiring.object_file import ObjectFile, RawObject
from shoal.wiring.object_reader import ObjectReader
from support.fake_client import FakeClient
from support.fetched import CONTENT, Fetched


@asynccontextmanager
async def client_opening() -> AsyncIterator[Client]:
    yield FakeClient().as_client()


@pytest.fixture
def door() -> Iterator[DoorLoop]:
    """A loop to read on."""
    found = DoorLoop(client_opening())
    yield found
    found.close()


Open = Callable[[Fetched], ObjectFile]


@pytest.fixture
def closed() -> list[ObjectReader]:
    """The readers whose `open` was left."""
    return []


@pytest.fixture
def opened(door: DoorLoop, closed: list[ObjectReader]) -> Open:
    """Opens an object as a file."""

    @asynccontextmanager
    async def opening(fetched: Fetched) -> AsyncIterator[ObjectReader]:
        reader = fetched.reader()
        yield reader
        await reader.close()
        closed.append(reader)

    return lambda fetched: ObjectFile(RawObject(door, Errand(door), opening(fetched)))


def test_it_reads_like_any_file(opened: Open) -> None:
    dice = random.Random(7)
    with opened(Fetched(frame_bytes=100_000)) as file, io.BytesIO(CONTENT) as same:
        assert (file.readable(), file.seekable(), file.writable(), file.mode) == (True, True, False, "rb")
        assert (file.size, file.name, file.version.size) == (len(CONTENT), "a", len(CONTENT))
        for _ in range(300):
            whence = dice.choice([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
            offset = dice.randrange(0, 9000) * (-1 if whence == io.SEEK_END else 1)
            assert file.seek(offset, whence) == same.seek(offset, whence)
            size = dice.choice([0, 1, 100, 5000, BLOCK_BYTES, 300_000, 1_000_000])
            assert file.read(size) == same.read(size)
            buffer, other = bytearray(size), bytearray(size)
            assert file.readinto(buffer) == same.readinto(other)
            assert buffer == other
            assert file.readline() == same.readline()
            assert file.tell() == same.tell()
        file.seek(5)
        assert file.read() == CONTENT[5:]
        assert file.read() == file.read(1) == b""


def test_a_place_before_the_beginning_is_an_error_as_of_all_files(opened: Open) -> None:
    with opened(Fetched(b"hello")) as file:
        with pytest.raises(OSError, match="before the object's beginning"):
            file.seek(-6, io.SEEK_END)
        assert not zipfile.is_zipfile(file)


def test_archives_are_read_where_they_lie_and_only_what_is_needed_of_them(opened: Open) -> None:
    packed = io.BytesIO()
    members = {f"{number}.bin": random.Random(number).randbytes(200_000) for number in range(40)}
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    fetched = Fetched(packed.getvalue())
    with opened(fetched) as file, zipfile.ZipFile(file) as archive:
        assert archive.namelist() == list(members)
        assert archive.read("20.bin") == members["20.bin"]
        assert fetched.gave < 12 * BLOCK_BYTES
        assert archive.testzip() is None


def test_tapes_are_read_in_order_and_anywhere(opened: Open) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("a", "b"):
            member = tarfile.TarInfo(name)
            member.size = 5000
            archive.addfile(member, io.BytesIO(name.encode() * 5000))
    with opened(Fetched(packed.getvalue())) as file, tarfile.open(fileobj=file) as archive:
        found = archive.extractfile("b")
        assert found is not None
        assert found.read() == b"b" * 5000


def test_text_and_pickles_are_read(opened: Open) -> None:
    rows = [[str(number), "x" * number] for number in range(500)]
    text = "".join(",".join(row) + "\r\n" for row in rows)
    with io.TextIOWrapper(opened(Fetched(text.encode())), newline="") as lines:
        assert list(csv.reader(lines)) == rows
    with opened(Fetched(pickle.dumps(rows))) as file:
        assert pickle.load(file) == rows


def test_closing_gives_back_what_was_kept(opened: Open, closed: list[ObjectReader]) -> None:
    fetched = Fetched()
    file = opened(fetched)
    file.read(5)
    file.close()
    file.close()
    assert len(closed) == 1
    assert fetched.open_runs == 0
    for call in (file.read, file.tell, file.raw.tell, lambda: file.seek(0)):
        with pytest.raises(ValueError, match="closed file"):
            call()


def test_a_file_that_is_forgotten_is_closed(opened: Open, closed: list[ObjectReader]) -> None:
    opened(Fetched()).read(5)
    gc.collect()
    assert len(closed) == 1


@asynccontextmanager
async def absent() -> AsyncIterator[ObjectReader]:
    if not Fetched(b"").runs:
        raise NotFound("there is no such object")
    yield Fetched().reader()


def test_errors_come_through(opened: Open, door: DoorLoop) -> None:
    fetched = Fetched()
    with opened(fetched) as file:
        fetched.error = NodeUnreachable("gone")
        with pytest.raises(NodeUnreachable):
            file.read(5)
        fetched.error = None
        assert file.read(5) == CONTENT[:5]

    with pytest.raises(NotFound):
        RawObject(door, Errand(door), absent())


def test_a_file_outlives_its_door_without_harm(opened: Open, door: DoorLoop) -> None:
    file = opened(Fetched())
    door.close()
    file.close()
