"""How a node is described."""

from shoal.gateway.admin.node_entry import described
from shoal.model.cluster import NodeState
from shoal.model.messages.status import NodeUsage
from shoal_pb import admin_pb2
from support.fake_client import make_status


def test_states_are_told_by_name() -> None:
    nodes = make_status(NodeState.UP, NodeState.SUSPECT, NodeState.DOWN).map.nodes
    assert [described(node).state for node in nodes] == [
        admin_pb2.NODE_STATE_UP,
        admin_pb2.NODE_STATE_SUSPECT,
        admin_pb2.NODE_STATE_DOWN,
    ]


def test_fresh_figures_are_told_only_if_they_are_known() -> None:
    (node,) = make_status(NodeState.UP).map.nodes
    unheard = described(node)
    assert not unheard.HasField("free_bytes")
    assert not unheard.HasField("silent_ms")
    heard = described(node, NodeUsage(node.name, 100, 40, 1_999_999))
    assert (heard.capacity_bytes, heard.free_bytes, heard.silent_ms) == (100, 40, 1)
    assert (heard.id, heard.name, heard.address) == (node.node_id, "node-1", "127.0.0.1:9201")
    assert heard.can_write
