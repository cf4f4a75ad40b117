"""The identity file of a node, bit by bit."""

from pathlib import Path

import pytest
from msgspec.structs import astuple, replace

from shoal.base.digests import CRC_BYTES, crc64
from shoal.base.errors import ChecksumMismatch, FormatUnknown
from shoal.base.ids import NodeId
from shoal.formats import wire
from shoal.formats.identity import NodeIdentity, pack_identity, unpack_identity

GOLDEN = Path(__file__).parents[3] / "golden" / "node-identity-v1.bin"
IDENTITY = NodeIdentity(
    node_id=NodeId("0123456789abcdef" * 2),
    cluster_id="c0ffee",
    store_uuid=bytes(range(16)),
    name="node-1",
    seen_incarnation=3,
    seen_commit=1_000_000,
    seen_epoch=7,
    has_volume=True,
)


def with_crc(body: bytes) -> bytes:
    return body + crc64(body).to_bytes(CRC_BYTES, "big")


def test_a_file_is_what_the_golden_one_says() -> None:
    assert pack_identity(IDENTITY) == GOLDEN.read_bytes()
    assert unpack_identity(GOLDEN.read_bytes()) == IDENTITY


def test_a_new_node_has_seen_nothing() -> None:
    fresh = NodeIdentity(node_id=NodeId("0" * 32), cluster_id="c", store_uuid=bytes(16))
    assert unpack_identity(pack_identity(fresh)) == fresh
    assert (fresh.name, fresh.seen_incarnation, fresh.seen_commit, fresh.seen_epoch) == ("", 0, 0, 0)


def test_a_file_of_before_volumes_were_noted_is_read() -> None:
    fields = list(astuple(IDENTITY)[:-1])
    payload = wire.encode(fields)
    older = with_crc(b"SHOALNID" + (1).to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload)
    assert unpack_identity(older) == replace(IDENTITY, has_volume=False)


def test_every_flipped_bit_is_damage_never_news() -> None:
    data = pack_identity(IDENTITY)
    for bit in range(len(data) * 8):
        flipped = data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
        with pytest.raises(ChecksumMismatch):
            unpack_identity(flipped)


def test_every_cut_and_every_extra_byte_is_damage() -> None:
    data = pack_identity(IDENTITY)
    for end in range(len(data)):
        with pytest.raises(ChecksumMismatch):
            unpack_identity(data[:end])
    with pytest.raises(ChecksumMismatch):
        unpack_identity(data + b"\0")


def test_a_newer_version_says_to_upgrade() -> None:
    body = pack_identity(IDENTITY)[:-CRC_BYTES]
    with pytest.raises(FormatUnknown, match="upgrade Shoal"):
        unpack_identity(with_crc(body[:8] + b"\0\0\0\2" + body[12:]))


def test_another_kind_of_file_is_told_apart() -> None:
    body = pack_identity(IDENTITY)[:-CRC_BYTES]
    with pytest.raises(FormatUnknown, match="not a node's"):
        unpack_identity(with_crc(b"SHOALXXX" + body[8:]))


@pytest.mark.parametrize("payload", [b"", b"\xc1", wire.encode(["only", "two"]), wire.encode({"node_id": "x"})])
def test_a_whole_file_that_says_something_else_is_damage(payload: bytes) -> None:
    body = b"SHOALNID" + (1).to_bytes(4, "big") + len(payload).to_bytes(4, "big") + payload
    with pytest.raises(ChecksumMismatch):
        unpack_identity(with_crc(body))


def test_a_length_that_does_not_fit_is_damage() -> None:
    body = pack_identity(IDENTITY)[:-CRC_BYTES]
    with pytest.raises(ChecksumMismatch, match="wrong length"):
        unpack_identity(with_crc(body[:12] + b"\0\0\0\1" + body[16:]))
