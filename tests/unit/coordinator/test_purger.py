"""Purges end, also those whose callers have gone."""

import pytest

from shoal.base.errors import ManifestDamaged
from shoal.coordinator.settings import CoordinatorSettings
from shoal.core import routes
from shoal.formats import keys
from shoal.model.messages.buckets import GetUsage
from shoal.model.messages.files import Purge, Purged
from support.catalog_bench import BUCKET, CLUSTER_ID
from support.coordinator_bench import CoordinatorBench, open_bench


@pytest.fixture
async def bench() -> CoordinatorBench:
    """A coordinator that removes one version in a transaction, and two in a call."""
    bench = await open_bench(settings=CoordinatorSettings(CLUSTER_ID, purge_rows=1, purge_steps_max=1))
    session = await bench.session()
    for name in ("one", "two"):
        for _ in range(5):
            await bench.put(session, name)
        purge = Purge(session=session, sequence=bench.next_sequence(), bucket=BUCKET, key=name)
        assert await bench.call(routes.PURGE, purge) == Purged(existed=True, is_complete=False)
    return bench


async def former_versions(bench: CoordinatorBench) -> int:
    return int((await bench.call(routes.USAGE, GetUsage(bucket=BUCKET))).usage.former_versions)


async def purges(bench: CoordinatorBench) -> int:
    return await bench.engine.read(lambda snapshot: len(snapshot.scan(*keys.OPEN_PURGES, limit=10)))


async def test_what_broke_off_is_finished_after_a_restart_too(bench: CoordinatorBench) -> None:
    assert (await former_versions(bench), await purges(bench)) == (4, 2)
    await bench.start()
    await bench.coordinator._purger.step()
    assert (await former_versions(bench), await purges(bench)) == (0, 0)
    await bench.coordinator._purger.step()


async def test_an_upload_in_between_stays(bench: CoordinatorBench) -> None:
    session = await bench.session()
    version = await bench.put(session, "one")
    await bench.coordinator._purger.step()
    assert (await bench.find(session, "one")).version == version
    assert await former_versions(bench) == 0


async def test_one_that_cannot_be_done_holds_the_others_up_for_one_step_only(bench: CoordinatorBench) -> None:
    await bench.engine.tx(lambda tx: tx.put(keys.open_purge(BUCKET, "a"), b"rot"))
    with pytest.raises(ManifestDamaged):
        await bench.coordinator._purger.step()
    assert await purges(bench) == 3
    await bench.coordinator._purger.step()
    assert await purges(bench) == 1
    with pytest.raises(ManifestDamaged):
        await bench.coordinator._purger.step()
