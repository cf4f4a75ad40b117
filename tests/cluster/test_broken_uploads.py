"""The gateway killed while uploads run through it, and last the supervisor itself: acknowledged files are there, others
are whole or not there, and nothing else stands still meanwhile."""

from pathlib import Path

from support.broken_uploads import OPTIONS, Uploads, files_at, kill_the_gateway
from support.objects import client_of
from support.processes import LocalProcesses, child_pids, eventually, is_running, shoal_up

SHARES = (0.0, 0.5, 1.0)
"""Of what was sent when the gateway is killed: hardly anything, some, and all of it."""


async def kill_all_by_their_supervisor_in_uploads(cluster: LocalProcesses, uploads: Uploads) -> None:
    assert cluster.grpc is not None
    pids = child_pids(cluster.process.pid)
    async with files_at(cluster.grpc) as files:
        await uploads.together(files, strike=cluster.process.kill, share=0.5)
    assert len(pids) == 5
    assert eventually(lambda: not any(map(is_running, pids.values())))


async def test_uploads_whose_gateway_or_supervisor_is_killed_are_whole_or_not_there(tmp_path: Path) -> None:
    uploads = Uploads()
    with shoal_up(tmp_path / "data", *OPTIONS) as cluster:
        for share in SHARES:
            await kill_the_gateway(cluster, uploads, share)
        await kill_all_by_their_supervisor_in_uploads(cluster, uploads)
    with shoal_up(tmp_path / "data", *OPTIONS) as cluster:
        assert cluster.grpc is not None
        async with client_of(tmp_path / "data") as client, files_at(cluster.grpc) as files:
            await uploads.until_served(files)
            await uploads.audit(client, files, tmp_path / "out")
    assert len(uploads.acknowledged) > len(SHARES)
