"""Counting and checking what comes."""

import pytest

from shoal.base.digests import crc64, sha256
from shoal.base.errors import InvalidArgument, InvariantBroken
from shoal.store.incoming import IncomingReplica
from support.stores import content, replica


def incoming(size: int, ends: list[int] | None = None) -> IncomingReplica:
    heard = [] if ends is None else ends
    return IncomingReplica(replica(1), size, on_end=lambda: heard.append(size))


def test_checksums_do_not_depend_on_the_frames() -> None:
    data = content(1, 200_000)
    found = []
    for frame in (1000, 65536, 200_000):
        each = incoming(len(data))
        for at in range(0, len(data), frame):
            each.accept(data[at : at + frame])
        info = each.complete(sha256(data))
        found.append((info, each.table))
    assert found == [found[0]] * 3
    assert found[0][0].crc64 == crc64(data)


def test_too_much_and_too_little_are_refused() -> None:
    each = incoming(3)
    each.accept(b"ab")
    with pytest.raises(InvalidArgument):
        each.accept(b"cd")
    with pytest.raises(InvalidArgument):
        each.complete(sha256(b"ab"))
    assert each.received_bytes == 2


def test_it_ends_once_and_takes_nothing_more() -> None:
    ends: list[int] = []
    each = incoming(3, ends)
    each.end()
    each.end()
    assert ends == [3]
    for late in (lambda: each.accept(b"a"), lambda: each.complete(bytes(32))):
        with pytest.raises(InvariantBroken):
            late()


def test_a_digest_of_another_size_is_a_bug() -> None:
    with pytest.raises(InvariantBroken):
        incoming(0).complete(b"short")
