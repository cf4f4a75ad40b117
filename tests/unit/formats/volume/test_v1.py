"""The format file of a volume."""

from pathlib import Path

import pytest

from shoal.base.digests import crc64
from shoal.base.errors import ChecksumMismatch, FormatUnknown
from shoal.formats.volume import FORMAT_FILE_BYTES, VolumeFormat, decode_volume_format, encode_volume_format

GOLDEN = Path(__file__).parents[3] / "golden"
VOLUME = VolumeFormat(store_uuid=bytes(range(16)), node_id=bytes(range(16, 32)), fan_out=256)


def test_a_format_file_is_what_the_golden_file_says() -> None:
    assert encode_volume_format(VOLUME) == (GOLDEN / "volume-v1.bin").read_bytes()


def test_a_format_file_is_read_back() -> None:
    encoded = encode_volume_format(VOLUME)
    assert decode_volume_format(encoded) == VOLUME
    assert len(encoded) == FORMAT_FILE_BYTES


def test_any_flipped_bit_or_cut_is_refused() -> None:
    encoded = encode_volume_format(VOLUME)
    for bit in range(len(encoded) * 8):
        damaged = bytearray(encoded)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ChecksumMismatch):
            decode_volume_format(damaged)
    for cut in range(len(encoded)):
        with pytest.raises(ChecksumMismatch):
            decode_volume_format(encoded[:cut])


@pytest.mark.parametrize("body", [b"SHOALVOL\x00\x02 and more than this release knows", b"SOMETHING ELSE"])
def test_another_version_or_format_is_unknown(body: bytes) -> None:
    with pytest.raises(FormatUnknown):
        decode_volume_format(body + crc64(body).to_bytes(8, "big"))


@pytest.mark.parametrize("body", [encode_volume_format(VOLUME)[:-9], encode_volume_format(VOLUME)[:-8] + b"\0"])
def test_a_right_checksum_over_the_wrong_length_is_damage(body: bytes) -> None:
    with pytest.raises(ChecksumMismatch):
        decode_volume_format(body + crc64(body).to_bytes(8, "big"))
