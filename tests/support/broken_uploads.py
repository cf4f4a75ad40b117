"""Uploads through a gateway that is killed in the middle of them, and what must be left."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from shoal.app.filestore.served_files import ServedFiles
from shoal.app.filestore.service import UploadOptions
from shoal.base.errors import NotFound, TransientError
from shoal.base.ids import Address
from shoal.base.units import MIB, SECOND
from shoal.client.client import Client
from shoal.core.names import FILESTORE_BUCKET
from shoal.model.catalog import Version
from shoal.model.messages.objects import ListVersions
from shoal.wiring.file_server import open_file_server
from shoal.wiring.transfers import BytesSink, BytesSource
from support.objects import put_bytes
from support.processes import LocalProcesses, child_pids

OPTIONS = ("--nodes", "3", "--grpc", "127.0.0.1:0", "--filestore-open")
"""Of `shoal up`."""
SIZES = (5 * MIB + 5, 1, 70_000, 3 * MIB)
"""Of the uploads that are under way together; the first is the one that says when."""
_PAUSE_S = 0.1
_LIMIT_S = 60.0
_PAGE = 100


@asynccontextmanager
async def files_at(gateway: Address) -> AsyncIterator[ServedFiles]:
    """What a client of the gateway sees. A call that meets a dead one ends with an error, and is not made again."""
    async with open_file_server(gateway, credential=None, patience_ns=SECOND) as server:
        yield ServedFiles(server)


@dataclass(slots=True)
class Uploads:
    """I send files, and know what became of each: acknowledged, or nobody knows."""

    contents: dict[str, bytes] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)
    """The id of each file that was, by its name."""

    async def together(self, files: ServedFiles, *, strike: Callable[[], None], share: float) -> None:
        """Several at once; `strike` once this share of the first one was sent."""
        async with asyncio.TaskGroup() as group:
            for size in SIZES:
                name = f"upload-{len(self.contents)}"
                content = self.contents[name] = Random(name).randbytes(size)
                after = max(1, share * size) if size == SIZES[0] else size + 1
                group.create_task(self._send(files, name, content, _once(strike, after=after)), name=name)

    async def until_served(self, files: ServedFiles) -> None:
        """The gateway is back: an upload is acknowledged again."""
        async with asyncio.timeout(_LIMIT_S):
            while True:
                name = f"upload-{len(self.contents)}"
                self.contents[name] = name.encode()
                await self._send(files, name, self.contents[name], lambda _sent: None)
                if name in self.acknowledged:
                    return
                await asyncio.sleep(_PAUSE_S)

    async def _send(self, files: ServedFiles, name: str, content: bytes, progress: Callable[[int], None]) -> None:
        options = UploadOptions(copies=None, content_type="", progress=progress)
        with suppress(TransientError):  # the gateway has died: whether it had committed is for the audit to see
            self.acknowledged[name] = (await files.upload(name, BytesSource(content), options)).file_id

    async def audit(self, client: Client, files: ServedFiles, out: Path) -> int:
        """Every acknowledged file is there once, also for whoever asks by its id; every other is there whole, once, or
        not at all. How many of the others are."""
        there = 0
        for name, content in self.contents.items():
            versions = await _versions(client, name)
            least = 1 if name in self.acknowledged else 0
            assert least <= len(versions) <= 1, f"{name} has {len(versions)} versions"
            if versions:
                sink = BytesSink(versions[0].size)
                await client.get(FILESTORE_BUCKET, name, sink)
                assert sink.content == content, f"{name} has other bytes"
            if name in self.acknowledged:
                await files.download(self.acknowledged[name], out, version=None)
                assert out.read_bytes() == content, f"{name} came back with other bytes"  # noqa: ASYNC240, a test
            else:
                there += len(versions)
        return there


async def kill_the_gateway(cluster: LocalProcesses, uploads: Uploads, share: float) -> None:
    """In the middle of uploads. Whoever comes another way does not notice, and uploads go on when it is back."""
    assert cluster.grpc is not None
    pid = child_pids(cluster.process.pid)["gateway"]
    async with files_at(cluster.grpc) as files:
        await uploads.together(files, strike=lambda: os.kill(pid, signal.SIGKILL), share=share)
        await put_bytes(cluster.data, f"meanwhile/{share}", b"not through the gateway")
        await uploads.until_served(files)


def _once(strike: Callable[[], None], *, after: float) -> Callable[[int], None]:
    has_struck = False

    def progress(sent: int) -> None:
        nonlocal has_struck
        if sent >= after and not has_struck:
            has_struck = True
            strike()

    return progress


async def _versions(client: Client, name: str) -> list[Version]:
    try:
        found = await client.versions(ListVersions(bucket=FILESTORE_BUCKET, key=name, limit=_PAGE))
    except NotFound:
        return []
    return list(found.versions)
