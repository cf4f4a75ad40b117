"""Lookups over the wire: versions, places, and the grants to read there."""

import pytest

from shoal.base.errors import AccessDenied, DiskFailed, InvalidArgument, NotFound, OutcomeUnknown, StaleEpoch
from shoal.base.ids import SessionId, VersionId
from shoal.coordinator.handlers import lookup as lookup_handlers
from shoal.core import routes
from shoal.formats import keys
from shoal.model.messages.objects import GetPage, LookupBatch, Name
from support.catalog_bench import BUCKET, refs_of
from support.coordinator_bench import OTHER_WRITER, READER, open_bench
from support.members import node_id


async def test_names_are_answered_one_for_one() -> None:
    bench = await open_bench()
    session = await bench.session()
    version = await bench.put(session, "name", b"12345678")
    names = (Name(BUCKET, "name"), Name(BUCKET, "none"), Name(BUCKET, ""), Name(BUCKET, "name", version.version_id))
    reply = await bench.call(routes.LOOKUP, LookupBatch(session, names))
    assert [found.error and found.error.kind for found in reply.found] == [None, "NotFound", "InvalidArgument", None]
    assert reply.found[0] == reply.found[3]
    assert reply.found[0].version == version
    assert [len(chunk.replicas) for chunk in reply.found[0].chunks] == [3, 3]
    assert reply.commit_number == await bench.engine.read(lambda snapshot: snapshot.commit_number)


async def test_a_stat_brings_no_chunks() -> None:
    bench = await open_bench()
    session = await bench.session()
    version = await bench.put(session, "name")
    found = await bench.find(session, "name", with_chunks=False)
    assert (found.version, found.chunks) == (version, ())


async def test_readers_read_under_a_session_of_their_own() -> None:
    bench = await open_bench()
    writing, reading = await bench.session(), await bench.session(READER)
    await bench.put(writing, "name")
    names = (Name(BUCKET, "name"),)
    assert (await bench.call(routes.LOOKUP, LookupBatch(reading, names), READER)).found[0].version is not None
    with pytest.raises(AccessDenied):
        await bench.call(routes.LOOKUP, LookupBatch(writing, names), OTHER_WRITER)
    with pytest.raises(StaleEpoch):
        await bench.call(routes.LOOKUP, LookupBatch(SessionId(writing + 99), names))
    with pytest.raises(InvalidArgument):
        await bench.call(routes.LOOKUP, LookupBatch(SessionId(-1), names))


async def test_pages_of_a_large_manifest_come_one_by_one() -> None:
    bench = await open_bench()
    session = await bench.session()
    pages = [bench.uploads(session, b"12345678"), bench.uploads(session, b"end")]
    version = await bench.put_paged(session, "name", pages)
    found = await bench.find(session, "name")
    assert tuple(chunk.ref for chunk in found.chunks) == refs_of(pages[0])
    name = Name(BUCKET, "name", version.version_id)
    page = await bench.call(routes.PAGE, GetPage(session, name, 1))
    assert tuple(chunk.ref for chunk in page.chunks) == refs_of(pages[1])
    assert [replica.node for replica in page.chunks[0].replicas] == [node_id(each) for each in "abc"]
    with pytest.raises(NotFound):
        await bench.call(routes.PAGE, GetPage(session, name, 2))
    for lie in (GetPage(session, name, -1), GetPage(session, Name(BUCKET, "name", VersionId(b"short")), 0)):
        with pytest.raises(InvalidArgument):
            await bench.call(routes.PAGE, lie)


async def test_one_answer_never_holds_too_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_handlers, "_GRANTS_MAX", 4)
    bench = await open_bench()
    session = await bench.session()
    await bench.put(session, "name")
    reply = await bench.call(routes.LOOKUP, LookupBatch(session, (Name(BUCKET, "name"),) * 3))
    assert [found.error and found.error.kind for found in reply.found] == [None, None, "Throttled"]


async def test_a_damaged_row_spoils_one_name_and_is_told() -> None:
    bench = await open_bench()
    session = await bench.session()
    version = await bench.put(session, "name")
    await bench.put(session, "other")
    await bench.engine.tx(lambda tx: tx.delete(keys.chunk(version.chunks[0].chunk)))
    reply = await bench.call(routes.LOOKUP, LookupBatch(session, (Name(BUCKET, "name"), Name(BUCKET, "other"))))
    assert [found.error and found.error.kind for found in reply.found] == ["ManifestDamaged", None]
    assert "catalog_damaged" in bench.log.events


async def test_a_batch_has_some_names_and_not_too_many() -> None:
    bench = await open_bench()
    session = await bench.session()
    for count in (0, 257):
        with pytest.raises(InvalidArgument):
            await bench.call(routes.LOOKUP, LookupBatch(session, (Name(BUCKET, "name"),) * count))


async def test_a_fault_of_the_catalog_is_no_answer_about_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DiskFailed("the disk refused the catalog")

    bench = await open_bench()
    session = await bench.session()
    await bench.put(session, "name")
    monkeypatch.setattr(lookup_handlers, "find_version", fail)
    with pytest.raises(OutcomeUnknown, match="cannot go on"):
        await bench.find(session, "name")
