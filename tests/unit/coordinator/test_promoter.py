"""Chunks of large manifests become live behind their commit."""

from shoal.core.catalog import rows
from shoal.core.catalog.cluster_map import scan_all
from shoal.formats import keys
from shoal.model.catalog import ChunkState
from support.coordinator_bench import open_bench


async def test_committed_chunks_become_live_and_others_do_not() -> None:
    bench = await open_bench()
    session = await bench.session()
    await bench.put_paged(session, "name", [bench.uploads(session, b"12345678"), bench.uploads(session, b"end")])
    staged = bench.uploads(session, b"data")
    await bench.stage(session, [staged])
    await bench.coordinator._promoter.step()

    found = await bench.engine.read(
        lambda snapshot: [(k, rows.CHUNK.load(v)) for k, v in scan_all(snapshot, keys.CHUNKS)]
    )
    states = {key: row.state for key, row in found}
    assert states.pop(keys.chunk(staged[0].chunk)) is ChunkState.STAGED
    assert set(states.values()) == {ChunkState.LIVE}
    assert len(states) == 3
