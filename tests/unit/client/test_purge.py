"""Purges, from the client to the catalog and back."""

from collections.abc import AsyncIterator

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NotFound, OutcomeUnknown, ShoalError, StaleEpoch
from shoal.client.client import Client
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core import routes
from shoal.core.names import FILESTORE_BUCKET
from shoal.model.messages.objects import ListVersions, Name
from support.catalog_bench import BUCKET, CLUSTER_ID
from support.coordinator_bench import CoordinatorBench, open_bench
from support.coordinator_link import CoordinatorLink, opened_client


@pytest.fixture
async def bench() -> CoordinatorBench:
    """A coordinator with an object of five versions, which removes one in a transaction, and two in a call."""
    bench = await open_bench(settings=CoordinatorSettings(CLUSTER_ID, purge_rows=1, purge_steps_max=1))
    session = await bench.session()
    for _ in range(5):
        await bench.put(session, "name")
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


async def test_all_versions_go_and_once_is_enough(client: Client) -> None:
    assert await client.purge(BUCKET, "name")
    assert (await client.versions(ListVersions(bucket=BUCKET, key="name"))).versions == ()
    assert not await client.purge(BUCKET, "name")
    with pytest.raises(NotFound):
        await client.purge("nowhere", "name")


async def test_it_asks_until_nothing_is_left(client: Client, link: CoordinatorLink) -> None:
    assert await client.purge(BUCKET, "name")
    assert link.targets.count(routes.PURGE.target) == 3
    assert (await client.usage(BUCKET)).former_versions == 0


async def test_a_purge_whose_answer_is_lost_goes_on(client: Client, link: CoordinatorLink) -> None:
    await client.stat(BUCKET, "name")  # the session is open
    link.lost = [OutcomeUnknown("the connection broke")]
    assert await client.purge(BUCKET, "name")
    assert link.targets.count(routes.PURGE.target) == 3


async def test_a_file_is_purged_by_its_id_and_no_newer_one_of_its_name(client: Client) -> None:
    await client.create_bucket(FILESTORE_BUCKET)
    first = await client.copy(Name(BUCKET, "name"), FILESTORE_BUCKET, "file")
    assert await client.purge_file(FILESTORE_BUCKET, first.file_id)
    second = await client.copy(Name(BUCKET, "name"), FILESTORE_BUCKET, "file")
    assert second.file_id != first.file_id
    assert not await client.purge_file(FILESTORE_BUCKET, first.file_id)
    assert (await client.find_file(FILESTORE_BUCKET, second.file_id)).version == second


async def test_names_that_cannot_be_go_nowhere(client: Client, link: CoordinatorLink) -> None:
    for bucket, key in (("..", "a"), (BUCKET, ""), (BUCKET, "a\0")):
        with pytest.raises(InvalidArgument):
            await client.purge(bucket, key)
    with pytest.raises(InvalidArgument):
        await client.purge_file("..", "id")
    assert link.targets == []


@pytest.mark.parametrize("error", [AccessDenied("the key was revoked"), StaleEpoch("the session is over")])
async def test_half_a_purge_is_not_called_nothing(client: Client, link: CoordinatorLink, error: ShoalError) -> None:
    await client.stat(BUCKET, "name")  # the session is open
    link.lost = [None, error]
    with pytest.raises(OutcomeUnknown, match="hidden"):
        await client.purge(BUCKET, "name")
    with pytest.raises(NotFound):
        await client.stat(BUCKET, "name")
    assert await client.purge(BUCKET, "name")
    assert (await client.usage(BUCKET)).former_versions == 0
