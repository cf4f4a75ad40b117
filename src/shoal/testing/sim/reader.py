"""All that a user of a simulated cluster can look at, each answer held against the chronicle."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from random import Random

from shoal.base.errors import NotFound
from shoal.base.ids import VersionId
from shoal.client.client import Client
from shoal.client.get import ObjectGet
from shoal.model.catalog import Version, VersionKind
from shoal.model.messages.objects import ListObjects, ListVersions
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.ledger import LedgerBroken
from shoal.wiring.transfers import BytesSink

BUCKET = "default"
REGISTERS = "register/"
"""Keys below it are overwritten and deleted by all workers at once."""


class Reader:
    """I read through one client. What nobody wrote, or lost, raises SimulationFailed; what the client raises passes."""

    def __init__(self, client: Client, chronicle: Chronicle, rng: Random) -> None:
        self._client = client
        self._chronicle = chronicle
        self._rng = rng

    async def read_register(self, key: str, *, is_whole: bool = True) -> Version | None:
        """The version that is current; its bytes, or some of them, were right."""
        reading = self._chronicle.reading()
        async with self._opened(key) as found:
            if found is None:
                self._chronicle.read(key, None, reading)
                return None
            self._chronicle.read(key, found.version.metadata[TAG], reading)
            await self._read_bytes(found, is_whole=is_whole)
            return found.version

    async def read_kept(self, key: str, tag: str | None) -> None:
        """Read a name that must have this tag, or nothing. Raises: LedgerBroken."""
        async with self._opened(key) as found:
            held = None if found is None else found.version.metadata[TAG]
            if held != tag:
                raise LedgerBroken(f"{key!r} holds {held!r}, and was left with {tag!r}")
            if found is not None:
                await self._read_bytes(found, is_whole=True)

    async def read_version(self, key: str, version: VersionId) -> bool:
        """Read one version whole; False if it is gone, and may be."""
        book = self._chronicle.versions
        try:
            async with self._client.open(BUCKET, key, version) as found:
                book.check_found(key, version, found.version.metadata[TAG])
                await self._read_bytes(found, is_whole=True)
        except NotFound:  # also in the middle: it is looked up again where no replica answers
            book.check_missing(key, version)
            return False
        return True

    async def list_registers(self, *others: str, page: int) -> None:
        """List all names below `register/`: registers, and `others` that may be there."""
        after = ""
        while True:
            reading = self._chronicle.reading()
            listed = await self._client.list_objects(
                ListObjects(bucket=BUCKET, prefix=REGISTERS, after=after, limit=page)
            )
            keys = [each.key for each in listed.objects]
            names = [*self._chronicle.registers, *others]
            within = [name for name in names if after < name <= (listed.next_after or name)]
            self._chronicle.check_listed(keys, within, reading)
            if not listed.next_after:
                return
            after = listed.next_after

    async def list_versions(self, key: str, *, page: int) -> None:
        """List all versions of `key`, newest first."""
        book = self._chronicle.versions
        certain, gone = book.certain(key), book.gone()
        listed: list[VersionId] = []
        before: VersionId | None = None
        while True:
            found = await self._client.versions(ListVersions(bucket=BUCKET, key=key, before=before, limit=page))
            for version in found.versions:
                if version.kind is VersionKind.OBJECT:
                    self._chronicle.check_size(version.metadata[TAG], version.size)
            listed += [version.version_id for version in found.versions]
            if found.next_before is None:
                break
            before = found.next_before
        book.check_listed(key, listed, certain=certain, gone=gone)

    @asynccontextmanager
    async def _opened(self, key: str) -> AsyncIterator[ObjectGet | None]:
        """The object, open; None if there is none."""
        async with AsyncExitStack() as stack:
            try:
                found = await stack.enter_async_context(self._client.open(BUCKET, key))
            except NotFound:
                found = None
            yield found

    async def _read_bytes(self, found: ObjectGet, *, is_whole: bool) -> None:
        """Into a sink, or as a stream; either may be asked for a part."""
        size = found.version.size
        start = 0 if is_whole else self._rng.randint(0, size)
        stop = size if is_whole else self._rng.randint(start, size)
        if self._rng.random() < 0.5:
            sink = BytesSink(stop - start)
            await found.into(sink, start, stop, progress=None)
            content = sink.content
        else:
            async with aclosing(found.frames(start, stop)) as frames:
                content = b"".join([bytes(frame) async for frame in frames])
        self._chronicle.check_bytes(found.version.metadata[TAG], content, start=start, stop=stop)
