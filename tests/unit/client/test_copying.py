"""Copies, moves and what is brought back, from the client to the catalog and back."""

from collections.abc import AsyncIterator

import pytest

from shoal.base.errors import (
    AccessDenied,
    InvalidArgument,
    NodeUnreachable,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    ShoalError,
)
from shoal.client.client import Client
from shoal.client.copying import CopyOptions
from shoal.core import routes
from shoal.core.names import ObjectName
from shoal.model.messages.objects import ListVersions, Name, Precondition
from support.catalog_bench import BUCKET
from support.coordinator_bench import CoordinatorBench, open_bench
from support.coordinator_link import CoordinatorLink, opened_client

SOURCE, TARGET = Name(BUCKET, "source"), ObjectName(BUCKET, "target")
SOURCE_NAME = ObjectName(BUCKET, "source")


@pytest.fixture
async def bench() -> CoordinatorBench:
    """A coordinator with one object, `source`."""
    bench = await open_bench()
    await bench.put(await bench.session(), "source", b"data")
    return bench


@pytest.fixture
def link(bench: CoordinatorBench) -> CoordinatorLink:
    """The way to it."""
    return CoordinatorLink(bench)


@pytest.fixture
async def client(bench: CoordinatorBench, link: CoordinatorLink) -> AsyncIterator[Client]:
    """A client of it."""
    async with opened_client(bench, link) as client:
        yield client


async def test_a_copy_is_current_and_keeps_what_is_not_said(client: Client) -> None:
    source = await client.stat(*SOURCE_NAME)
    copied = await client.copy(SOURCE, *TARGET, options=CopyOptions(content_type="text/html"))
    assert await client.stat(*TARGET) == copied
    assert (copied.root, copied.metadata, copied.content_type) == (source.root, source.metadata, "text/html")


async def test_each_new_name_gets_a_file_id_of_its_own(client: Client) -> None:
    ids = {(await client.copy(SOURCE, BUCKET, f"copy-{number}")).file_id for number in range(3)}
    ids.add((await client.stat(*SOURCE_NAME)).file_id)
    assert len(ids) == 4


async def test_the_precondition_is_of_the_target(client: Client) -> None:
    absent = CopyOptions(precondition=Precondition(if_absent=True))
    await client.copy(SOURCE, *TARGET, options=absent)
    with pytest.raises(PreconditionFailed):
        await client.copy(SOURCE, *TARGET, options=absent)


async def test_a_copy_whose_answer_is_lost_is_made_once(client: Client, link: CoordinatorLink) -> None:
    await client.stat(*SOURCE_NAME)  # the session is open
    link.lost = [OutcomeUnknown("the connection broke")]
    copied = await client.copy(SOURCE, *TARGET)
    assert link.targets.count(routes.COPY.target) == 2
    listed = await client.versions(ListVersions(bucket=BUCKET, key="target"))
    assert [version.version_id for version in listed.versions] == [copied.version_id]


async def test_a_former_version_is_restored(client: Client, bench: CoordinatorBench) -> None:
    former = await client.stat(*SOURCE_NAME)
    await bench.put(await bench.session(), "source", b"newer")
    restored = await client.restore(BUCKET, "source", former.version_id)
    assert restored.root == former.root
    assert restored.version_id > former.version_id
    assert await client.stat(*SOURCE_NAME) == restored


async def test_a_moved_object_has_a_new_name_and_keeps_its_past(client: Client) -> None:
    source = await client.stat(*SOURCE_NAME)
    moved = await client.move(SOURCE_NAME, *TARGET)
    assert (await client.stat(*TARGET)).root == moved.root == source.root
    with pytest.raises(NotFound):
        await client.stat(*SOURCE_NAME)
    assert await client.stat(*SOURCE_NAME, source.version_id) == source


async def test_an_object_is_not_moved_onto_itself(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="itself"):
        await client.move(SOURCE_NAME, *SOURCE_NAME)
    await client.stat(*SOURCE_NAME)


async def test_what_is_written_while_it_is_moved_is_not_deleted(
    client: Client, bench: CoordinatorBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = client._catalog.copy
    session = await bench.session()

    async def copy_and_write(message: object) -> object:
        copied = await copy(message)  # type: ignore[arg-type]
        await bench.put(session, "source", b"newer")
        return copied

    monkeypatch.setattr(client._catalog, "copy", copy_and_write)
    with pytest.raises(PreconditionFailed, match="changed while it was moved") as refused:
        await client.move(SOURCE_NAME, *TARGET)
    assert (await client.stat(*SOURCE_NAME)).size == 5
    assert (await client.stat(*TARGET)).size == 4
    assert "copied" in refused.value.facts


@pytest.mark.parametrize("why", [NodeUnreachable("nobody is there"), AccessDenied("revoked")])
async def test_half_a_move_is_not_called_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, why: ShoalError
) -> None:
    async def refuse(message: object) -> None:
        raise why

    monkeypatch.setattr(client._catalog, "delete", refuse)
    with pytest.raises(OutcomeUnknown, match=f"copied, and perhaps not deleted: {why.sentence}") as unknown:
        await client.move(SOURCE_NAME, *TARGET)
    assert (await client.stat(*TARGET)).size == (await client.stat(*SOURCE_NAME)).size
    assert "copied" in unknown.value.facts


async def test_a_deleted_object_is_brought_back(client: Client) -> None:
    source = await client.stat(*SOURCE_NAME)
    with pytest.raises(PreconditionFailed, match="not deleted"):
        await client.undelete(*SOURCE_NAME)
    await client.delete(*SOURCE_NAME)
    assert await client.undelete(*SOURCE_NAME) == source
    assert await client.stat(*SOURCE_NAME) == source


@pytest.mark.parametrize("name", [("..", "a"), (BUCKET, ""), (BUCKET, "a\0"), (BUCKET, "\udc80"), ("a\n", "a")])
async def test_names_that_cannot_be_go_nowhere(client: Client, link: CoordinatorLink, name: tuple[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        await client.copy(Name(*name), *TARGET)
    with pytest.raises(InvalidArgument):
        await client.copy(SOURCE, *name)
    with pytest.raises(InvalidArgument):
        await client.undelete(*name)
    assert link.targets == []
