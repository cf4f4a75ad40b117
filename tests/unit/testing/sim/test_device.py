"""Power, faults and the record."""

import random
from collections.abc import Callable

import pytest

from shoal.base.errors import DiskFailed, InvariantBroken, StorageFull
from shoal.testing.sim.disk import FaultKind, OperationKind, PowerCut, SimDisk, Survival


@pytest.fixture
def disk() -> SimDisk:
    """With a durable file `a` that says `old`."""
    made = SimDisk(random.Random(1), record=True)
    made.create_now("a")
    made.write_now("a", 0, b"old")
    made.sync_now("a")
    made.sync_dir_now("")
    return made


def test_the_planned_operation_and_all_later_calls_meet_a_power_cut(disk: SimDisk) -> None:
    disk.crash_after(2)
    disk.write_now("a", 0, b"new")
    with pytest.raises(PowerCut):
        disk.sync_now("a")
    assert disk.is_off
    for call in (lambda: disk.read_now("a", 0, 1), lambda: disk.exists_now("a"), lambda: disk.create_now("b")):
        with pytest.raises(PowerCut):
            call()
    disk.power_cycle(Survival.ALL_LOST)
    assert disk.read_now("a", 0, 9) == b"old"


def test_a_power_cut_passes_handlers_of_exceptions() -> None:
    assert not issubclass(PowerCut, Exception)


def test_reads_do_not_count_as_operations(disk: SimDisk) -> None:
    disk.crash_after(1)
    assert disk.read_now("a", 0, 9) == b"old"
    with pytest.raises(PowerCut):
        disk.write_now("a", 0, b"new")


def test_a_crash_cannot_be_planned_for_the_past(disk: SimDisk) -> None:
    with pytest.raises(InvariantBroken):
        disk.crash_after(0)


def test_a_process_crash_keeps_the_page_cache(disk: SimDisk) -> None:
    disk.write_now("a", 0, b"new")
    disk.crash_after(1)
    with pytest.raises(PowerCut):
        disk.sync_now("a")
    disk.process_crash()
    assert disk.read_now("a", 0, 9) == b"new"
    disk.power_cycle(Survival.ALL_LOST)
    assert disk.read_now("a", 0, 9) == b"old"


def test_ghosts_of_a_failed_sync_outlive_the_process_and_not_the_power(disk: SimDisk) -> None:
    disk.fail(FaultKind.SYNC_EIO)
    disk.write_now("a", 0, b"new")
    with pytest.raises(DiskFailed):
        disk.sync_now("a")
    disk.process_crash()
    assert disk.read_now("a", 0, 9) == b"new"
    disk.sync_now("a")
    disk.power_cycle(Survival.ALL_KEPT)
    assert disk.read_now("a", 0, 9) == b"old"


def test_the_journal_has_one_entry_for_every_operation(disk: SimDisk) -> None:
    kinds = [operation.kind for operation in disk.journal]
    assert kinds == [OperationKind.CREATE, OperationKind.WRITE, OperationKind.SYNC, OperationKind.SYNC_DIR]
    assert disk.operations == 4
    disk.power_cycle()
    assert (disk.operations, disk.journal) == (0, [])


def test_images_show_every_moment_of_one_run(disk: SimDisk) -> None:
    disk.write_now("a", 0, b"new")
    disk.sync_now("a")
    lost = [disk.image(count, Survival.ALL_LOST) for count in range(7)]
    kept = [disk.image(count, Survival.ALL_KEPT) for count in range(7)]
    assert [image.exists_now("a") for image in lost] == [False, False, False, False, True, True, True]
    assert [image.read_now("a", 0, 9) for image in lost[4:]] == [b"old", b"old", b"new"]
    assert [image.size_now("a") for image in kept[1:]] == [0, 3, 3, 3, 3, 3]
    assert disk.read_now("a", 0, 9) == b"new"


def test_an_image_equals_the_disk_that_crashed_there(disk: SimDisk) -> None:
    disk.write_now("a", 1, b"x" * 5000)
    disk.create_now("b")
    image = disk.image(disk.operations, Survival.TORN)
    disk.power_cycle(Survival.TORN)
    assert image.read_now("a", 0, 9999) == disk.read_now("a", 0, 9999)
    assert image.exists_now("b") == disk.exists_now("b")


