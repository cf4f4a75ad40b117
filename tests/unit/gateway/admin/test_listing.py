"""ListFiles of the admin service, over a client in memory."""

import pytest
from grpc import StatusCode

from shoal.base.ids import version_text
from shoal.gateway.admin.listing import ObjectListing
from shoal.model.messages.objects import LIST_MAX, ListedObject, ListObjects, ObjectList
from shoal_pb import admin_pb2
from support.fake_client import made_at, version_id
from support.rpc_bench import Ended, FakeContext, FileCluster, opened_door, stream


class Listing(FileCluster):
    """Knows one page, and who asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[ListObjects] = []

    async def list_objects(self, message: ListObjects) -> ObjectList:
        """The page."""
        self.wanted.append(message)
        entry = ListedObject("a/b", 5, version_id(1), made_at(3), "text/plain")
        return ObjectList(objects=(entry,), prefixes=(), next_after="a/b", commit_number=1)


async def listed(cluster: Listing, **asked: object) -> admin_pb2.ListFilesResponse:
    async with opened_door(cluster) as door:
        request = admin_pb2.ListFilesRequest(**asked).SerializeToString()  # type: ignore[arg-type]
        raw = await ObjectListing(door).call(stream([request]), FakeContext().as_context())
    return admin_pb2.ListFilesResponse.FromString(raw)


async def test_a_page_of_objects_is_told() -> None:
    cluster = Listing()
    told = await listed(cluster, bucket="album", prefix="a/", page_size=7, page_token="a/a")
    (file,) = told.files
    assert (file.key, file.size, file.content_type) == ("a/b", 5, "text/plain")
    assert file.version_id == version_text(version_id(1))
    assert file.created.seconds == made_at(3) // 10**9
    assert told.next_page_token == "a/b"
    assert cluster.wanted == [ListObjects(bucket="album", prefix="a/", after="a/a", limit=7)]


async def test_what_is_not_said_has_defaults_and_limits() -> None:
    cluster = Listing()
    await listed(cluster)
    await listed(cluster, page_size=2**31 - 1)
    assert [(message.bucket, message.limit) for message in cluster.wanted] == [("default", 100), ("default", LIST_MAX)]


@pytest.mark.parametrize(
    "asked", [{"bucket": "../x"}, {"prefix": "a\0"}, {"page_size": -1}, {"page_token": "x" * 2000}]
)
async def test_what_cannot_be_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(Ended) as ended:
        await listed(Listing(), **asked)
    assert ended.value.code is StatusCode.INVALID_ARGUMENT
