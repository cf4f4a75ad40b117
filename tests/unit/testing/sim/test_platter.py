"""What survives: names, bytes, and what depends on what."""

import random

import pytest

from shoal.base.errors import AlreadyExists, DiskFailed, InvariantBroken, NotFound
from shoal.testing.sim.operation import DiskOperation, FaultKind, OperationKind
from shoal.testing.sim.platter import Platter
from shoal.testing.sim.survival import Survival


def do(platter: Platter, kind: OperationKind, path: str, *, target: str = "") -> None:
    platter.apply(DiskOperation(kind, path, target=target, through=platter.last_number))


def write(platter: Platter, path: str, data: bytes, *, offset: int = 0, fault: FaultKind | None = None) -> None:
    inode = platter.file(path)
    platter.apply(DiskOperation(OperationKind.WRITE, path, inode.number, offset=offset, data=data, fault=fault))


def sync(platter: Platter, path: str, *, through: int | None = None, fault: FaultKind | None = None) -> None:
    last = platter.last_number if through is None else through
    platter.apply(DiskOperation(OperationKind.SYNC, path, platter.file(path).number, through=last, fault=fault))


def after(platter: Platter, survival: Survival = Survival.ALL_LOST) -> Platter:
    return platter.after_power_loss(survival, random.Random(1))


def content(platter: Platter, path: str) -> bytes:
    return platter.file(path).cached.read(0, 1 << 20)


@pytest.fixture
def platter() -> Platter:
    """With a durable, empty file `a` and durable directories `d` and `e`."""
    made = Platter()
    do(made, OperationKind.CREATE, "a")
    for name in ("d", "e"):
        do(made, OperationKind.MAKE_DIR, name)
    do(made, OperationKind.SYNC_DIR, "")
    return made


def test_synced_bytes_survive_and_later_ones_do_not(platter: Platter) -> None:
    write(platter, "a", b"old")
    sync(platter, "a")
    write(platter, "a", b"new!")
    assert content(platter, "a") == b"new!"
    assert content(after(platter), "a") == b"old"
    assert content(after(platter, Survival.ALL_KEPT), "a") == b"new!"


def test_the_platter_itself_is_not_changed_by_what_would_be_left(platter: Platter) -> None:
    write(platter, "a", b"new")
    after(platter)
    sync(platter, "a")
    assert content(after(platter), "a") == b"new"


def test_a_sync_covers_only_what_came_before_it(platter: Platter) -> None:
    write(platter, "a", b"1")
    through = platter.last_number
    write(platter, "a", b"2", offset=1)
    sync(platter, "a", through=through)
    assert content(after(platter), "a") == b"1"


def test_a_created_file_is_lost_without_a_sync_of_its_directory(platter: Platter) -> None:
    do(platter, OperationKind.CREATE, "d/x")
    write(platter, "d/x", b"bytes")
    sync(platter, "d/x")
    assert after(platter).find("d/x") is None
    assert content(after(platter, Survival.NAMES_ONLY), "d/x") == b"bytes"
    do(platter, OperationKind.SYNC_DIR, "d")
    assert content(after(platter), "d/x") == b"bytes"


def test_what_lies_below_a_lost_directory_is_lost(platter: Platter) -> None:
    do(platter, OperationKind.MAKE_DIR, "d/new")
    do(platter, OperationKind.CREATE, "d/new/x")
    do(platter, OperationKind.SYNC_DIR, "d/new")
    assert after(platter).find("d/new") is None
    do(platter, OperationKind.SYNC_DIR, "d")
    assert after(platter).find("d/new/x") is not None


def test_an_unsynced_unlink_comes_undone_with_its_bytes(platter: Platter) -> None:
    write(platter, "a", b"bytes")
    sync(platter, "a")
    do(platter, OperationKind.UNLINK, "a")
    assert platter.find("a") is None
    assert content(after(platter), "a") == b"bytes"
    do(platter, OperationKind.SYNC_DIR, "")
    assert after(platter).find("a") is None


def test_a_rename_is_old_or_new_and_never_neither(platter: Platter) -> None:
    do(platter, OperationKind.RENAME, "a", target="b")
    for survival in Survival:
        left = after(platter, survival)
        assert (left.find("a") is None) != (left.find("b") is None)
    do(platter, OperationKind.SYNC_DIR, "")
    assert after(platter).find("b") is not None


def test_a_renamed_file_without_synced_bytes_is_there_and_empty(platter: Platter) -> None:
    write(platter, "a", b"bytes")
    do(platter, OperationKind.RENAME, "a", target="b")
    assert content(after(platter, Survival.NAMES_ONLY), "b") == b""


