"""Where the chunks of an object lie."""

import pytest

from shoal.app.chunk_table import Located, Locator, ShownChunk, chunk_documents, print_chunks
from shoal.base.errors import NodeUnreachable, NotFound, ShoalError
from shoal.base.ids import ChunkId, WallNs
from shoal.client.put import PutOptions
from shoal.core.names import ObjectName
from shoal.model.catalog import ChunkRef
from shoal.model.cluster import NodeState
from shoal.wiring.transfers import BytesSource
from support.fake_client import FakeClient, make_status, make_version, version_id


async def test_chunks_of_the_version_that_was_named_are_located() -> None:
    client = FakeClient()
    for content in (b"old", b"hello"):
        await client.put("default", "a", BytesSource(content), PutOptions())
    located = await Locator(client.as_client()).locate(ObjectName("default", "a"), version_id(1))
    assert located.version.version_id == version_id(1)
    assert [chunk.ref.size for chunk in located.chunks] == [3]
    with pytest.raises(NotFound):
        await Locator(client.as_client()).locate(ObjectName("default", "b"), None)


def test_chunk_without_replicas_is_not_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    ref = ChunkRef(chunk=ChunkId(bytes(16)), size=5, sha256=bytes(32), crc64=1)
    located = Located(make_version(1, size=5), (ShownChunk(ref, ()),), {})
    print_chunks(located)
    assert capsys.readouterr().out.splitlines()[1].split() == ["0", "00" * 16, "5", "B", "none", "-", "-", "-", "-"]
    assert chunk_documents(located)[0]["replicas"] == []


NAME = ObjectName("default", "a")
NOW = WallNs(1_700_000_000_000_000_000)


@pytest.mark.parametrize(
    ("found", "state", "is_verified"),
    [
        (True, "confirmed", True),
        (False, "damaged", True),
        (NotFound("no such replica"), "missing", True),
        (NodeUnreachable("refused"), "unreachable", False),
    ],
)
async def test_what_a_node_finds_when_it_is_asked_is_shown(
    found: bool | ShoalError, state: str, is_verified: bool
) -> None:
    client = FakeClient()
    client.cluster_status = make_status(NodeState.UP)
    client.verdict = found
    await client.put("default", "a", BytesSource(b"hello"), PutOptions())
    located = await Locator(client.as_client(), verified=NOW).locate(NAME, None)
    handed_out = [each for each in located.chunks[0].replicas if each.placement < 9]
    assert {each.state for each in handed_out} == {state}
    assert {each.verified for each in handed_out} == {NOW if is_verified else None}
    assert located.count(state) >= len(handed_out)


async def test_replicas_that_are_not_handed_out_are_shown_and_not_verified() -> None:
    client = FakeClient()
    client.cluster_status = make_status(NodeState.UP)
    await client.put("default", "a", BytesSource(b"hello"), PutOptions())
    located = await Locator(client.as_client(), verified=NOW).locate(NAME, None)
    withheld = located.chunks[0].replicas[-1]
    assert (withheld.state, withheld.verified) == ("intended", None)
    [document] = chunk_documents(located)
    assert isinstance(document["replicas"], list)
    assert document["replicas"][-1]["last_verified"] is None
    assert document["replicas"][0]["last_verified"] == "2023-11-14T22:13:20.000000Z"
