"""Copies and undeletes over the wire: a writer's, once, and of what there is."""

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, PreconditionFailed, StaleEpoch
from shoal.base.ids import SessionId
from shoal.core import routes
from shoal.model.messages.copies import Copied, Copy, Undelete, Undeleted
from shoal.model.messages.objects import Delete, Name
from shoal.model.messages.sessions import CloseSession
from support.catalog_bench import BUCKET
from support.coordinator_bench import OTHER_WRITER, READER, open_bench


def copy_of(session: SessionId, *, sequence: int, source: str = "source", key: str = "target") -> Copy:
    """A copy within the usual bucket."""
    return Copy(
        session=session,
        sequence=sequence,
        source=Name(BUCKET, source),
        bucket=BUCKET,
        key=key,
        file_id=f"file-{sequence}",
    )


async def test_a_writer_copies_once() -> None:
    bench = await open_bench()
    session = await bench.session()
    source = await bench.put(session, "source")
    request = copy_of(session, sequence=bench.next_sequence())
    copied = await bench.call(routes.COPY, request)
    assert isinstance(copied, Copied)
    assert copied.version.chunks == source.chunks
    assert await bench.call(routes.COPY, request) == copied
    assert (await bench.find(session, "target")).version == copied.version


async def test_a_copy_can_be_read_when_its_source_is_gone() -> None:
    bench = await open_bench()
    session = await bench.session()
    source = await bench.put_paged(session, "source", [bench.uploads(session, b"12345678")])
    await bench.call(routes.COPY, copy_of(session, sequence=bench.next_sequence()))
    gone = Delete(session=session, sequence=bench.next_sequence(), name=Name(BUCKET, "source", source.version_id))
    await bench.call(routes.DELETE, gone)
    found = await bench.find(session, "target")
    assert [len(chunk.replicas) for chunk in found.chunks] == [3, 3]


async def test_a_deleted_object_is_brought_back_once() -> None:
    bench = await open_bench()
    session = await bench.session()
    version = await bench.put(session, "name")
    delete = Delete(session=session, sequence=bench.next_sequence(), name=Name(BUCKET, "name"))
    await bench.call(routes.DELETE, delete)
    undelete = Undelete(session=session, sequence=bench.next_sequence(), bucket=BUCKET, key="name")
    assert await bench.call(routes.UNDELETE, undelete) == Undeleted(version)
    assert await bench.call(routes.UNDELETE, undelete) == Undeleted(version)
    assert (await bench.find(session, "name")).version == version


async def test_what_stands_in_the_way_is_told() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.put(session, "name")
    with pytest.raises(NotFound):
        await bench.call(routes.COPY, copy_of(session, sequence=51))
    with pytest.raises(NotFound):
        await bench.call(routes.UNDELETE, Undelete(session=session, sequence=52, bucket=BUCKET, key="nothing"))
    with pytest.raises(PreconditionFailed):
        await bench.call(routes.UNDELETE, Undelete(session=session, sequence=53, bucket=BUCKET, key="name"))
    with pytest.raises(AccessDenied):
        await bench.call(routes.COPY, copy_of(session, sequence=54, source="name"), OTHER_WRITER)
    await bench.call(routes.CLOSE_SESSION, CloseSession(session))
    with pytest.raises(StaleEpoch):
        await bench.call(routes.COPY, copy_of(session, sequence=55, source="name"))


async def test_what_was_refused_stays_refused() -> None:
    bench = await open_bench()
    session = await bench.session()
    copy = copy_of(session, sequence=51)
    undelete = Undelete(session=session, sequence=52, bucket=BUCKET, key="source")
    for route, message in ((routes.COPY, copy), (routes.UNDELETE, undelete)):
        with pytest.raises(NotFound):
            await bench.call(route, message)
    await bench.put(session, "source")
    with pytest.raises(NotFound):
        await bench.call(routes.COPY, copy)
    delete = Delete(session=session, sequence=bench.next_sequence(), name=Name(BUCKET, "source"))
    await bench.call(routes.DELETE, delete)
    with pytest.raises(NotFound):
        await bench.call(routes.UNDELETE, undelete)


async def test_a_reader_copies_and_brings_back_nothing() -> None:
    bench = await open_bench()
    session = await bench.session(READER)
    for route, message in (
        (routes.COPY, copy_of(session, sequence=1)),
        (routes.UNDELETE, Undelete(session=session, sequence=2, bucket=BUCKET, key="name")),
    ):
        with pytest.raises(AccessDenied):
            await bench.call(route, message, READER)


@pytest.mark.parametrize("key", ["", "a\0b", "k" * 1025])
async def test_names_that_cannot_be_are_refused(key: str) -> None:
    bench = await open_bench()
    session = await bench.session()
    for route, message in (
        (routes.COPY, copy_of(session, sequence=1, source=key)),
        (routes.COPY, copy_of(session, sequence=1, key=key)),
        (routes.UNDELETE, Undelete(session=session, sequence=1, bucket=BUCKET, key=key)),
    ):
        with pytest.raises(InvalidArgument):
            await bench.call(route, message)
