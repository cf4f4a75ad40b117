"""Receipts: one node's word for exactly these facts."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from shoal.base.errors import AccessDenied, InvalidArgument
from shoal.base.ids import ChunkId, NodeId
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, sign_receipt, verify_receipt
from shoal.model.messages.replicas import Receipt

KEYS = ClusterKeys(bytes(32))
A, B = NodeId("a" * 32), NodeId("b" * 32)
KEY = KEYS.receipt_key(A)
FACTS = ChunkFacts(ChunkId(bytes(range(16))), 1000, bytes(range(32)), 2**63 + 5)
RECEIPT = sign_receipt(KEY, FACTS, node=A, shard=1, placement=2, is_volatile=False)


def test_a_receipt_is_believed() -> None:
    assert (RECEIPT.node, RECEIPT.shard, RECEIPT.placement, RECEIPT.is_volatile) == (A, 1, 2, False)
    verify_receipt(KEY, FACTS, RECEIPT)


def test_the_layout_is_the_recorded_one() -> None:
    assert RECEIPT.mac.hex() == "dd0cc87f86428e483b39ba1ba3d525a5"


@pytest.mark.parametrize(
    "change",
    [
        {"chunk": ChunkId(bytes(16))},
        {"size": 999},
        {"size": 0},
        {"sha256": bytes(32)},
        {"crc64": 5},
    ],
)
def test_every_fact_is_bound(change: dict[str, Any]) -> None:
    with pytest.raises(AccessDenied):
        verify_receipt(KEY, replace(FACTS, **change), RECEIPT)


@pytest.mark.parametrize(
    "change",
    [
        {"shard": 0},
        {"placement": 1},
        {"placement": 2**32 - 1},
        {"is_volatile": True},
        {"mac": b""},
        {"mac": bytes(16)},
        {"mac": RECEIPT.mac[:-1]},
        {"mac": RECEIPT.mac + b"\x00"},
    ],
)
def test_every_field_is_bound(change: dict[str, Any]) -> None:
    with pytest.raises(AccessDenied):
        verify_receipt(KEY, FACTS, replace(RECEIPT, **change))


def test_every_flipped_bit_of_the_mac_is_refused() -> None:
    for bit in range(len(RECEIPT.mac) * 8):
        mac = (int.from_bytes(RECEIPT.mac, "big") ^ 1 << bit).to_bytes(16, "big")
        with pytest.raises(AccessDenied):
            verify_receipt(KEY, FACTS, replace(RECEIPT, mac=mac))


@pytest.mark.parametrize("key", [KEYS.receipt_key(B), KEYS.seal_key(A), KEYS.node_key(A), KEYS.grant_key])
def test_no_other_key_gives_a_receipt_of_this_node(key: bytes) -> None:
    with pytest.raises(AccessDenied):
        verify_receipt(key, FACTS, RECEIPT)


@pytest.mark.parametrize("moved", [1, 16])
def test_bytes_cannot_be_moved_from_the_digest_to_the_id(moved: int) -> None:
    chunk = ChunkId(FACTS.chunk + bytes(moved))
    with pytest.raises(InvalidArgument):
        verify_receipt(KEY, replace(FACTS, chunk=chunk, sha256=FACTS.sha256[moved:]), RECEIPT)


def test_an_id_that_is_too_long_is_not_cut() -> None:
    with pytest.raises(InvalidArgument):
        verify_receipt(KEY, replace(FACTS, chunk=ChunkId(FACTS.chunk + b"\x00")), RECEIPT)


@pytest.mark.parametrize("facts", [{"size": -1}, {"size": 2**64}, {"crc64": -1}, {"crc64": 2**64}, {"sha256": b""}])
def test_facts_that_no_chunk_can_have_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        verify_receipt(KEY, replace(FACTS, **facts), RECEIPT)


@pytest.mark.parametrize("field", ["shard", "placement"])
@pytest.mark.parametrize("number", [-1, 2**32])
def test_numbers_that_no_replica_can_have_are_refused(field: str, number: int) -> None:
    receipt: Receipt = msgspec.structs.replace(RECEIPT, **{field: number})
    with pytest.raises(InvalidArgument):
        verify_receipt(KEY, FACTS, receipt)
