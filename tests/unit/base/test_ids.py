"""Identities: what is minted is read back, order is order of minting, and nothing else is read."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import InvalidArgument, InvariantBroken
from shoal.base.ids import (
    ChunkId,
    ReplicaId,
    SessionId,
    VersionId,
    mint_chunk_id,
    mint_session_id,
    parse_node_id,
    parse_replica,
    parse_version,
    session_of,
    uuid_text,
    version_text,
)

U64 = st.integers(0, 2**64 - 1)
HEX = "0123456789abcdef" * 2
UUID7 = "0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f506"


@given(chunk=st.binary(min_size=16, max_size=16), shard=st.integers(0, 255), placement=st.integers(1, 2**32 - 1))
def test_a_replica_address_is_read_back(chunk: bytes, shard: int, placement: int) -> None:
    replica = ReplicaId(ChunkId(chunk), shard, placement)
    assert parse_replica(replica.address) == replica


@pytest.mark.parametrize(
    "address",
    [
        "",
        f"{HEX}.0",
        f"{HEX}.0.0",
        f"{HEX}.0.01",
        f"{HEX}.00.1",
        f"{HEX}.256.1",
        f"{HEX}.0.4294967296",
        f"{HEX}.-1.1",
        f"{HEX}.+1.1",
        f"{HEX}.0.1_0",
        f"{HEX}.0.1\n",
        f" {HEX}.0.1",
        f"{HEX}.0.1.1",
        f"{HEX.upper()}.0.1",
        f"{HEX[:-1]}.0.1",
        f"{HEX}0.0.1",
        f"{HEX}.٣.1",
        f"{HEX}.0.٣",
        f"{HEX}.0." + "9" * 5000,
        f"../{HEX}.0.1",
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_replica(address)


@pytest.mark.parametrize("text", ["", HEX[:-1], HEX + "0", HEX.upper(), HEX[:-1] + "g", HEX + "\n", "٣" * 32])
def test_a_node_id_is_32_hex_digits(text: str) -> None:
    assert parse_node_id(HEX) == HEX
    with pytest.raises(InvalidArgument):
        parse_node_id(text)


@given(session=st.integers(1, 2**64 - 1), first=U64, second=U64)
def test_chunk_ids_name_their_session_and_keep_its_order(session: int, first: int, second: int) -> None:
    one, two = mint_chunk_id(SessionId(session), first), mint_chunk_id(SessionId(session), second)
    assert session_of(one) == session_of(two) == session
    assert (one < two) == (first < second)
    assert len(one) == 16


@pytest.mark.parametrize(("session", "counter"), [(0, 0), (-1, 0), (2**64, 0), (1, -1), (1, 2**64)])
def test_a_chunk_id_out_of_range_is_a_bug(session: int, counter: int) -> None:
    with pytest.raises(InvariantBroken):
        mint_chunk_id(SessionId(session), counter)


@given(
    one=st.tuples(st.integers(1, 2**16 - 1), st.integers(0, 2**48 - 1)),
    two=st.tuples(st.integers(1, 2**16 - 1), st.integers(0, 2**48 - 1)),
)
def test_session_ids_of_a_later_incarnation_are_new(one: tuple[int, int], two: tuple[int, int]) -> None:
    assert (mint_session_id(*one) < mint_session_id(*two)) == (one < two)
    assert mint_session_id(*one) >> 48 == one[0]


@pytest.mark.parametrize(("incarnation", "counter"), [(0, 1), (2**16, 0), (1, -1), (1, 2**48)])
def test_a_session_id_out_of_range_is_a_bug(incarnation: int, counter: int) -> None:
    with pytest.raises(InvariantBroken):
        mint_session_id(incarnation, counter)


def test_a_version_is_told_as_a_uuid_and_read_back() -> None:
    version = VersionId(bytes.fromhex(UUID7.replace("-", "")))
    assert version_text(version) == UUID7
    assert parse_version(UUID7) == version


@pytest.mark.parametrize(
    "text",
    ["", UUID7.upper(), UUID7.replace("-", ""), UUID7 + "\n", "{" + UUID7 + "}", UUID7.replace("-7", "-4"), "null"],
)
def test_any_other_version_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="shoal versions"):
        parse_version(text)


def test_random_bytes_make_a_uuid_of_version_4() -> None:
    for byte in (b"\x00", b"\xff", b"\x5a"):
        made = uuid.UUID(uuid_text(byte * 16))
        assert (made.version, made.variant) == (4, uuid.RFC_4122)
        assert str(made) == uuid_text(byte * 16)
    assert uuid_text(bytes(16)) == "00000000-0000-4000-8000-000000000000"
