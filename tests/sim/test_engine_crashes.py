"""The embedded engine on a disk that loses power, fails to sync, and rots.

Commit n makes one known state out of the state before it, so what a reopened engine shows can be compared whole.
"""

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from pathlib import Path

import pytest

from shoal.base.errors import CorruptionError, DiskFailed, StorageFull
from shoal.ports.engine import Engine, Row, Snapshot, Tx
from shoal.testing.sim.disk import FaultKind, OperationKind, PowerCut, SimDisk, Survival
from support.engines import CATALOG, SimulatedKind, SqliteKind

LOG = f"{CATALOG}-wal"
WITNESS = f"{CATALOG}.witness"
COMMITS = 9


@pytest.fixture
def checkpoints_come_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.engine.database._LOG_BYTES_MAX", 20_000)


def change(tx: Tx) -> int:
    """Commit number n puts two rows, replaces one, and deletes one of commit n - 2."""
    number = tx.commit_number
    for key, value in rows_of(number):
        tx.put(key, value)
    tx.put(b"last", b"%d" % number)
    tx.delete(b"row/%03d/b" % (number - 2))
    return number


def rows_of(number: int) -> list[Row]:
    return [(b"row/%03d/%c" % (number, half), b"%d" % number * 150) for half in b"ab"]


def state_after(commits: int) -> list[Row]:
    """All rows once `commits` changes are committed."""
    rows: dict[bytes, bytes] = {}
    for number in range(1, commits + 1):
        rows.update(rows_of(number))
        rows[b"last"] = b"%d" % number
        rows.pop(b"row/%03d/b" % (number - 2), None)
    return sorted(rows.items())


def look(snapshot: Snapshot) -> tuple[int, list[Row]]:
    return snapshot.commit_number, snapshot.scan(b"", b"\xff", limit=1000)


