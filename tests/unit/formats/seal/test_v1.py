"""Seals: what a sender says of the bytes before it, and a primary signs."""

from pathlib import Path

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import ChunkId, ReplicaId
from shoal.formats.seal import (
    SEAL_BYTES,
    Seal,
    bind_seal,
    check_bound,
    open_seal,
    pack_seal,
    put_words,
    sign_seal,
    verify_seal,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "seal-v1.bin"
KEY, FOREIGN = b"k" * 32, b"f" * 32
REPLICA = ReplicaId(ChunkId(bytes(range(16))), 1, 2)
SHA256, CRC64, SIZE = bytes(range(100, 132)), 0x0102030405060708, 1000
SIGNED = sign_seal(KEY, REPLICA, size=SIZE, sha256=SHA256, crc64=CRC64)


def test_the_layout_is_the_recorded_one() -> None:
    assert pack_seal(SIGNED) == GOLDEN.read_bytes()
    assert len(pack_seal(SIGNED)) == SEAL_BYTES == 64


@pytest.mark.parametrize("seal", [SIGNED, Seal(SHA256, CRC64)])
def test_what_is_packed_opens(seal: Seal) -> None:
    assert open_seal(pack_seal(seal)) == seal


def test_a_primary_is_believed() -> None:
    verify_seal(open_seal(pack_seal(SIGNED)), KEY, REPLICA, size=SIZE)


def test_every_flipped_bit_is_refused() -> None:
    data = pack_seal(SIGNED)
    for bit in range(SEAL_BYTES * 8):
        flipped = (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(SEAL_BYTES, "big")
        with pytest.raises((AccessDenied, InvalidArgument)):
            verify_seal(open_seal(flipped), KEY, REPLICA, size=SIZE)


@pytest.mark.parametrize(
    ("replica", "size", "key"),
    [
        (REPLICA._replace(chunk=ChunkId(bytes(16))), SIZE, KEY),
        (REPLICA._replace(shard=0), SIZE, KEY),
        (REPLICA._replace(placement=3), SIZE, KEY),
        (REPLICA._replace(shard=12, placement=2), SIZE, KEY),
        (REPLICA, SIZE + 1, KEY),
        (REPLICA, 0, KEY),
        (REPLICA, SIZE, FOREIGN),
    ],
)
def test_a_seal_is_for_one_replica_of_one_primary(replica: ReplicaId, size: int, key: bytes) -> None:
    with pytest.raises(AccessDenied):
        verify_seal(SIGNED, key, replica, size=size)


def test_a_clients_seal_is_for_one_request() -> None:
    words = put_words(REPLICA, size=SIZE, targets="a.2;", quorum="2")
    seal = open_seal(pack_seal(bind_seal(words, sha256=SHA256, crc64=CRC64)))
    check_bound(seal, words)
    for bit in range(8 * len(words)):
        other = (int.from_bytes(words, "big") ^ 1 << bit).to_bytes(len(words), "big")
        with pytest.raises(InvalidArgument):
            check_bound(seal, other)


def test_a_seal_that_says_nothing_of_its_request_is_not_held_to_it() -> None:
    check_bound(Seal(SHA256, CRC64), b"anything")


def test_a_client_cannot_pass_for_a_primary() -> None:
    with pytest.raises(AccessDenied):
        verify_seal(open_seal(pack_seal(Seal(SHA256, CRC64))), KEY, REPLICA, size=SIZE)


@pytest.mark.parametrize("data", [b"", pack_seal(SIGNED)[:-1], pack_seal(SIGNED) + b"\x00", bytes(SEAL_BYTES)])
def test_a_body_that_does_not_end_in_a_seal_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="seal"):
        open_seal(data)
