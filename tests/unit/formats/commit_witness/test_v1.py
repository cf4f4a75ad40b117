"""The commit witness, version 1."""

from pathlib import Path

import pytest

from shoal.base.digests import crc64
from shoal.base.errors import FormatUnknown
from shoal.formats.commit_witness import (
    SLOT_BYTES,
    WITNESS_BYTES,
    Witness,
    newest_witness,
    seal_witness,
    slot_offset,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "commit-witness-v1.bin"
OLD, NEW = Witness(b"c" * 16, 41), Witness(b"c" * 16, 42)


def file_of(*slots: bytes) -> bytes:
    content = bytearray(WITNESS_BYTES)
    for index, slot in enumerate(slots):
        content[slot_offset(index) : slot_offset(index) + len(slot)] = slot
    return bytes(content)


def test_the_layout_is_the_recorded_one() -> None:
    assert file_of(seal_witness(NEW), seal_witness(OLD)) == GOLDEN.read_bytes()


def test_the_newest_slot_counts_wherever_it_is() -> None:
    assert newest_witness(file_of(seal_witness(NEW), seal_witness(OLD))) == (NEW, 0)
    assert newest_witness(file_of(seal_witness(OLD), seal_witness(NEW))) == (NEW, 1)


def test_slots_take_turns_and_never_share_a_page() -> None:
    assert [slot_offset(write) for write in range(4)] == [0, 4096, 0, 4096]
    assert len(seal_witness(NEW)) == SLOT_BYTES


@pytest.mark.parametrize("length", [0, 1, 511, 4095])
def test_a_file_without_a_whole_slot_says_nothing(length: int) -> None:
    assert newest_witness(seal_witness(NEW).ljust(WITNESS_BYTES, b"\0")[: min(length, 511)]) is None
    assert newest_witness(bytes(length)) is None


def test_every_flipped_bit_falls_back_on_the_other_slot() -> None:
    newer = seal_witness(NEW)
    for bit in range(0, SLOT_BYTES * 8, 5):
        flipped = (int.from_bytes(newer, "big") ^ 1 << bit).to_bytes(SLOT_BYTES, "big")
        assert newest_witness(file_of(flipped, seal_witness(OLD))) == (OLD, 1)
        assert newest_witness(file_of(flipped)) is None


def test_a_sound_slot_of_a_newer_version_is_refused() -> None:
    body = bytearray(seal_witness(NEW)[:-8])
    body[9] = 2
    with pytest.raises(FormatUnknown):
        newest_witness(file_of(bytes(body) + crc64(body).to_bytes(8, "big")))
