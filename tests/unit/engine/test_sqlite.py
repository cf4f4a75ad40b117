"""Group commit, with the disk stopped at will. What it promises to callers is in the contract suite."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from shoal.base.errors import DiskFailed, OutcomeUnknown, PreconditionFailed, StorageFull, TransientError
from shoal.engine.sqlite import SqliteEngine, open_sqlite_engine
from shoal.ports.engine import Tx
from shoal.testing.sim.disk import FaultKind, SimDisk
from support.engines import CATALOG, QuietLog, SimulatedKind, SqliteKind, running

T = TypeVar("T")


class Disk:
    """Commits when it is let."""

    def __init__(self) -> None:
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.calls = 0
        self.ended: asyncio.Queue[int] = asyncio.Queue()

    async def run(self, call: Callable[[], T]) -> T:
        self.calls += 1
        await self.may_go.wait()
        result = call()
        self.ended.put_nowait(self.calls)
        return result


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@asynccontextmanager
async def serving(
    directory: Path, disk: Disk, *, crashpoint: Callable[[str], None] = lambda _name: None
) -> AsyncIterator[SqliteEngine]:
    """On real files, but in time with the test."""
    kind = SqliteKind(directory)
    async with kind.world() as env:
        engine = await open_sqlite_engine(
            replace(env, crashpoint=crashpoint),
            name=CATALOG,
            path=str(directory / CATALOG),
            vfs=None,
            shared_memory=True,
            run_blocking=disk.run,
            log=QuietLog(),
        )
        async with running(engine):
            yield engine


def put(key: bytes, value: bytes = b"") -> Callable[[Tx], None]:
    return lambda tx: tx.put(key, value)


async def test_a_commit_passes_all_its_crash_points_before_anybody_is_told(tmp_path: Path, disk: Disk) -> None:
    passed: list[str] = []
    async with serving(tmp_path, disk, crashpoint=passed.append) as engine:
        assert passed == ["engine.database_opened"]
        await engine.tx(put(b"key"))
        passed.append("told")
    commit = ["engine.commit_staged", "engine.log_synced", "engine.commit_witnessed"]
    assert passed == ["engine.database_opened", *commit, "told", "engine.log_folded"]


async def test_those_who_come_together_are_synced_once(tmp_path: Path, disk: Disk) -> None:
    async with serving(tmp_path, disk) as engine:
        before = disk.calls
        await asyncio.gather(*(engine.tx(put(b"%d" % n)) for n in range(50)))
        assert disk.calls == before + 1


async def test_those_who_come_during_a_sync_share_the_next(tmp_path: Path, disk: Disk) -> None:
    async with serving(tmp_path, disk) as engine:
        disk.may_go.clear()
        first = asyncio.create_task(engine.tx(put(b"first")))
        await settle()
        before = disk.calls
        rest = [asyncio.create_task(engine.tx(put(b"%d" % n))) for n in range(20)]
        await settle()
        assert not any(task.done() for task in (first, *rest))
        disk.may_go.set()
        await asyncio.gather(first, *rest)
        assert disk.calls == before + 1


async def test_a_read_sees_nothing_that_is_not_durable(tmp_path: Path, disk: Disk) -> None:
    async with serving(tmp_path, disk) as engine:
        disk.may_go.clear()
        writing = asyncio.create_task(engine.tx(put(b"a", b"1")))
        await settle()
        assert await engine.read(lambda snapshot: snapshot.get(b"a")) is None
        disk.may_go.set()
        await writing
        assert await engine.read(lambda snapshot: snapshot.get(b"a")) == b"1"


async def test_what_a_transaction_saw_is_durable_before_it_is_told(tmp_path: Path, disk: Disk) -> None:
    def refuse(tx: Tx) -> None:
        if tx.get(b"a"):
            raise PreconditionFailed("it exists")

    async with serving(tmp_path, disk) as engine:
        disk.may_go.clear()
        writing = asyncio.create_task(engine.tx(put(b"a", b"1")))
        await settle()
        seeing = asyncio.create_task(engine.tx(lambda tx: tx.get(b"a")))
        refused = asyncio.create_task(engine.tx(refuse))
        await settle()
        assert not seeing.done()
        assert not refused.done()
        disk.may_go.set()
        await writing
        assert await seeing == b"1"
        with pytest.raises(PreconditionFailed):
            await refused


async def test_reading_in_a_transaction_costs_no_sync(tmp_path: Path, disk: Disk) -> None:
    async with serving(tmp_path, disk) as engine:
        await engine.tx(put(b"a", b"1"))
        before = disk.calls
        assert await engine.tx(lambda tx: tx.get(b"a")) == b"1"
        assert disk.calls == before


async def test_a_full_group_makes_others_wait(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.engine.sqlite._WAITING_MAX", 4)
    ran: list[int] = []

    def note(number: int) -> Callable[[Tx], None]:
        def run(tx: Tx) -> None:
            ran.append(number)
            tx.put(b"%d" % number, b"")

        return run

    async with serving(tmp_path, disk) as engine:
        disk.may_go.clear()
        first = asyncio.create_task(engine.tx(put(b"first")))
        await settle()
        rest = [asyncio.create_task(engine.tx(note(n))) for n in range(10)]
        await settle()
        assert ran == [0, 1, 2, 3]
        disk.may_go.set()
        await asyncio.gather(first, *rest)
        assert sorted(ran) == list(range(10))


async def test_a_large_group_makes_others_wait(tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.engine.sqlite._GROUP_BYTES_MAX", 1000)
    async with serving(tmp_path, disk) as engine:
        disk.may_go.clear()
        first = asyncio.create_task(engine.tx(put(b"first")))
        await settle()
        large = asyncio.create_task(engine.tx(put(b"large", bytes(1000))))
        await settle()
        seen: list[int] = []
        late = asyncio.create_task(engine.tx(lambda tx: seen.append(tx.commit_number)))
        await settle()
        assert seen == []
        disk.may_go.set()
        await asyncio.gather(first, large, late)


async def test_the_log_is_folded_in_when_nothing_happens(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shoal.engine.sqlite._IDLE_S", 0.001)
    async with serving(tmp_path, disk) as engine:
        await engine.tx(put(b"a"))
        await engine.read(lambda snapshot: snapshot.get(b"a"))
        before = disk.calls
        while await disk.ended.get() <= before:
            pass
        assert (tmp_path / f"{CATALOG}-wal").stat().st_size == 0
        assert await engine.read(lambda snapshot: snapshot.get(b"a")) == b""


def modes(directory: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()}


async def test_nobody_else_may_read_the_files(tmp_path: Path, disk: Disk) -> None:
    async with serving(tmp_path, disk) as engine:
        await engine.tx(put(b"a"))
        found = modes(tmp_path)
    assert found == dict.fromkeys((CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", f"{CATALOG}.witness"), 0o600)


async def test_stopping_the_engine_leaves_outcomes_unknown(tmp_path: Path) -> None:
    engine = await SimulatedKind().open()
    serving = asyncio.create_task(engine.run())
    await settle()
    waiting = asyncio.create_task(engine.tx(put(b"a")))
    await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(OutcomeUnknown):
        await waiting
    with pytest.raises(asyncio.CancelledError):
        await serving
    await engine.close()


async def test_a_full_disk_refuses_the_group_and_those_who_saw_its_rows() -> None:
    kind = SimulatedKind()
    async with kind.serving() as engine:
        await engine.tx(put(b"before"))
        kind.disk.fail(FaultKind.NO_SPACE, path=f"{CATALOG}-wal")
        group = [asyncio.create_task(engine.tx(put(b"%d" % n))) for n in range(3)]
        assert {type(told) for told in await asyncio.gather(*group, return_exceptions=True)} == {StorageFull}
        assert await engine.read(lambda rows: [rows.get(b"%d" % n) for n in range(3)]) == [None] * 3
        number = await engine.tx(lambda tx: tx.commit_number)
        await engine.tx(put(b"after"))
        assert await engine.read(lambda rows: (rows.get(b"before"), rows.get(b"after"))) == (b"", b"")
        assert await engine.tx(lambda tx: tx.commit_number) == number + 1, "what was refused has no number"


async def test_a_full_disk_puts_a_checkpoint_off_and_nothing_else() -> None:
    kind = SimulatedKind()
    async with kind.serving() as engine:
        kind.disk.fail(FaultKind.NO_SPACE, path=CATALOG)
        await engine.tx(put(b"a", bytes(9000)))
    assert kind.disk.faults.fired == {FaultKind.NO_SPACE: 1}
    async with kind.serving() as engine:
        assert await engine.read(lambda rows: rows.get(b"a")) == bytes(9000)


async def test_a_commit_that_cannot_be_witnessed_ends_the_engine_and_is_not_lost() -> None:
    others, kind = apsw.connections(), SimulatedKind()
    engine = await kind.open()
    serving = asyncio.create_task(engine.run())
    kind.disk.fail(FaultKind.NO_SPACE, path=f"{CATALOG}.witness")
    with pytest.raises(DiskFailed, match="metadata engine has failed"):
        await engine.tx(put(b"a", b"1"))
    with pytest.raises(DiskFailed, match="too full for the commit witness"):
        await serving
    with pytest.raises(DiskFailed):
        await engine.read(lambda rows: rows.get(b"a"))
    await engine.close()
    assert [each for each in apsw.connections() if each not in others] == []
    async with kind.serving() as again:
        assert await again.read(lambda rows: rows.get(b"a")) == b"1"


async def test_an_engine_that_never_served_closes() -> None:
    disk = SimDisk(random.Random(0))
    engine = await SimulatedKind(disk).open()
    await engine.close()
    await engine.close()
    await engine.run()
    with pytest.raises(TransientError):
        await engine.read(lambda snapshot: snapshot.get(b"a"))


async def test_a_failed_opening_releases_the_file(tmp_path: Path) -> None:
    kind = SqliteKind(tmp_path)
    async with kind.serving() as engine:
        await engine.tx(put(b"a"))
    (tmp_path / f"{CATALOG}.witness").rename(tmp_path / "aside")
    with pytest.raises(Exception, match="witness"):
        async with kind.serving():
            pass
    (tmp_path / "aside").rename(tmp_path / f"{CATALOG}.witness")
    async with kind.serving() as engine:
        assert await engine.read(lambda snapshot: snapshot.get(b"a")) == b""
