"""The witness against the database."""

import random

import pytest

from shoal.base.errors import CorruptionError
from shoal.base.ids import WallNs
from shoal.engine.catalog_state import CatalogState
from shoal.engine.witness import confirm, open_witness, read_witness
from shoal.formats.commit_witness import WITNESS_BYTES, Witness
from shoal.testing.sim.disk import SimDisk, Survival

CATALOG = b"c" * 16
PATH = "catalog.db.witness"


def state(commit_number: int) -> CatalogState:
    return CatalogState(CATALOG, commit_number, WallNs(0))


@pytest.fixture
def disk() -> SimDisk:
    return SimDisk(random.Random(0))


async def test_a_new_witness_shows_the_number_of_its_database(disk: SimDisk) -> None:
    assert await read_witness(disk, PATH) is None
    (await open_witness(disk, PATH, state(0))).close()
    disk.power_cycle(Survival.ALL_LOST)
    assert await read_witness(disk, PATH) == Witness(CATALOG, 0)
    assert disk.size_now(PATH) == WITNESS_BYTES


async def test_an_advance_is_durable_when_it_returns(disk: SimDisk) -> None:
    witness = await open_witness(disk, PATH, state(0))
    for number in range(1, 6):
        witness.advance(number)
    disk.power_cycle(Survival.ALL_LOST)
    assert await read_witness(disk, PATH) == Witness(CATALOG, 5)


async def test_an_advance_never_writes_over_the_newest_slot(disk: SimDisk) -> None:
    for number in range(7):
        witness = await open_witness(disk, PATH, state(number))
        before = disk.read_now(PATH, 0, WITNESS_BYTES)
        witness.advance(number + 1)
        after = disk.read_now(PATH, 0, WITNESS_BYTES)
        kept = [slot for slot in (slice(0, 512), slice(4096, 4608)) if before[slot] == after[slot]]
        assert len(kept) == 1
        witness.close()


async def test_a_database_that_is_ahead_or_even_is_confirmed() -> None:
    confirm(state(5), Witness(CATALOG, 5), path="db")
    confirm(state(6), Witness(CATALOG, 5), path="db")
    confirm(state(0), None, path="db")


@pytest.mark.parametrize(
    ("commit_number", "witness", "says"),
    [
        (4, Witness(CATALOG, 6), "lost its last 2 commits"),
        (4, Witness(b"d" * 16, 4), "two catalogs"),
        (4, None, "gone or damaged"),
    ],
)
def test_any_other_is_refused_with_what_to_do(commit_number: int, witness: Witness | None, says: str) -> None:
    with pytest.raises(CorruptionError, match=f"{says}.*backup"):
        confirm(state(commit_number), witness, path="db")
