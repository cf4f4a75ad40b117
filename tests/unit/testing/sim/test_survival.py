"""Which changes a pattern leaves."""

import random

import pytest

from shoal.testing.sim.survival import (
    SECTOR_BYTES,
    FileChange,
    ResizeChange,
    Survival,
    WriteChange,
    surviving_changes,
    surviving_names,
)

CHANGES: list[FileChange] = [
    WriteChange(1, 0, b"a" * 2048),
    WriteChange(2, 2048, b"b" * 100),
    ResizeChange(3, 5000, grow_only=False),
    WriteChange(4, 4000, b"c" * 1000),
]


def numbers_left(survival: Survival) -> list[int]:
    return [change.number for change in surviving_changes(CHANGES, survival, random.Random(1))]


@pytest.mark.parametrize(
    ("survival", "left"),
    [
        (Survival.ALL_LOST, []),
        (Survival.NAMES_ONLY, []),
        (Survival.ALL_KEPT, [1, 2, 3, 4]),
        (Survival.DATA_ONLY, [1, 2, 3, 4]),
        (Survival.EVERY_OTHER, [2, 4]),
        (Survival.LAST_ONLY, [4]),
        (Survival.TORN, [1, 4]),
    ],
)
def test_fixed_patterns_choose_their_writes(survival: Survival, left: list[int]) -> None:
    assert numbers_left(survival) == left


@pytest.mark.parametrize(
    ("survival", "left"),
    [
        (Survival.ALL_LOST, 0),
        (Survival.DATA_ONLY, 0),
        (Survival.ALL_KEPT, 5),
        (Survival.NAMES_ONLY, 5),
        (Survival.LAST_ONLY, 5),
        (Survival.EVERY_OTHER, 2),
        (Survival.TORN, 2),
    ],
)
def test_fixed_patterns_choose_a_prefix_of_the_names(survival: Survival, left: int) -> None:
    assert surviving_names(5, survival, random.Random(1)) == left


def test_a_torn_write_ends_at_a_sector_of_the_file() -> None:
    (torn,) = surviving_changes([WriteChange(1, 300, b"x" * 2000)], Survival.TORN, random.Random(1))
    assert isinstance(torn, WriteChange)
    assert torn.offset == 300
    assert (torn.offset + len(torn.data)) % SECTOR_BYTES == 0
    assert 0 < len(torn.data) < 2000


def test_a_write_within_one_sector_is_whole_or_lost() -> None:
    change = WriteChange(1, 512, b"x" * 512)
    for seed in range(200):
        assert list(surviving_changes([change], Survival.RANDOM, random.Random(seed))) in ([], [change])


def test_random_survival_keeps_loses_and_tears_at_both_ends() -> None:
    change = WriteChange(1, 100, b"x" * 2000)
    seen = set()
    for seed in range(200):
        for left in surviving_changes([change], Survival.RANDOM, random.Random(seed)) or [None]:
            match left:
                case WriteChange(_, 100, data):
                    seen.add("whole" if len(data) == 2000 else "start")
                case WriteChange(_, offset, data):
                    assert offset % SECTOR_BYTES == 0
                    assert offset + len(data) == 2100
                    seen.add("end")
                case _:
                    pytest.fail("a write became something else")
    assert seen == {"whole", "start", "end"}


def test_random_survival_is_the_same_for_the_same_seed() -> None:
    first, again = ([*surviving_changes(CHANGES, Survival.RANDOM, random.Random(7))] for _ in range(2))
    assert first == again


def test_random_survival_of_names_reaches_both_ends() -> None:
    drawn = {surviving_names(2, Survival.RANDOM, random.Random(seed)) for seed in range(50)}
    assert drawn == {0, 1, 2}
