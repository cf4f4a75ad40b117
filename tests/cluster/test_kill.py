"""Real processes, killed with SIGKILL while clients write: whatever was acknowledged is there afterwards."""

import asyncio
import random
from pathlib import Path

from shoal.app.local_cluster import LocalCluster, RunningCluster, running_cluster
from shoal.base.errors import TransientError
from shoal.base.ids import VersionId
from shoal.base.units import MIB, MILLISECOND, SECOND
from shoal.client.client import Client
from shoal.client.put import PutOptions
from shoal.client.settings import ClientSettings
from shoal.core.names import DEFAULT_BUCKET
from shoal.wiring.connect import find_cluster, open_client
from shoal.wiring.log import Level, StreamLog
from shoal.wiring.transfers import BytesSink, BytesSource

LOG = StreamLog(level=Level.ERROR)
SIZES = (0, 1, 4096, 70_000, MIB + 17, 3 * MIB)
KILLS = 8
WRITERS = 4

Acknowledged = dict[str, tuple[VersionId, bytes]]


async def _write_until(stop: asyncio.Event, client: Client, writer: int, acknowledged: Acknowledged) -> None:
    rng = random.Random(writer)
    number = 0
    while not stop.is_set():
        key, content = f"{writer}/{number % 20}", rng.randbytes(rng.choice(SIZES))
        number += 1
        try:
            version = await client.put(DEFAULT_BUCKET, key, BytesSource(content), options=PutOptions(chunk_bytes=MIB))
        except TransientError:
            acknowledged.pop(key, None)  # unknown: the old or the new one may be current; only others are judged
            continue
        acknowledged[key] = (version.version_id, content)


async def _kill_around(cluster: RunningCluster, rng: random.Random) -> None:
    names = sorted(cluster.supervisor.children)
    for _ in range(KILLS):
        await asyncio.sleep(rng.uniform(0.1, 0.5))
        child = cluster.child(rng.choice(names))
        await cluster.supervisor.kill(child)
        await asyncio.sleep(rng.uniform(0.0, 0.3))
        await cluster.supervisor.resume(child)


async def _read_back(client: Client, acknowledged: Acknowledged) -> None:
    for key, (version, content) in acknowledged.items():
        sink = BytesSink(len(content))
        found = await client.get(DEFAULT_BUCKET, key, sink)
        assert found.version_id == version, f"{key} has another version than the last one acknowledged"
        assert sink.content == content, f"{key} came back with other bytes"


async def test_everything_acknowledged_survives_kills_of_any_process(tmp_path: Path) -> None:
    settings = LocalCluster(data=tmp_path, nodes=3, port_base=0, is_quiet=True)
    patience = ClientSettings(patience_ns=20 * SECOND, control_deadline_ns=500 * MILLISECOND)
    acknowledged: Acknowledged = {}
    async with running_cluster(settings, LOG) as cluster:
        async with open_client(find_cluster(data=tmp_path), log=LOG, settings=patience) as client:
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for writer in range(WRITERS):
                    group.create_task(_write_until(stop, client, writer, acknowledged))
                await _kill_around(cluster, random.Random(7))
                stop.set()
            assert len(acknowledged) >= WRITERS * 5
            for child in cluster.supervisor.children.values():
                await cluster.supervisor.kill(child)
            for child in cluster.supervisor.children.values():
                await cluster.supervisor.resume(child)
            await _read_back(client, acknowledged)
