"""Where the chunks of an object lie."""

import pytest

from shoal.app.chunk_table import Located, chunk_documents, locate, print_chunks
from shoal.base.errors import NotFound
from shoal.base.ids import ChunkId
from shoal.client.put import PutOptions
from shoal.core.names import ObjectName
from shoal.model.catalog import ChunkRef
from shoal.model.messages.objects import ChunkLocation
from shoal.wiring.transfers import BytesSource
from support.fake_client import FakeClient, make_version, version_id


async def test_chunks_of_the_version_that_was_named_are_located() -> None:
    client = FakeClient()
    for content in (b"old", b"hello"):
        await client.put("default", "a", BytesSource(content), PutOptions())
    located = await locate(client.as_client(), ObjectName("default", "a"), version_id(1))
    assert located.version.version_id == version_id(1)
    assert [chunk.ref.size for chunk in located.chunks] == [3]
    with pytest.raises(NotFound):
        await locate(client.as_client(), ObjectName("default", "b"), None)


def test_chunk_without_replicas_is_not_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    ref = ChunkRef(chunk=ChunkId(bytes(16)), size=5, sha256=bytes(32), crc64=1)
    located = Located(make_version(1, size=5), (ChunkLocation(ref, ()),), {})
    print_chunks(located)
    assert capsys.readouterr().out.splitlines()[1].split() == ["0", "00" * 16, "5", "B", "none", "-", "-", "-"]
    assert chunk_documents(located)[0]["replicas"] == []
