"""Blocks have the names and servers that their readers expect."""

import dataclasses

import pytest
from msgspec.structs import replace

from shoal.base.errors import Throttled
from shoal.base.ids import ChunkId
from shoal.base.units import MILLISECOND
from shoal.client.put import PutOptions
from shoal.gateway.jsonl.blocks import block_id, file_metadata, first_holder, parse_block_id, said_by
from shoal.gateway.jsonl.buckets import DoorBuckets
from shoal.gateway.jsonl.call import Call, Placing
from shoal.gateway.jsonl.content_source import ContentSource
from shoal.gateway.jsonl.reply import Block
from shoal.gateway.jsonl.request import Request
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.gateway.jsonl.turns import Turns
from shoal.model.catalog import ChunkRef, PlacementState
from shoal.model.cluster import ClusterMap, NodeState
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation, WithheldReplica
from support.fake_client import FakeClient, make_status
from support.members import node_id

REF = ChunkRef(ChunkId(bytes(16)), 1, bytes(32), 0)


@pytest.mark.parametrize("name", ["a", "a-1", "-", "a/b-", "a\nb", "é"])
def test_a_blocks_name_tells_its_file_and_number(name: str) -> None:
    for index in (0, 7, 99_999):
        assert parse_block_id(block_id(name, index)) == (name, index)


@pytest.mark.parametrize("text", ["a", "-1", "a-", "a-01", "a-+1", "a-1 ", "a-1\n", "a-١", "a-" + "9" * 1000])
def test_what_is_no_blocks_name_is_none(text: str) -> None:
    assert parse_block_id(text) is None


def test_the_first_server_is_the_one_that_was_placed_first_whether_it_can_be_read_yet_or_not() -> None:
    there = ReplicaLocation(node_id("b"), 0, 2, b"")
    assert first_holder(ChunkLocation(REF, (there, replace(there, node=node_id("c"), placement=3)))) == node_id("b")
    for name, state, holder in (("a", PlacementState.INTENDED, "a"), ("c", PlacementState.INTENDED, "b"),
                                ("a", PlacementState.DAMAGED, "b")):  # fmt: skip
        other = WithheldReplica(node_id(name), 0, 1 if name == "a" else 3, state)
        assert first_holder(ChunkLocation(REF, (there,), (other,))) == node_id(holder)
    assert first_holder(ChunkLocation(REF, ())) == ""


def test_a_server_is_called_as_its_operator_wrote_it_or_else_by_name() -> None:
    nodes = make_status(NodeState.UP, NodeState.DOWN).map.nodes
    members = replace(make_status().map, nodes=(replace(nodes[0], jsonl=":9001"), nodes[1]))
    assert isinstance(members, ClusterMap)
    assert said_by(members) == {nodes[0].node_id: ":9001", nodes[1].node_id: "node-2"}


async def test_metadata_lists_the_blocks_in_order_and_waits_for_a_turn_if_they_are_many() -> None:
    client, limits = FakeClient(), DoorLimits(small_bytes=100, medium_turns=1, turn_wait_ns=MILLISECOND)
    client.cluster_status = make_status(NodeState.UP)
    await client.put("default", "f", ContentSource(memoryview(b"hello")), options=PutOptions())
    turns = Turns(limits)
    async with client.as_client().open("default", "f") as found, turns.turn() as turn:
        call = Call(
            request=Request(),
            client=client.as_client(),
            own=client.as_client(),
            buckets=DoorBuckets(),
            limits=limits,
            placing=Placing(),
            turn=turn,
        )
        told = await file_metadata(call, "f", found)
        with pytest.raises(Throttled):
            await file_metadata(dataclasses.replace(call, turn=turns.turn()), "f", found)
    assert (told.name, told.total_size, list(told.blocks)) == ("f", 5, [Block("f-0", "node-1", 5)])
