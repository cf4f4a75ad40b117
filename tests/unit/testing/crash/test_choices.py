"""All that a power cut may leave, and nothing twice."""

import random

import pytest

from shoal.base.errors import InvariantBroken
from shoal.testing.crash.choices import left_by, remains
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.platter import Platter


def disk_with(*writes: tuple[int, bytes]) -> Platter:
    """One durable file with un-synced writes."""
    disk = SimDisk(random.Random(0))
    disk.create_now("file")
    disk.sync_dir_now("")
    for offset, data in writes:
        disk.write_now("file", offset, data)
    return disk.platter


def contents(platter: Platter) -> bytes:
    file = platter.file("file")
    return file.cached.read(0, file.cached.size)


def left(platter: Platter, limit: int = 1000) -> list[bytes]:
    return [contents(found) for _, found in remains(platter, limit=limit, rng=random.Random(0))]


def test_a_synced_disk_leaves_one_thing() -> None:
    assert left(disk_with()) == [b""]


def test_each_small_write_survives_or_not() -> None:
    assert sorted(left(disk_with((0, b"a"), (1, b"b")))) == [b"", b"\0b", b"a", b"ab"]


def test_a_large_write_can_be_torn_on_either_side() -> None:
    whole = b"x" * 512 + b"y" * 512
    assert sorted(left(disk_with((0, whole)))) == sorted([b"", b"x" * 512, bytes(512) + b"y" * 512, whole])


def test_names_survive_as_a_prefix() -> None:
    disk = SimDisk(random.Random(0))
    for name in "abc":
        disk.create_now(name)
    found = [sorted(each.root.live) for _, each in remains(disk.platter, limit=100, rng=random.Random(0))]
    assert found == [[], ["a"], ["a", "b"], ["a", "b", "c"]]


def test_what_is_too_much_is_drawn_with_both_extremes() -> None:
    platter = disk_with(*((at, b"x") for at in range(12)))
    found = left(platter, limit=40)
    assert len(found) == len(set(found)) == 40
    assert found[:2] == [b"", b"x" * 12]


def test_a_pattern_leaves_the_same_again() -> None:
    platter = disk_with((0, b"a" * 2000), (100, b"b" * 700))
    for pattern, found in remains(platter, limit=100, rng=random.Random(0)):
        assert contents(left_by(platter, pattern)) == contents(found)


def test_a_pattern_of_another_state_is_refused() -> None:
    with pytest.raises(InvariantBroken):
        left_by(disk_with((0, b"a")), (7,))
