"""How a file is named and described."""

import pytest

from shoal.base.errors import InvalidArgument, NotFound
from shoal.base.ids import version_text
from shoal.gateway.files.file_entry import described, find_file, known_id
from shoal_pb.filestore_pb2 import FileInfoResponse
from support.rpc_bench import FileCluster


async def test_a_file_is_described_with_its_versions_oldest_first() -> None:
    cluster = FileCluster()
    made = [cluster.add("../a b&c", bytes(size), "text/plain") for size in (1, 2, 3)]
    file = await find_file(cluster.as_client(), made[0].file_id)
    assert described(file, file.versions, client=cluster.as_client()) == FileInfoResponse(
        file_id=made[0].file_id,
        filename="../a b&c",
        size=3,
        content_type="text/plain",
        created_at="2025-10-09T08:53:21Z",
        updated_at="2025-10-09T08:53:23Z",
        versions=[version_text(version.version_id) for version in made],
        replicas=["node-2", "node-1"],
    )


@pytest.mark.parametrize("file_id", ["x", "../x", "\0", "\N{SNOWMAN}", "A" * 36, "f" * 100_000])
def test_what_can_be_no_id_is_an_id_that_is_not_there(file_id: str) -> None:
    with pytest.raises(NotFound) as refusal:
        known_id(file_id)
    assert len(refusal.value.sentence) < 500


def test_no_id_is_a_mistake() -> None:
    with pytest.raises(InvalidArgument, match="file_id is missing"):
        known_id("")
