"""Ten thousand power cuts: of a chunk store, and of a store and its catalog on one disk. No promise may break.

Then bugs are planted, and the same hunt must find each of them.
"""

from collections.abc import Callable

import pytest

from shoal.engine.witness import CommitWitness
from shoal.store.disk import DiskStore
from shoal.testing.crash.hunt import Tally, hunt
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.file import SimFile
from shoal.testing.sim.sqlite_vfs import _SimVfsFile

STATES = 5_000
Planted = Callable[[pytest.MonkeyPatch], None]
pytestmark = pytest.mark.timeout(400)
"""Seconds of a machine that has other things to do: some of these take a quarter of a minute alone."""


@pytest.mark.parametrize("with_catalog", [False, True], ids=["store", "store-and-catalog"])
async def test_no_cut_breaks_a_promise(with_catalog: bool) -> None:
    tally = Tally()
    async for _ in hunt(tally, with_catalog=with_catalog, states=STATES, whole_length=2, seed=0):
        pass
    assert [f"{each.state}: {each.why}" for each in tally.broken] == []
    assert tally.states == STATES


async def nothing(*_: object) -> None:
    """What a forgotten call does."""


def files_not_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimFile, "fdatasync", nothing)


def directories_not_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimDisk, "sync_dir", nothing)


def log_not_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_SimVfsFile, "xSync", lambda *_: None)


def deletes_without_tombstone(patch: pytest.MonkeyPatch) -> None:
    async def delete(store: DiskStore, replica: object, row: object) -> None:
        pass

    patch.setattr(DiskStore, "_delete", delete)


def quarantine_not_written_down(patch: pytest.MonkeyPatch) -> None:
    async def quarantine(store: DiskStore, replica: object) -> None:
        pass

    patch.setattr(DiskStore, "quarantine", quarantine)


def witness_ahead_of_its_commit(patch: pytest.MonkeyPatch) -> None:
    right = CommitWitness.advance
    patch.setattr(CommitWitness, "advance", lambda witness, number: right(witness, number + 1))


PLANTED: list[tuple[Planted, bool]] = [
    (files_not_synced, False),
    (directories_not_synced, False),
    (deletes_without_tombstone, False),
    (quarantine_not_written_down, False),
    (files_not_synced, True),
    (log_not_synced, True),
    (witness_ahead_of_its_commit, True),
]


@pytest.mark.parametrize(("plant", "with_catalog"), PLANTED)
async def test_a_planted_bug_is_found(plant: Planted, with_catalog: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    tally = Tally()
    async for _ in hunt(tally, with_catalog=with_catalog, states=1_500, whole_length=2, seed=0):
        if tally.broken:
            break
    assert tally.broken
