"""Sparse bytes against a plain bytearray."""

import random

import pytest

from shoal.testing.sim.paged_bytes import PAGE_BYTES, PagedBytes


@pytest.mark.parametrize("seed", range(20))
def test_it_does_what_a_bytearray_does(seed: int) -> None:
    rng = random.Random(seed)
    content, plain = PagedBytes(), bytearray()
    for _ in range(30):
        offset = rng.randrange(3 * PAGE_BYTES)
        if rng.random() < 0.2:
            content.resize(offset)
            plain = plain[:offset].ljust(offset, b"\0")
        else:
            data = rng.randbytes(rng.choice((0, 1, 511, PAGE_BYTES, 2 * PAGE_BYTES + 5)))
            content.write(offset, data)
            if data:
                plain = plain.ljust(offset, b"\0")
                plain[offset : offset + len(data)] = data
        start, length = rng.randrange(4 * PAGE_BYTES), rng.randrange(3 * PAGE_BYTES)
        assert content.read(start, length) == plain[start : start + length]
        assert content.size == len(plain)


def test_a_copy_goes_its_own_way() -> None:
    content = PagedBytes()
    content.write(0, b"abc")
    twin = content.copy()
    twin.write(1, b"X")
    content.resize(2)
    assert (content.read(0, 9), twin.read(0, 9)) == (b"ab", b"aXc")


def test_what_was_cut_off_does_not_come_back() -> None:
    content = PagedBytes()
    content.write(0, b"a" * 3 * PAGE_BYTES)
    content.resize(PAGE_BYTES + 1)
    content.resize(3 * PAGE_BYTES)
    assert content.read(0, 9 * PAGE_BYTES) == b"a" * (PAGE_BYTES + 1) + bytes(2 * PAGE_BYTES - 1)