def test_random_images_depend_on_the_seed_alone(disk: SimDisk) -> None:
    for offset in range(0, 40_000, 1000):
        disk.write_now("a", offset, b"x" * 1000)

    def contents(seed: int) -> bytes:
        return disk.image(disk.operations, Survival.RANDOM, seed=seed).read_now("a", 0, 50_000)

    assert contents(1) == contents(1)
    assert len({contents(seed) for seed in range(5)}) == 5


def test_images_of_images_and_of_restarted_disks_start_from_what_survived(disk: SimDisk) -> None:
    disk.power_cycle(Survival.ALL_LOST)
    disk.write_now("a", 0, b"new")
    image = disk.image(1, Survival.ALL_LOST)
    assert image.read_now("a", 0, 9) == b"old"
    image.write_now("a", 3, b"er")
    assert image.image(1, Survival.ALL_KEPT).read_now("a", 0, 9) == b"older"


def test_images_repeat_the_faults_of_the_run(disk: SimDisk) -> None:
    disk.fail(FaultKind.SHORT_WRITE)
    with pytest.raises(StorageFull):
        disk.write_now("a", 0, b"NEWS")
    disk.fail(FaultKind.SYNC_LIE)
    disk.sync_now("a")
    assert disk.image(disk.operations, Survival.ALL_LOST).read_now("a", 0, 9) == b"old"
    assert disk.image(disk.operations, Survival.ALL_KEPT).read_now("a", 0, 9) == b"NEd"


def test_a_disk_that_does_not_record_has_no_images() -> None:
    disk = SimDisk(random.Random(1))
    disk.create_now("a")
    assert disk.journal == []
    with pytest.raises(InvariantBroken):
        disk.image(1, Survival.ALL_LOST)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.WRITE_EIO, DiskFailed),
        (FaultKind.NO_SPACE, StorageFull),
        (FaultKind.OVER_QUOTA, StorageFull),
    ],
)
def test_a_refused_write_changes_nothing(disk: SimDisk, kind: FaultKind, error: type[Exception]) -> None:
    disk.fail(kind, 1)
    disk.write_now("a", 0, b"O")
    with pytest.raises(error):
        disk.write_now("a", 0, b"new")
    assert disk.read_now("a", 0, 9) == b"Old"
    assert disk.faults.fired == {kind: 1}


def test_a_refused_name_changes_nothing(disk: SimDisk) -> None:
    calls: list[Callable[[], None]] = [
        lambda: disk.create_now("b"),
        lambda: disk.rename_now("a", "b"),
        lambda: disk.make_dir_now("b"),
    ]
    for call in calls:
        disk.fail(FaultKind.WRITE_EIO)
        with pytest.raises(DiskFailed):
            call()
    assert (disk.exists_now("a"), disk.exists_now("b")) == (True, False)


def test_read_errors_are_passing_or_persistent(disk: SimDisk) -> None:
    disk.fail(FaultKind.READ_EIO)
    with pytest.raises(DiskFailed):
        disk.read_now("a", 0, 9)
    assert disk.read_now("a", 0, 9) == b"old"
    disk.fail(FaultKind.READ_EIO, path="a", times=None)
    for _ in range(3):
        with pytest.raises(DiskFailed):
            disk.read_now("a", 0, 9)


def test_a_failed_directory_sync_leaves_names_unsynced(disk: SimDisk) -> None:
    disk.create_now("b")
    disk.fail(FaultKind.SYNC_EIO, lambda operation: operation.kind is OperationKind.SYNC_DIR)
    with pytest.raises(DiskFailed):
        disk.sync_dir_now("")
    assert not disk.image(disk.operations, Survival.ALL_LOST).exists_now("b")


def test_a_full_disk_refuses_growth_and_nothing_else(disk: SimDisk) -> None:
    disk.capacity_bytes = 10
    with pytest.raises(StorageFull):
        disk.write_now("a", 3, b"12345678")
    disk.write_now("a", 3, b"1234567")
    disk.write_now("a", 0, b"overwrite!")
    disk.truncate_now("a", 2)
    disk.create_now("b")
    disk.write_now("b", 0, b"12345678")
    disk.unlink_now("b", sync_dir=True)
    assert disk.read_now("a", 0, 99) == b"ov"
