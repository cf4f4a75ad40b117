"""Pages of objects and of versions over the wire."""

import pytest

from shoal.base.errors import InvalidArgument, NotFound
from shoal.core import routes
from shoal.model.messages.objects import ListObjects, ListVersions
from support.catalog_bench import BUCKET
from support.coordinator_bench import READER, open_bench


async def test_a_reader_lists_objects_and_versions() -> None:
    bench = await open_bench()
    session = await bench.session()
    former = await bench.put(session, "dir/name")
    current = await bench.put(session, "dir/name")
    page = await bench.call(routes.LIST, ListObjects(bucket=BUCKET, delimiter="/"), READER)
    assert (page.objects, page.prefixes) == ((), ("dir/",))
    versions = await bench.call(routes.VERSIONS, ListVersions(bucket=BUCKET, key="dir/name"), READER)
    assert (versions.versions, versions.live) == ((current, former), current.version_id)


async def test_what_cannot_be_listed_is_refused() -> None:
    bench = await open_bench()
    with pytest.raises(NotFound):
        await bench.call(routes.LIST, ListObjects(bucket="nowhere"))
    with pytest.raises(InvalidArgument):
        await bench.call(routes.LIST, ListObjects(bucket=BUCKET, limit=0))
    with pytest.raises(InvalidArgument):
        await bench.call(routes.VERSIONS, ListVersions(bucket=BUCKET, key=""))
