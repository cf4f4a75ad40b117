"""`shoal nodes`."""

from shoal.model.cluster import NodeState
from support.command_line import Shoal
from support.fake_client import FakeClient, make_status


def test_nodes_are_listed_whatever_their_state(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = make_status(NodeState.UP, NodeState.DOWN)
    told = shoal("nodes")
    assert told.code == 0
    assert [line.split()[:2] for line in told.out.splitlines()] == [
        ["NODE", "STATE"],
        ["node-1", "up"],
        ["node-2", "down"],
    ]


def test_json_is_a_document_a_line(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = make_status(NodeState.UP, NodeState.SUSPECT)
    assert [node["state"] for node in shoal("nodes", "--json").documents] == ["up", "suspect"]
