"""Reading around what cannot be read."""

import pytest

from shoal.base.env import OpenMode
from shoal.base.errors import DiskFailed
from shoal.formats.segment import Damage
from shoal.store.patient_file import SECTOR_BYTES, SECTORS_LOST_MAX, PatientFile
from shoal.testing.sim.disk import DiskOperation, FaultKind
from support.stores import content, new_disk

PATH = "file"
SIZE = 20 * SECTOR_BYTES + 100
DATA = content(1, SIZE)


async def patient(bad: range = range(0), *, times: int | None = None) -> PatientFile:
    """A file of which some sectors cannot be read, for ever or so many times."""
    disk = new_disk()
    file = await disk.open(PATH, OpenMode.CREATE)
    await file.pwrite(0, DATA)

    def is_bad(read: DiskOperation) -> bool:
        sectors = range(read.offset // SECTOR_BYTES, -(-(read.offset + read.length) // SECTOR_BYTES))
        return any(sector in bad for sector in sectors)

    disk.fail(FaultKind.BAD_SECTOR, is_bad, times=times)
    return PatientFile(file)


async def test_what_is_well_is_read_as_it_is() -> None:
    file = await patient()
    assert await file.pread(0, SIZE + 10) == DATA
    assert (file.size(), file.lost) == (SIZE, ())


@pytest.mark.parametrize("start", [0, 3, SECTOR_BYTES, 3 * SECTOR_BYTES + 7, 5 * SECTOR_BYTES - 1])
async def test_a_sector_that_cannot_be_read_costs_nothing_but_itself(start: int) -> None:
    bad = 3 * SECTOR_BYTES
    file = await patient(range(3, 4))
    found = await file.pread(start, SIZE)
    expected = DATA[:bad] + b"\xff" * SECTOR_BYTES + DATA[bad + SECTOR_BYTES :]
    assert found == expected[start:]
    assert file.lost == ((Damage(bad, SECTOR_BYTES),) if start < bad + SECTOR_BYTES else ())


async def test_a_sector_that_is_read_at_the_next_try_is_not_lost() -> None:
    file = await patient(range(3, 4), times=2)
    assert await file.pread(0, SIZE) == DATA
    assert file.lost == ()


async def test_the_last_sector_may_be_a_short_one() -> None:
    file = await patient(range(20, 21))
    assert await file.pread(0, SIZE) == DATA[:-100] + b"\xff" * 100


async def test_more_than_a_few_are_a_disk_that_fails() -> None:
    few = await patient(range(SECTORS_LOST_MAX))
    assert len(await few.pread(0, SIZE)) == SIZE
    many = await patient(range(SECTORS_LOST_MAX + 1))
    assert len(await many.pread(0, SECTORS_LOST_MAX * SECTOR_BYTES)) == SECTORS_LOST_MAX * SECTOR_BYTES
    with pytest.raises(DiskFailed):
        await many.pread(SECTORS_LOST_MAX * SECTOR_BYTES, SECTOR_BYTES)
