"""Nodes as people and programs see them."""

import msgspec
import pytest

from shoal.app.node_table import node_documents, not_up, print_nodes
from shoal.model.cluster import NodeState
from support.fake_client import make_status


def test_space_and_silence_come_from_the_heartbeats(capsys: pytest.CaptureFixture[str]) -> None:
    print_nodes(make_status(NodeState.UP))
    [_, line] = capsys.readouterr().out.splitlines()
    assert " ".join(line.split()) == "node-1 up 127.0.0.1:9201 512.0 GiB 1.0 TiB 1.5 s"


def test_node_that_was_not_heard_yet_has_unknown_figures(capsys: pytest.CaptureFixture[str]) -> None:
    status = msgspec.structs.replace(make_status(NodeState.SUSPECT), usage=())
    print_nodes(status)
    [_, line] = capsys.readouterr().out.splitlines()
    assert " ".join(line.split()) == "node-1 suspect 127.0.0.1:9201 ? 1.0 TiB ?"
    assert node_documents(status)[0]["free_bytes"] is None


def test_what_is_special_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    status = make_status(NodeState.UP)
    node = msgspec.structs.replace(status.map.nodes[0], is_failed=True, can_write=False, is_volatile=True)
    members = msgspec.structs.replace(status.map, nodes=(node,))
    print_nodes(msgspec.structs.replace(status, map=members))
    assert capsys.readouterr().out.splitlines()[1].endswith("disk failed, in memory only")


def test_those_that_are_not_up_are_named() -> None:
    status = make_status(NodeState.UP, NodeState.DOWN, NodeState.SUSPECT)
    assert not_up(status) == ["node-2 is down", "node-3 is suspect"]