@pytest.mark.parametrize("synced", ["d", "e"])
def test_a_rename_between_directories_is_durable_when_either_is_synced(platter: Platter, synced: str) -> None:
    do(platter, OperationKind.CREATE, "d/x")
    do(platter, OperationKind.RENAME, "d/x", target="e/y")
    do(platter, OperationKind.SYNC_DIR, synced)
    left = after(platter)
    assert (left.find("d/x"), left.find("e/y") is None) == (None, False)


def test_a_rename_between_directories_takes_earlier_changes_of_both_along(platter: Platter) -> None:
    do(platter, OperationKind.CREATE, "e/y")
    do(platter, OperationKind.CREATE, "d/x")
    write(platter, "d/x", b"moved")
    sync(platter, "d/x")
    do(platter, OperationKind.RENAME, "d/x", target="e/y")
    do(platter, OperationKind.CREATE, "e/later")
    do(platter, OperationKind.SYNC_DIR, "d")
    left = after(platter)
    assert content(left, "e/y") == b"moved"
    assert content(after(platter, Survival.ALL_KEPT), "e/y") == b"moved"


def test_a_prefix_of_the_names_of_each_directory_survives(platter: Platter) -> None:
    for path in ("d/1", "e/1", "d/2", "d/3", "d/4"):
        do(platter, OperationKind.CREATE, path)
    left = after(platter, Survival.TORN)
    assert (list(left.directory("d").live), list(left.directory("e").live)) == (["1", "2"], [])


def test_a_failed_sync_shows_ghosts_that_no_later_sync_writes(platter: Platter) -> None:
    write(platter, "a", b"lost")
    sync(platter, "a", fault=FaultKind.SYNC_EIO)
    write(platter, "a", b"kept", offset=4)
    sync(platter, "a")
    assert content(platter, "a") == b"lostkept"
    assert content(after(platter, Survival.ALL_KEPT), "a") == b"\0\0\0\0kept"
    platter.drop_cache("a")
    assert content(platter, "a") == b"\0\0\0\0kept"


def test_a_lying_sync_keeps_nothing_but_a_later_one_does(platter: Platter) -> None:
    write(platter, "a", b"bytes")
    sync(platter, "a", fault=FaultKind.SYNC_LIE)
    assert content(after(platter), "a") == b""
    sync(platter, "a")
    assert content(after(platter), "a") == b"bytes"


def test_lost_and_misdirected_writes_show_once_the_cache_is_dropped(platter: Platter) -> None:
    write(platter, "a", b"." * 8192)
    write(platter, "a", b"lost", fault=FaultKind.LOST_WRITE)
    write(platter, "a", b"astray", offset=100, fault=FaultKind.MISDIRECTED_WRITE)
    sync(platter, "a")
    seen = content(platter, "a")
    assert (seen[:4], seen[100:106]) == (b"lost", b"astray")
    platter.drop_cache("a")
    stored = content(platter, "a")
    assert (stored[:4], stored[100:106], stored[4196:4202]) == (b"....", b"......", b"astray")


def test_dropping_the_cache_keeps_what_is_not_synced_yet(platter: Platter) -> None:
    write(platter, "a", b"dirty")
    platter.drop_cache("a")
    assert content(platter, "a") == b"dirty"


def test_a_flipped_bit_stays_flipped_across_a_power_cycle(platter: Platter) -> None:
    write(platter, "a", b"\x00\x00")
    sync(platter, "a")
    platter.flip_bit("a", 1, 3)
    assert content(platter, "a") == content(after(platter), "a") == b"\x00\x08"
    with pytest.raises(InvariantBroken):
        platter.flip_bit("a", 2, 0)


def test_writes_to_a_file_that_nobody_can_reach_are_dropped() -> None:
    platter = Platter()
    platter.apply(DiskOperation(OperationKind.WRITE, "gone", 99, data=b"x"))
    assert platter.used_bytes() == 0


def test_names_are_looked_up_by_kind(platter: Platter) -> None:
    with pytest.raises(NotFound):
        platter.file("missing")
    with pytest.raises(NotFound):
        platter.directory("missing")
    with pytest.raises(DiskFailed):
        platter.file("d")
    with pytest.raises(DiskFailed):
        platter.directory("a")
    with pytest.raises(AlreadyExists):
        platter.require_free("a")
    with pytest.raises(NotFound):
        platter.require_free("missing/x")
    assert platter.find("a/below") is None


def test_used_bytes_add_up_over_directories(platter: Platter) -> None:
    do(platter, OperationKind.CREATE, "d/x")
    write(platter, "d/x", b"123")
    write(platter, "a", b"4", offset=10)
    assert platter.used_bytes() == 14
