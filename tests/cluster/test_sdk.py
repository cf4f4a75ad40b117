"""Both doors over a real cluster: all ways in and out, and what becomes of data when something ends half-way."""

import asyncio
import io
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

import shoal
from shoal.base.units import KIB, MIB
from shoal.testing import Cluster

CHUNK = 64 * KIB
CONTENT = os.urandom(40 * CHUNK + 7)
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 77)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes, and small chunks."""
    with Cluster(chunk_bytes=CHUNK) as found:
        yield found


@pytest.fixture
def store(cluster: Cluster) -> Iterator[shoal.Shoal]:
    """The plain door, and an object `old` behind it that no failure may change."""
    with cluster.connect() as found:
        found.put("old", b"old")
        yield found
        assert found.get("old") == b"old"


@pytest.fixture
async def later(cluster: Cluster, store: shoal.Shoal) -> AsyncIterator[shoal.aio.Shoal]:
    """The asynchronous door to the same."""
    async with cluster.aio() as found:
        yield found


def cut(content: bytes, size: int = 10_007) -> Iterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def cut_later(content: bytes) -> AsyncIterator[bytes]:
    for piece in cut(content):
        yield piece


def broken(error: BaseException) -> Iterator[bytes]:
    yield CONTENT
    raise error


async def broken_later(error: Exception) -> AsyncIterator[bytes]:
    yield CONTENT
    raise error


def raising(error: BaseException, *, at: int = 0) -> shoal.Progress:
    """A callback that raises once so many bytes are done."""

    def told(done: int, total: int | None) -> None:
        if done >= at:
            raise error

    return told


@pytest.mark.parametrize("size", SIZES)
def test_all_ways_in_and_out_of_the_plain_door_keep_every_byte(store: shoal.Shoal, size: int, tmp_path: Path) -> None:
    content = CONTENT[:size]
    (tmp_path / "in").write_bytes(content)
    with (tmp_path / "in").open("rb") as file:
        for source in (content, tmp_path / "in", file, io.BytesIO(content), cut(content), list(cut(content))):
            assert store.put("a", source).size == size
            assert store.get("a") == content
    assert store.upload(tmp_path / "in", "a").size == size
    written = io.BytesIO()
    store.get_file("a", written)
    store.get_file("a", tmp_path / "out")
    store.download("a", tmp_path)
    with store.open("a") as opened:
        assert opened.read() == content
    ways = (written.getvalue(), (tmp_path / "out").read_bytes(), (tmp_path / "a").read_bytes())
    assert set(ways) == {content}
    assert b"".join(store.stream("a")) == content
    assert b"".join(store.stream("a", start=size // 2)) == store.get("a", start=size // 2) == content[size // 2 :]


@pytest.mark.parametrize("size", SIZES)
async def test_all_ways_in_and_out_of_the_asynchronous_door_keep_every_byte(
    later: shoal.aio.Shoal, size: int, tmp_path: Path
) -> None:
    content = CONTENT[:size]
    stream = asyncio.StreamReader()
    stream.feed_data(content)
    stream.feed_eof()
    for source in (content, io.BytesIO(content), cut(content), cut_later(content), stream):
        assert (await later.put("b", source)).size == size
        assert await later.get("b") == content
    written = io.BytesIO()
    await later.get_file("b", written)
    await later.download("b", tmp_path)
    async with later.open("b") as opened:
        assert await opened.read() == content
    assert written.getvalue() == content
    assert (tmp_path / "b").read_bytes() == content
    assert b"".join([piece async for piece in later.stream("b")]) == content


# -- what users' code raises


@pytest.mark.parametrize("error", [KeyError("mine"), TimeoutError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_a_plain_put_whose_source_raises_stores_nothing(store: shoal.Shoal, error: BaseException) -> None:
    for progress in (None, raising(ZeroDivisionError(), at=len(CONTENT) + 1)):
        with pytest.raises(type(error)) as caught:
            store.put("old", broken(error), progress=progress)
        assert caught.value is error
        assert error.__cause__ is None


@pytest.mark.parametrize("error", [KeyError("mine"), TimeoutError("mine"), shoal.NotFound("mine")])
@pytest.mark.parametrize("source", [broken, broken_later])
async def test_a_put_whose_source_raises_stores_nothing(
    later: shoal.aio.Shoal, error: Exception, source: Callable[[Exception], AsyncIterator[bytes]]
) -> None:
    with pytest.raises(type(error)) as caught:
        await later.put("old", source(error), timeout=60)
    assert caught.value is error
    assert error.__cause__ is None


@pytest.mark.parametrize("at", [0, len(CONTENT)])
@pytest.mark.parametrize("error", [KeyError("mine"), KeyboardInterrupt()])
def test_a_plain_callback_that_raises_leaves_all_as_it_was(
    store: shoal.Shoal, tmp_path: Path, at: int, error: BaseException
) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    store.put("large", CONTENT)
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.put("old", CONTENT, progress=raising(error, at=at)),
        lambda: store.put("old", cut(CONTENT), progress=raising(error, at=at)),
        lambda: store.get("large", progress=raising(error, at=at)),
        lambda: store.get_file("large", tmp_path / "mine", progress=raising(error, at=at)),
        lambda: store.get_file("large", io.BytesIO(), progress=raising(error, at=at)),
        lambda: store.download("large", tmp_path / "mine", progress=raising(error, at=at)),
        lambda: list(store.stream("large", progress=raising(error, at=at))),
    )
    for call in calls:
        with pytest.raises(type(error)) as caught:
            call()
        assert caught.value is error
    assert os.listdir(tmp_path) == ["mine"]
    assert (tmp_path / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("at", [0, len(CONTENT)])
async def test_a_callback_that_raises_leaves_all_as_it_was(later: shoal.aio.Shoal, tmp_path: Path, at: int) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    await later.put("large", CONTENT)
    error = KeyError("mine")
    for call in (
        later.put("old", CONTENT, progress=raising(error, at=at)),
        later.put("old", cut_later(CONTENT), progress=raising(error, at=at)),
        later.get("large", progress=raising(error, at=at)),
        later.get_file("large", tmp_path / "mine", progress=raising(error, at=at)),
        later.get_file("large", io.BytesIO(), progress=raising(error, at=at)),
        anext(later.stream("large", progress=raising(error))),
    ):
        with pytest.raises(KeyError) as caught:
            await call
        assert caught.value is error
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 1  # noqa: ASYNC240


def test_a_file_that_fails_has_the_bytes_before(store: shoal.Shoal) -> None:
    class Full(io.BytesIO):
        def write(self, content: object, /) -> int:
            if self.tell():
                raise OSError(28, "No space left on device")
            return super().write(content)  # type: ignore[arg-type]

    store.put("large", CONTENT)
    file = Full()
    with pytest.raises(OSError, match="No space left"):
        store.get_file("large", file)
    assert CONTENT.startswith(file.getvalue())
    assert file.getvalue()


# -- cancelling half-way


async def test_a_put_that_is_cancelled_half_way_stores_nothing(later: shoal.aio.Shoal) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield CONTENT
        begun.set()
        await asyncio.Event().wait()

    putting = asyncio.ensure_future(later.put("old", endless()))
    await begun.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    with pytest.raises(shoal.DeadlineExceeded, match="the put of 'old'"):
        await later.put("old", endless(), timeout=0.2)


async def test_a_download_that_is_cancelled_half_way_leaves_the_file(later: shoal.aio.Shoal, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    await later.put("large", CONTENT)
    told: list[int] = []

    def cancel(done: int, total: int | None) -> None:
        told.append(done)
        getting.cancel()

    getting = asyncio.ensure_future(later.get_file("large", tmp_path / "mine", progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await getting
    assert told
    assert os.listdir(tmp_path) == ["mine"]
    assert (tmp_path / "mine").read_bytes() == b"mine"


LARGE = 16 * MIB
"""Of chunks so large that they cannot be fetched ahead whole."""


async def fetching() -> int:
    """How many chunks are on their way on this loop."""
    return sum(task.get_name() == "get-chunk" for task in asyncio.all_tasks())


async def test_a_stream_that_is_left_early_leaves_nothing_under_way(later: shoal.aio.Shoal) -> None:
    await later.put("large", bytes(LARGE), chunk_bytes=8 * MIB)
    async with aclosing(later.stream("large")) as pieces:
        await anext(pieces)
        assert await fetching()
    assert not await fetching()
    async with later.open("large") as file:
        await file.read(7 * MIB)
        await file.read(1)
        assert await fetching()
    assert not await fetching()


def test_a_plain_stream_that_is_left_early_leaves_nothing_under_way(store: shoal.Shoal) -> None:
    store.put("large", bytes(LARGE), chunk_bytes=8 * MIB)
    for _ in store.stream("large"):
        assert store._door.start(fetching()).result(60)
        break
    assert not store._door.start(fetching()).result(60)
    pieces = store.stream("large")
    next(pieces)
    pieces.close()
    with store.open("large") as file:
        file.read(7 * MIB)
        file.read(300_000)
        assert store._door.start(fetching()).result(60)
    assert not store._door.start(fetching()).result(60)


# -- the thread that calls


def test_a_source_that_is_bound_to_its_thread_may_be_stored(store: shoal.Shoal) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE rows (content BLOB)")
        database.executemany("INSERT INTO rows VALUES (?)", [(piece,) for piece in cut(CONTENT)])
        store.put("rows", (content for (content,) in database.execute("SELECT content FROM rows ORDER BY rowid")))
    assert store.get("rows") == CONTENT


def test_users_code_may_use_the_same_store(store: shoal.Shoal) -> None:
    store.put("large", CONTENT)
    seen: list[int] = []

    def told(done: int, total: int | None) -> None:
        seen.append(store.stat("large").size)

    store.put("copy", store.stream("large"), progress=told)
    assert store.get("copy") == CONTENT
    assert set(seen) == {len(CONTENT)}


# -- reading on while the world changes


def test_an_open_object_stays_what_it_was(store: shoal.Shoal) -> None:
    first = store.put("changing", CONTENT)
    with store.open("changing") as file:
        assert file.read(10) == CONTENT[:10]
        store.put("changing", b"newer")
        store.delete("changing")
        file.seek(20 * CHUNK)
        assert file.read() == CONTENT[20 * CHUNK :]
        assert file.version == first


def test_an_open_object_is_read_on_when_a_node_goes(tmp_path: Path) -> None:
    with Cluster(chunk_bytes=CHUNK, data=tmp_path / "data") as cluster, cluster.connect() as store:
        store.put("a", CONTENT)
        with store.open("a") as file:
            assert file.read(10) == CONTENT[:10]
            cluster.kill_node(1)
            assert file.read() == CONTENT[10:]


def test_a_connection_may_be_told_how_parallel_and_patient_it_is(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cluster.environ.items():
        monkeypatch.setenv(name, value)
    with shoal.connect(parallel=1, patience=5) as store:
        assert store.put("a", CONTENT).size == len(CONTENT)
        assert store.get("a") == CONTENT


def test_what_must_be_awaited_is_not_for_the_plain_door(store: shoal.Shoal) -> None:
    with pytest.raises(shoal.InvalidArgument, match=r"shoal\.aio"):
        store.put("a", cut_later(CONTENT))  # type: ignore[arg-type]


PROGRAM = """
import shoal

store = shoal.connect()
file = store.open("large")
file.read(1)
pieces = store.stream("large")
next(pieces)
names = store.list()
next(names)
print("done")
"""


def test_a_program_may_end_and_close_nothing(cluster: Cluster, store: shoal.Shoal) -> None:
    store.put("large", CONTENT)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM],
        env=os.environ | cluster.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n")
