"""The transfers of `shoal get`: an object, a version or a range of it, into a file or as a stream."""

from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from shoal.app.progress import TransferBar
from shoal.base.ids import VersionId
from shoal.client.client import Client
from shoal.client.get import check_range
from shoal.core.names import ObjectName
from shoal.model.catalog import Version
from shoal.wiring.env.blocking_stream import BlockingStream
from shoal.wiring.transfers import FileSink


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch. No version is the current one; `stop` None is the end."""

    name: ObjectName
    version: VersionId | None = None
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: so many bytes of this version."""

    version: Version
    size: int


async def fetch_file(client: Client, wanted: Wanted, path: Path, bar: TransferBar) -> Fetched:
    """Into `path`, which appears or changes only when all is there. Raises: as `Client.get`, and as `FileSink`."""
    async with client.open(wanted.name.bucket, wanted.name.key, wanted.version) as found:
        stop = check_range(found.version.size, wanted.start, wanted.stop)
        bar.total = stop - wanted.start
        sink = FileSink(path)
        try:
            await found.into(sink, wanted.start, stop, progress=bar.advance)
            sink.commit()
        finally:
            sink.abandon()
        return Fetched(found.version, stop - wanted.start)


async def fetch_stream(client: Client, wanted: Wanted, stream: BlockingStream, bar: TransferBar) -> Fetched:
    """To `stream`, in order. What came before a failure has left. Raises: as `Client.get`; OSError of the stream."""
    done = 0
    async with client.open(wanted.name.bucket, wanted.name.key, wanted.version) as found:
        stop = check_range(found.version.size, wanted.start, wanted.stop)
        bar.total = stop - wanted.start
        async with aclosing(found.frames(wanted.start, stop)) as frames:
            async for frame in frames:
                await stream.write(frame)
                done += len(frame)
                bar.advance(done)
        return Fetched(found.version, done)
