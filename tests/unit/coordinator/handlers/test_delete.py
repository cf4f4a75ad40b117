"""Deletes over the wire."""

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, PreconditionFailed
from shoal.core import routes
from shoal.model.messages.objects import Delete, Name, Precondition
from support.catalog_bench import BUCKET
from support.coordinator_bench import READER, open_bench


async def test_a_writer_deletes_once() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.put(session, "name")
    request = Delete(session=session, sequence=bench.next_sequence(), name=Name(BUCKET, "name"))
    first = await bench.call(routes.DELETE, request)
    assert first.existed
    await bench.put(session, "name")
    assert await bench.call(routes.DELETE, request) == first
    assert (await bench.find(session, "name")).version is not None


async def test_a_delete_that_was_refused_is_refused_again_though_it_could_be_done() -> None:
    bench = await open_bench()
    session = await bench.session()
    first, second = [await bench.put(session, "name") for _ in range(2)]
    request = Delete(
        session=session,
        sequence=bench.next_sequence(),
        name=Name(BUCKET, "name"),
        precondition=Precondition(if_version=first.version_id),
    )
    with pytest.raises(PreconditionFailed):
        await bench.call(routes.DELETE, request)
    newer = Name(BUCKET, "name", second.version_id)
    await bench.call(routes.DELETE, Delete(session=session, sequence=bench.next_sequence(), name=newer))
    with pytest.raises(PreconditionFailed):
        await bench.call(routes.DELETE, request)
    assert (await bench.find(session, "name")).version == first


async def test_a_reader_deletes_nothing_and_nobody_deletes_nonsense() -> None:
    bench = await open_bench()
    session = await bench.session(READER)
    with pytest.raises(AccessDenied):
        await bench.call(routes.DELETE, Delete(session=session, sequence=1, name=Name(BUCKET, "name")), READER)
    with pytest.raises(InvalidArgument):
        await bench.call(routes.DELETE, Delete(session=session, sequence=1, name=Name(BUCKET, "")))
