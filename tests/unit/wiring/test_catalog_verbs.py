"""The verbs of the asynchronous door that move no bytes, over a client in memory."""

from collections.abc import AsyncIterator

import pytest

from shoal.base.errors import InvalidArgument, NotFound, PreconditionFailed
from shoal.wiring.aio import Shoal
from shoal.wiring.catalog_verbs import CatalogVerbs
from support.coordinator_bench import open_bench
from support.coordinator_link import opened_client
from support.fake_client import FakeClient


@pytest.fixture
def store() -> Shoal:
    """A door to a client in memory."""
    return Shoal(FakeClient().as_client())


@pytest.fixture
async def catalogued() -> AsyncIterator[CatalogVerbs]:
    """The verbs over a coordinator with two versions of the object `a`, without any nodes behind it."""
    bench = await open_bench()
    for content in (b"old", b"newer"):
        await bench.put(await bench.session(), "a", content)
    async with opened_client(bench) as client:
        yield CatalogVerbs(client)


async def test_names_are_listed_by_levels(store: Shoal) -> None:
    for name in ("a", "d/1", "d/2", "d/e/3", "f/4"):
        await store.put(name, b"x")
    assert [found.key async for found in store.list(delimiter="/")] == ["a"]
    assert [found async for found in store.list_prefixes()] == ["d/", "f/"]
    assert [found.key async for found in store.list("d/", delimiter="/")] == ["d/1", "d/2"]
    assert [found async for found in store.list_prefixes("d/")] == ["d/e/"]
    assert [found async for found in store.list_prefixes("d", delimiter="e")] == ["d/e"]


async def test_prefixes_need_a_delimiter(store: Shoal) -> None:
    with pytest.raises(InvalidArgument, match="delimiter"):
        await anext(store.list_prefixes(delimiter=""))


async def test_a_delete_may_demand_what_it_deletes(catalogued: CatalogVerbs) -> None:
    current, old = [version.version async for version in catalogued.versions("a")]
    with pytest.raises(PreconditionFailed):
        await catalogued.delete("a", if_version=old)
    assert await catalogued.delete("a", if_version=current)


async def test_a_restore_may_demand_what_it_replaces(catalogued: CatalogVerbs) -> None:
    current, old = [version.version async for version in catalogued.versions("a")]
    with pytest.raises(PreconditionFailed):
        await catalogued.restore("a", old, if_version=old)
    assert (await catalogued.restore("a", old, if_version=current)).size == 3


async def test_a_move_may_demand_what_it_replaces(catalogued: CatalogVerbs) -> None:
    there = await catalogued.copy("a", "b")
    current = await catalogued.copy("a", "b")
    with pytest.raises(PreconditionFailed):
        await catalogued.move("a", "b", if_version=there.version)
    assert (await catalogued.move("a", "b", if_version=current.version)).key == "b"
    with pytest.raises(NotFound):
        await catalogued.stat("a")
