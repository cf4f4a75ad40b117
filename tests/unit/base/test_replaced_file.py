"""A file that is replaced as a whole: old or new at every moment, never neither."""

from random import Random

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import DiskFailed, NotFound, StorageFull
from shoal.base.replaced_file import PREVIOUS, read_file, replace_file
from shoal.testing.sim.disk import FaultKind, PowerCut, SimDisk, Survival

PATH = "box/identity"
VERSIONS = [bytes([65 + number]) * (1500 + number) for number in range(4)]


async def new_disk(*, record: bool = False) -> SimDisk:
    disk = SimDisk(Random(1), record=record)
    await disk.make_dir("box")
    await disk.sync_dir("")
    return disk


async def content_of(disk: SimDisk, path: str = PATH) -> bytes | None:
    try:
        return await read_file(disk, path)
    except NotFound:
        return None


async def test_it_has_the_new_content_and_keeps_the_one_before() -> None:
    disk = await new_disk()
    for version in VERSIONS:
        await replace_file(disk, PATH, version)
    assert await content_of(disk) == VERSIONS[-1]
    assert await content_of(disk, PATH + PREVIOUS) == VERSIONS[-2]
    assert await disk.list("box") == ["identity", "identity.prev"]


async def test_a_first_one_has_no_predecessor() -> None:
    disk = await new_disk()
    await replace_file(disk, PATH, VERSIONS[0])
    assert await disk.list("box") == ["identity"]


async def test_in_the_root_directory_it_is_as_durable() -> None:
    disk = SimDisk(Random(1))
    await replace_file(disk, "identity", VERSIONS[0])
    disk.power_cycle(Survival.ALL_LOST)
    assert await content_of(disk, "identity") == VERSIONS[0]


@pytest.mark.parametrize("survival", list(Survival))
async def test_a_power_cut_at_any_operation_leaves_the_old_content_or_the_new(survival: Survival) -> None:
    disk = await new_disk(record=True)
    ended = []
    for version in VERSIONS:
        await replace_file(disk, PATH, version)
        ended.append(disk.operations)
    for crash in range(disk.operations + 1):
        done = sum(end <= crash for end in ended)
        expected = [VERSIONS[done - 1] if done else None, *VERSIONS[done : done + 1]]
        image = disk.image(crash, survival, seed=crash)
        if not image.exists_now("box"):
            continue
        assert await content_of(image) in expected, crash
        assert await content_of(image, PATH + PREVIOUS) in [None, *VERSIONS], crash
        await replace_file(image, PATH, b"the node goes on")
        image.power_cycle(Survival.ALL_LOST)
        assert await content_of(image) == b"the node goes on", crash


async def test_a_process_that_is_killed_at_any_operation_leaves_nothing_in_the_way() -> None:
    for crash in range(1, 30):
        disk = await new_disk()
        await replace_file(disk, PATH, VERSIONS[0])
        disk.crash_after(crash)
        try:
            await replace_file(disk, PATH, VERSIONS[1])
        except PowerCut:
            disk.process_crash()
            assert await content_of(disk) in VERSIONS[:2]
            await replace_file(disk, PATH, VERSIONS[2])
            assert await content_of(disk) == VERSIONS[2]
        else:
            break
    else:
        pytest.fail("the crash never came too late")


@pytest.mark.parametrize("kind", [FaultKind.NO_SPACE, FaultKind.SHORT_WRITE, FaultKind.WRITE_EIO, FaultKind.SYNC_EIO])
async def test_a_disk_that_refuses_leaves_the_old_content(kind: FaultKind) -> None:
    for at in range(30):
        disk = await new_disk()
        await replace_file(disk, PATH, VERSIONS[0])
        await replace_file(disk, PATH, VERSIONS[1])
        disk.fail(kind, at)
        try:
            await replace_file(disk, PATH, VERSIONS[2])
        except (StorageFull, DiskFailed):
            disk.faults.clear()
            assert await content_of(disk) in VERSIONS[1:3]  # new, if it was the directory's sync behind the rename
            await replace_file(disk, PATH, VERSIONS[3])
            assert await content_of(disk) == VERSIONS[3]
        else:
            assert at > 0
            return
    pytest.fail("the fault never came too late")


async def test_a_file_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        await read_file(await new_disk(), PATH)


async def test_an_empty_file_is_read_as_such() -> None:
    disk = await new_disk()
    await (await disk.open(PATH, OpenMode.CREATE)).close()
    assert await read_file(disk, PATH) == b""
