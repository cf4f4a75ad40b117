"""Row values, version 1."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.digests import crc64
from shoal.base.errors import ChecksumMismatch, FormatUnknown
from shoal.formats.row import VALUE_BYTES_EXTRA, open_row, seal_row

GOLDEN = Path(__file__).parents[3] / "golden" / "row-v1.bin"
KEY, VALUE = b"o\x00bucket\x00key\x00", bytes(range(40))


@given(key=st.binary(max_size=50), value=st.binary(max_size=200))
def test_what_is_sealed_opens(key: bytes, value: bytes) -> None:
    stored = seal_row(key, value)
    assert open_row(key, stored) == value
    assert len(stored) == len(value) + VALUE_BYTES_EXTRA


def test_the_layout_is_the_recorded_one() -> None:
    assert seal_row(KEY, VALUE) == GOLDEN.read_bytes()


def test_every_flipped_bit_is_found() -> None:
    stored = seal_row(KEY, VALUE)
    for bit in range(len(stored) * 8):
        flipped = (int.from_bytes(stored, "big") ^ 1 << bit).to_bytes(len(stored), "big")
        with pytest.raises(ChecksumMismatch):
            open_row(KEY, flipped)


def test_every_cut_is_found() -> None:
    stored = seal_row(KEY, VALUE)
    for length in range(len(stored)):
        with pytest.raises(ChecksumMismatch):
            open_row(KEY, stored[:length])


def test_a_value_under_another_key_is_found() -> None:
    with pytest.raises(ChecksumMismatch):
        open_row(KEY + b"2", seal_row(KEY, VALUE))


def test_a_sound_row_of_a_newer_version_is_told_from_a_damaged_one() -> None:
    body = b"\xd7\x02" + VALUE
    with pytest.raises(FormatUnknown):
        open_row(KEY, body + crc64(KEY + body).to_bytes(8, "big"))
