"""`shoal status`: success means that everything is up."""

import msgspec
import pytest

from shoal.model.cluster import NodeState
from support.command_line import Shoal
from support.fake_client import FakeClient, make_status


def test_all_up_is_a_success_that_tells_what_is_at_risk(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = make_status(NodeState.UP, NodeState.UP)
    told = shoal("status")
    assert told.code == 0
    assert "3 wanted of each chunk, 2 on disk before a put succeeds" in told.out
    assert "2 chunks with fewer copies than wanted, 0 unreadable" in told.out
    assert "warning    the catalog has 1 copy" in told.out
    assert "node-2  up" in told.out


@pytest.mark.parametrize("state", [NodeState.SUSPECT, NodeState.DOWN])
def test_node_that_is_not_up_is_named_and_ends_with_6(shoal: Shoal, client: FakeClient, state: NodeState) -> None:
    client.cluster_status = make_status(NodeState.UP, state)
    told = shoal("status", "-q")
    assert (told.code, told.out) == (6, "")
    assert told.err == f"shoal: not all nodes are up: node-2 is {state.name.lower()}\n"


def test_cluster_without_nodes_is_not_available(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = make_status()
    assert shoal("status").code == 6


def test_cluster_that_waits_for_nodes_is_not_ready(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = msgspec.structs.replace(make_status(NodeState.UP, NodeState.UP), nodes_expected=3)
    told = shoal("status", "-q")
    assert (told.code, told.err) == (6, "shoal: 2 of 3 nodes have registered\n")


def test_node_that_the_coordinator_has_not_heard_is_not_up(shoal: Shoal, client: FakeClient) -> None:
    status = make_status(NodeState.UP, NodeState.UP)
    client.cluster_status = msgspec.structs.replace(status, usage=status.usage[:1])
    told = shoal("status", "-q")
    assert (told.code, told.err) == (6, "shoal: not all nodes are up: node-2 was not heard yet\n")


def test_json_is_one_document_with_the_nodes(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = make_status(NodeState.UP)
    [document] = shoal("status", "--json").documents
    assert document["under_replicated"] == 2
    assert document["settings"]["chunk_bytes"] == 8 << 20
    assert document["warnings"] == ["the catalog has 1 copy"]
    assert [node["name"] for node in document["nodes"]] == ["node-1"]
