"""Grants: 92 bytes of which every bit is bound."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.errors import AccessDenied
from shoal.base.ids import ChunkId, NodeId, ReplicaId, SessionId
from shoal.formats.grant import Grant, GrantKind, grant_bytes, grant_text, open_grant, seal_grant
from shoal.formats.grant.v1 import GRANT_BYTES

GOLDEN = Path(__file__).parents[3] / "golden" / "grant-v1.bin"
KEY, FOREIGN = b"k" * 32, b"f" * 32
GRANT = Grant(
    kind=GrantKind.REMOVE,
    expires_ms=1_700_000_000_123,
    session=SessionId(0x0102030405060708),
    replica=ReplicaId(ChunkId(bytes(range(16))), 9, 0x0A0B0C0D),
    node=NodeId(bytes(range(16, 32)).hex()),
    epoch=0x1112131415161718,
)
U64 = st.integers(0, 2**64 - 1)
ID = st.binary(min_size=16, max_size=16)


@given(
    kind=st.sampled_from(GrantKind),
    numbers=st.tuples(U64, U64, U64),
    replica=st.builds(ReplicaId, ID.map(ChunkId), st.integers(0, 255), st.integers(0, 2**32 - 1)),
    node=ID.map(lambda node: NodeId(node.hex())),
)
def test_what_is_sealed_opens(kind: GrantKind, numbers: tuple[int, int, int], replica: ReplicaId, node: NodeId) -> None:
    expires_ms, session, epoch = numbers
    grant = Grant(kind=kind, expires_ms=expires_ms, session=SessionId(session), replica=replica, node=node, epoch=epoch)
    data = seal_grant(grant, KEY)
    assert len(data) == GRANT_BYTES == 92
    assert open_grant(data, KEY) == grant
    assert grant_bytes(grant_text(data)) == data


def test_the_layout_is_the_recorded_one() -> None:
    assert seal_grant(GRANT, KEY) == GOLDEN.read_bytes()


def test_every_flipped_bit_is_refused() -> None:
    data = seal_grant(GRANT, KEY)
    for bit in range(GRANT_BYTES * 8):
        flipped = (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(GRANT_BYTES, "big")
        with pytest.raises(AccessDenied):
            open_grant(flipped, KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": GrantKind.READ},
        {"expires_ms": GRANT.expires_ms + 1},
        {"session": SessionId(1)},
        {"replica": GRANT.replica._replace(chunk=ChunkId(bytes(16)))},
        {"replica": GRANT.replica._replace(shard=0)},
        {"replica": GRANT.replica._replace(placement=1)},
        {"node": NodeId("0" * 32)},
        {"epoch": 0},
    ],
)
def test_every_field_is_bound(change: dict[str, object]) -> None:
    mac = seal_grant(GRANT, KEY)[-16:]
    other = seal_grant(msgspec.structs.replace(GRANT, **change), KEY)
    with pytest.raises(AccessDenied, match="forged"):
        open_grant(other[:-16] + mac, KEY)


def test_a_foreign_grant_is_refused() -> None:
    with pytest.raises(AccessDenied, match="another cluster"):
        open_grant(seal_grant(GRANT, FOREIGN), KEY)


@pytest.mark.parametrize("kind", [0, 4, 255])
def test_a_kind_that_is_not_known_is_refused_though_signed(kind: int) -> None:
    data = seal_grant(msgspec.structs.replace(GRANT, kind=kind), KEY)
    with pytest.raises(AccessDenied, match="kind"):
        open_grant(data, KEY)


@pytest.mark.parametrize("length", [0, 1, 91, 93, 184])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(AccessDenied):
        open_grant((seal_grant(GRANT, KEY) * 2)[:length], KEY)


TEXT = grant_text(seal_grant(GRANT, KEY))


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "=", TEXT + "=", TEXT + "\n", " " + TEXT, TEXT + "a", "a", "é" * 123, "A" * 513),
        *(TEXT[:40] + "+" + TEXT[41:], TEXT[:40] + "!" + TEXT[40:]),
    ],
)
def test_a_header_that_is_no_base64url_is_refused(text: str | None) -> None:
    with pytest.raises(AccessDenied):
        open_grant(grant_bytes(text), KEY)


def test_a_grant_has_only_one_text() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    believed = []
    for last in alphabet:
        try:
            open_grant(grant_bytes(TEXT[:-1] + last), KEY)
        except AccessDenied:
            continue
        believed.append(last)
    assert believed == [TEXT[-1]]