class Ledger:
    """Which commits were acknowledged, and how many operations the disk had done by then."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[int, int]] = []

    def by(self, operations: int) -> int:
        """The highest commit acknowledged within so many operations."""
        return max((number for number, at in self.acknowledged if at <= operations), default=0)


async def work(disk: SimDisk, ledger: Ledger) -> None:
    """Commits alone and in groups, a clean stop in the middle, checkpoints between."""

    async def commit(engine: Engine) -> None:
        number = await engine.tx(change)
        ledger.acknowledged.append((number, disk.operations))

    kind = SimulatedKind(disk)
    for group in (1, 3):
        async with kind.serving() as engine:
            await commit(engine)
            await asyncio.gather(*(commit(engine) for _ in range(group)))
            await commit(engine)


async def survivors(disk: SimDisk) -> int:
    """Open what is left, compare it with the state that it says it is in, and go on from there."""
    async with SimulatedKind(disk).serving() as engine:
        number, rows = await engine.read(look)
        assert rows == state_after(number)
        assert await engine.tx(change) == number + 1
    return number


async def recorded() -> tuple[SimDisk, Ledger]:
    disk, ledger = SimDisk(random.Random(1), record=True), Ledger()
    await work(disk, ledger)
    assert ledger.by(disk.operations) == COMMITS - 1
    return disk, ledger


@pytest.mark.usefixtures("checkpoints_come_often")
@pytest.mark.parametrize("survival", list(Survival))
async def test_a_power_cut_at_any_operation_loses_nothing_acknowledged(survival: Survival) -> None:
    disk, ledger = await recorded()
    for operations in range(disk.operations + 1):
        number = await survivors(disk.image(operations, survival))
        assert number >= ledger.by(operations), f"lost a commit at operation {operations}"


@pytest.mark.usefixtures("checkpoints_come_often")
async def test_a_power_cut_during_recovery_loses_nothing_either() -> None:
    disk, ledger = await recorded()
    for operations in range(0, disk.operations + 1, 3):
        for later in range(1, 60, 4):
            image = disk.image(operations, Survival.RANDOM, seed=later)
            image.crash_after(later)
            await crashing(survivors(image))
            image.power_cycle(Survival.RANDOM)
            assert await survivors(image) >= ledger.by(operations), f"lost at {operations}, then {later}"


async def crashing(work: Coroutine[None, None, object]) -> None:
    """Run what a planned crash may end."""
    with contextlib.suppress(PowerCut):
        await work


@pytest.mark.usefixtures("checkpoints_come_often")
async def test_after_a_power_cut_nothing_is_acknowledged() -> None:
    whole, _ = await recorded()
    for crash in range(1, whole.operations + 1):
        disk, ledger = SimDisk(random.Random(crash)), Ledger()
        disk.crash_after(crash)
        await crashing(work(disk, ledger))
        assert all(at < crash for _, at in ledger.acknowledged)
        disk.power_cycle(Survival.RANDOM)
        assert await survivors(disk) >= ledger.by(crash)


async def commit_until_it_fails(disk: SimDisk) -> tuple[int, int]:
    """The last commit that was acknowledged, and how many errors there were: none or one."""
    acknowledged = 0
    try:
        async with SimulatedKind(disk).serving() as engine:
            for _ in range(COMMITS):
                acknowledged = await engine.tx(change)
    except (DiskFailed, StorageFull):
        return acknowledged, 1
    return acknowledged, 0


@pytest.mark.usefixtures("checkpoints_come_often")
@pytest.mark.parametrize("power_fails", [True, False])
async def test_after_a_failed_sync_nothing_is_acknowledged_and_nothing_is_lost(power_fails: bool) -> None:
    fired = 0
    for failing in range(40):
        disk = SimDisk(random.Random(failing))
        disk.fail(FaultKind.SYNC_EIO, failing)
        acknowledged, failed = await commit_until_it_fails(disk)
        assert failed == sum(disk.faults.fired.values())
        fired += failed
        disk.power_cycle(Survival.RANDOM) if power_fails else disk.process_crash()
        assert await survivors(disk) >= acknowledged
    assert fired > 15


@pytest.mark.usefixtures("checkpoints_come_often")
async def test_a_power_cut_after_a_failed_sync_and_a_restart_loses_nothing() -> None:
    """The page cache goes on showing what the failed sync lost; who believes it builds on sand."""
    for failing in range(8, 24):
        for later in range(1, 40, 2):
            disk = SimDisk(random.Random(failing))
            disk.fail(FaultKind.SYNC_EIO, failing)
            acknowledged, _ = await commit_until_it_fails(disk)
            disk.process_crash()
            disk.crash_after(later)
            await crashing(survivors(disk))
            disk.power_cycle(Survival.RANDOM)
            assert await survivors(disk) >= acknowledged, f"lost after sync {failing}, then {later}"


async def test_what_is_seen_after_a_killed_process_survives_a_power_cut() -> None:
    """A commit that was written but not synced is in the page cache, and found there."""
    whole, _ = await recorded()
    for crash in range(1, whole.operations + 1):
        disk = SimDisk(random.Random(crash))
        disk.crash_after(crash)
        await crashing(work(disk, Ledger()))
        disk.process_crash()
        async with SimulatedKind(disk).serving() as engine:
            seen, _ = await engine.read(look)
            disk.power_cycle(Survival.ALL_LOST)
        assert await survivors(disk) >= seen


async def test_a_dead_engine_refuses_everything_and_writes_no_more() -> None:
    disk = SimDisk(random.Random(0))
    engine = await SimulatedKind(disk).open()
    serving = asyncio.create_task(engine.run())
    await engine.tx(change)
    disk.fail(FaultKind.SYNC_EIO)
    waiting = await asyncio.gather(*(engine.tx(change) for _ in range(5)), return_exceptions=True)
    assert [type(error) for error in waiting] == [DiskFailed] * 5
    operations = disk.operations
    with pytest.raises(DiskFailed):
        await engine.tx(change)
    with pytest.raises(DiskFailed):
        await engine.read(look)
    with pytest.raises(DiskFailed):
        await serving
    await engine.close()
    assert disk.operations == operations


@pytest.mark.usefixtures("checkpoints_come_often")
async def test_a_write_that_fails_ends_the_engine_and_loses_nothing() -> None:
    whole, _ = await recorded()
    for failing in range(0, whole.operations, 2):
        disk = SimDisk(random.Random(failing))
        disk.fail(FaultKind.WRITE_EIO, failing)
        acknowledged, failed = await commit_until_it_fails(disk)
        assert failed == sum(disk.faults.fired.values())
        disk.faults.clear()
        disk.process_crash()
        assert await survivors(disk) >= acknowledged


# A full disk.


async def commit_past_refusals(disk: SimDisk) -> tuple[int, int]:
    """The last commit that was acknowledged, and how many were refused: what was refused is not there."""
    last = refused = 0
    async with SimulatedKind(disk).serving() as engine:
        while last < COMMITS:
            try:
                last = await engine.tx(change)
            except StorageFull:
                refused += 1
            assert await engine.read(look) == (last, state_after(last))
    return last, refused


@pytest.mark.usefixtures("checkpoints_come_often")
@pytest.mark.parametrize("fault", [FaultKind.NO_SPACE, FaultKind.SHORT_WRITE])
async def test_a_write_that_finds_no_room_refuses_its_commit_and_the_next_one_succeeds(fault: FaultKind) -> None:
    whole, _ = await recorded()
    refusals = 0
    for failing in range(0, whole.operations, 2):
        disk = SimDisk(random.Random(failing))
        disk.fail(fault, failing)
        try:
            last, refused = await commit_past_refusals(disk)
        except (StorageFull, DiskFailed):  # while it was being made; or the witness, whose place is there already
            last, refused = 0, 0
        assert refused <= sum(disk.faults.fired.values())
        refusals += refused
        disk.faults.clear()
        disk.power_cycle(Survival.ALL_LOST)
        assert await survivors(disk) >= last
    assert refusals > 5


async def fill(disk: SimDisk, room: int) -> tuple[int, int]:
    """Commit in groups on a disk that has this much room, then once more with all the room there is."""
    refused = 0
    async with SimulatedKind(disk).serving() as engine:
        last = max([await engine.tx(change) for _ in range(3)])
        disk.capacity_bytes = disk.platter.used_bytes() + room
        for _ in range(6):
            told = await asyncio.gather(*(engine.tx(change) for _ in range(4)), return_exceptions=True)
            last = max([last, *(each for each in told if isinstance(each, int))])
            full = [each for each in told if not isinstance(each, int)]
            assert all(isinstance(each, StorageFull) for each in full)
            assert await engine.read(look) == (last, state_after(last)), "reads go on, and show nothing refused"
            refused += len(full)
        disk.capacity_bytes = None
        assert await engine.tx(change) == last + 1
    return last + 1, refused


@pytest.mark.usefixtures("checkpoints_come_often")
@pytest.mark.parametrize("survival", [Survival.ALL_LOST, Survival.RANDOM])
async def test_a_full_disk_refuses_commits_until_there_is_room_and_loses_nothing(survival: Survival) -> None:
    refusals = 0
    for room in range(0, 60_000, 3_400):
        disk = SimDisk(random.Random(room))
        last, refused = await fill(disk, room)
        refusals += refused
        disk.power_cycle(survival)
        assert await survivors(disk) == last
    assert refusals > 50


@pytest.mark.usefixtures("checkpoints_come_often")
async def test_a_power_cut_after_a_refused_commit_does_not_bring_it_back() -> None:
    last = 0

    async def commit(disk: SimDisk, room: int) -> None:
        nonlocal last
        async with SimulatedKind(disk).serving() as engine:
            last = max([await engine.tx(change) for _ in range(3)])
            disk.capacity_bytes = disk.platter.used_bytes() + room
            with contextlib.suppress(StorageFull):
                while last < COMMITS:
                    last = await engine.tx(change)
            disk.crash_after(disk.operations)
            await engine.read(look)

    for room in range(0, 40_000, 2_300):
        last, disk = 0, SimDisk(random.Random(room))
        await crashing(commit(disk, room))
        disk.power_cycle(Survival.RANDOM)
        disk.capacity_bytes = None
        assert await survivors(disk) == last


# Rot.


async def stopped_hard() -> SimDisk:
    """A disk with commits in the database and more in the log."""
    disk = SimDisk(random.Random(1))
    async with SimulatedKind(disk).serving() as engine:
        for _ in range(4):
            await engine.tx(change)
    engine = await SimulatedKind(disk).open()
    serving = asyncio.create_task(engine.run())
    for _ in range(3):
        await engine.tx(change)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    disk.power_cycle(Survival.ALL_LOST)
    return disk


async def outcome_of_rot(path: str, offset: int) -> tuple[str, list[Row]]:
    disk = await stopped_hard()
    disk.flip_bit(path, offset, offset % 8)
    try:
        async with SimulatedKind(disk).serving() as engine:
            return "served", (await engine.read(look))[1]
    except CorruptionError:
        return "refused", []


def offsets(disk: SimDisk, path: str, count: int) -> list[int]:
    step = max(1, disk.size_now(path) // count)
    return [*range(64), *range(64, disk.size_now(path), step)]


async def test_a_flipped_bit_in_the_log_never_drops_commits_silently() -> None:
    disk = await stopped_hard()
    outcomes = [await outcome_of_rot(LOG, offset) for offset in offsets(disk, LOG, 300)]
    assert {rows == state_after(7) for verdict, rows in outcomes if verdict == "served"} <= {True}
    assert sum(verdict == "refused" for verdict, _ in outcomes) > 300


async def test_a_refused_catalog_says_what_is_missing_and_is_left_alone() -> None:
    disk = await stopped_hard()
    disk.flip_bit(LOG, 100, 0)
    size = disk.size_now(LOG)
    with pytest.raises(CorruptionError, match=r"lost its last 3 commits.*backup"):
        async with SimulatedKind(disk).serving():
            pass
    assert disk.size_now(LOG) == size


async def test_a_flipped_bit_in_the_witness_costs_nothing() -> None:
    for offset in (0, 30, 511, 4096, 4096 + 40):
        assert await outcome_of_rot(WITNESS, offset) == ("served", state_after(7))


async def test_a_flipped_bit_in_a_bare_database_never_changes_a_row() -> None:
    """Without page checksums a bit may hide rows; none may be wrong."""
    disk = await stopped_hard()
    outcomes = [await outcome_of_rot(CATALOG, offset) for offset in offsets(disk, CATALOG, 300)]
    assert all(set(rows) <= set(state_after(7)) for _, rows in outcomes)


async def test_a_flipped_bit_in_a_checksummed_page_is_always_reported(tmp_path: Path) -> None:
    async with SqliteKind(tmp_path).serving() as engine:
        for _ in range(7):
            await engine.tx(change)
    file = tmp_path / CATALOG
    good = file.read_bytes()
    refused = 0
    for offset in range(0, len(good), len(good) // 200):
        file.write_bytes(good[:offset] + bytes([good[offset] ^ 1 << offset % 8]) + good[offset + 1 :])
        try:
            async with SqliteKind(tmp_path).serving() as engine:
                assert await engine.read(look) == (7, state_after(7))
        except CorruptionError:
            refused += 1
    assert refused >= 195


# What an operator can do wrong.


@pytest.mark.parametrize(("path", "missed"), [(CATALOG, "is gone"), (LOG, "lost its last 3"), (WITNESS, "is gone")])
async def test_a_missing_file_is_refused_and_no_empty_catalog_appears(path: str, missed: str) -> None:
    disk = await stopped_hard()
    await disk.unlink(path)
    for _ in range(2):
        with pytest.raises(CorruptionError, match=f"{missed}.*backup"):
            async with SimulatedKind(disk).serving():
                pass
    assert path == LOG or not disk.exists_now(path)


async def test_an_emptied_database_is_refused() -> None:
    disk = await stopped_hard()
    disk.truncate_now(CATALOG, 0)
    await disk.unlink(LOG)
    with pytest.raises(CorruptionError, match="backup"):
        async with SimulatedKind(disk).serving():
            pass
    assert disk.size_now(CATALOG) == 0


async def test_a_witness_of_another_catalog_is_refused() -> None:
    disk, other = await stopped_hard(), SimulatedKind(seed=2)
    async with other.serving():
        pass
    disk.write_now(WITNESS, 0, other.disk.read_now(WITNESS, 0, disk.size_now(WITNESS)))
    with pytest.raises(CorruptionError, match="two catalogs"):
        async with SimulatedKind(disk).serving():
            pass


@pytest.mark.usefixtures("checkpoints_come_often")
def test_the_workload_reaches_every_kind_of_operation() -> None:
    disk, _ = asyncio.run(recorded())
    kinds = {operation.kind for operation in disk.journal}
    wanted = {OperationKind.CREATE, OperationKind.WRITE, OperationKind.SYNC, OperationKind.TRUNCATE}
    assert wanted | {OperationKind.UNLINK, OperationKind.SYNC_DIR} <= kinds
