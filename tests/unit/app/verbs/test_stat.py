"""`shoal stat`."""

from pathlib import Path

from shoal.base.errors import NodeUnreachable, ShoalError
from shoal.base.ids import version_text
from shoal.model.cluster import NodeState
from support.command_line import Shoal
from support.fake_client import FakeClient, make_status, version_id


def test_facts_of_an_object_are_shown(shoal: Shoal) -> None:
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    told = shoal("stat", "a").out.splitlines()
    assert told[:4] == [
        "name     a",
        f"version  {version_text(version_id(1))}",
        "size     5 (5 B)",
        "created  2025-10-09 08:53:21 UTC",
    ]


def test_json_is_one_document_of_that_version(shoal: Shoal) -> None:
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    shoal("put", "a")
    [document] = shoal("stat", "a", "--version", version_text(version_id(1)), "--json").documents
    assert document["version"] == version_text(version_id(1))
    assert document["root"] == "00" * 32
    assert document["is_delete_marker"] is False


def test_unknown_name_ends_with_3(shoal: Shoal) -> None:
    assert shoal("stat", "a").code == 3


def test_chunks_are_listed_with_their_replicas(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = make_status(NodeState.UP, NodeState.DOWN)
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    table = [line.split() for line in shoal("stat", "a", "--chunks").out.partition("\n\n")[2].splitlines()]
    assert table[1:] == [
        ["0", "00" * 15 + "01", "5", "B", "node-1", "1", "confirmed", "when", "written", "up"],
        ["node-2", "2", "confirmed", "when", "written", "down"],
        ["unknown", "3", "confirmed", "when", "written", "unknown"],
        ["node-1", "9", "intended", "-", "up"],
    ]


def test_json_has_the_chunks_beside_their_number(shoal: Shoal, client: FakeClient) -> None:
    client.cluster_status = make_status(NodeState.UP)
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    [document] = shoal("stat", "a", "--chunks", "--json").documents
    assert document["chunks"] == 1
    [chunk] = document["chunk_list"]
    assert (chunk["chunk"], chunk["size"]) == ("00" * 15 + "01", 5)
    assert chunk["replicas"][0] == {
        "node": "node-1",
        "node_id": f"{1:032x}",
        "node_state": "up",
        "shard": 0,
        "placement": 1,
        "state": "confirmed",
        "last_verified": None,
    }
    assert "chunk_list" not in shoal("stat", "a", "--json").documents[0]


def test_empty_object_has_no_chunks(shoal: Shoal) -> None:
    Path("a").write_bytes(b"")
    shoal("put", "a")
    assert "\n\n" not in shoal("stat", "a", "--chunks").out
    assert shoal("stat", "a", "--chunks", "--json").documents[0]["chunk_list"] == []


def test_verified_replicas_are_judged(shoal: Shoal, client: FakeClient) -> None:
    Path("a").write_bytes(b"hello")
    shoal("put", "a")
    cases: list[tuple[bool | ShoalError, int, str]] = [
        (True, 0, "confirmed"),
        (False, 7, "damaged"),
        (NodeUnreachable("refused"), 6, "unreachable"),
    ]
    for client.verdict, code, state in cases:
        told = shoal("stat", "a", "--chunks", "--verify")
        assert told.code == code
        assert state in told.out


def test_verify_alone_is_refused(shoal: Shoal) -> None:
    assert shoal("stat", "a", "--verify").code == 2
