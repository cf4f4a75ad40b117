"""One user of a simulated cluster: a seeded mix of everything that users can do.

Keys below `register/` are overwritten and deleted by all workers at once, so each is a register that must be
linearizable. Below `shelf/` versions are made, and removed one by one. A drawer, a cabinet, a folder of
files and an access key are a user's own, so that copies, moves, undeleted and restored objects, purged files, buckets
and their counts must be exact.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random

from shoal.base.errors import PreconditionFailed, TransientError
from shoal.base.ids import VersionId
from shoal.base.units import SECOND
from shoal.client.client import Client
from shoal.client.one_error import one_error
from shoal.model.messages.objects import Precondition
from shoal.testing.sim.cabinet import Cabinet
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.contents import Contents, ContentSettings
from shoal.testing.sim.drawer import Drawer
from shoal.testing.sim.filing import Filing
from shoal.testing.sim.key_holder import CatalogUnder, KeyHolder
from shoal.testing.sim.linearizability import CompareAndSet, Write
from shoal.testing.sim.nemesis import is_about_clocks
from shoal.testing.sim.outcome import ALTERED, SURELY_NOT_DONE
from shoal.testing.sim.reader import BUCKET, REGISTERS, Reader
from shoal.testing.sim.trespasser import FORBIDDEN, Trespasser
from shoal.testing.sim.visitor import Visitor

SHELF = "shelf/"

VISIT = "visit"
"""What needs a gateway."""

MIX: Mapping[str, int] = {
    "put": 30,
    "put_if": 14,
    "delete": 9,
    "get": 25,
    "get_range": 6,
    "get_version": 6,
    "list": 4,
    "versions": 4,
    "shelve": 5,
    "unshelve": 4,
    "burst": 3,
    "drawer": 22,
    "cabinet": 8,
    "filing": 22,
    VISIT: 12,
    "access_key": 3,
    "trespass": 3,
    "echo": 8,
}
"""Operations, and how often each comes."""
WRITES = frozenset(
    {"put", "put_if", "delete", "shelve", "unshelve", "burst", "drawer", "cabinet", "filing", VISIT, "access_key"}
)
"""Those that change something, or nearly always do."""

_SHELVES = 2
_BURST_PUTS = 5
_PAGE = 3
"""Entries in one page of a list: few, so that lists have several."""
_NOTHING_TO_DO = "had nothing to do"


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """What workers do, and how large. Times in nanoseconds, sizes in bytes."""

    registers: int
    think_mean_ns: int
    contents: ContentSettings
    mix: Mapping[str, int]
    hurry: float
    """That a user gives an operation up in the middle, within about a second."""


class Worker:
    """I do one operation after the other and tell the chronicle; what must not happen raises and fails the seed."""

    def __init__(
        self,
        name: str,
        client: Client,
        chronicle: Chronicle,
        *,
        settings: WorkSettings,
        trespasser: Trespasser,
        visitor: Visitor,
        repeat: Callable[[Random], Awaitable[str]],
        catalog_under: CatalogUnder,
        altered_count: Callable[[], int],
    ) -> None:
        """`visitor` goes to the gateway; `repeat` sends something again that was answered already; `catalog_under` asks
        under another key; `altered_count` counts what was altered on its way, by anybody's."""
        self._client = client
        self._chronicle = chronicle
        self._settings = settings
        self._trespasser = trespasser
        self._visitor = visitor
        self._repeat = repeat
        self._altered_count = altered_count
        self._rng = Random(name)
        self._reader = Reader(client, chronicle, self._rng)
        self._contents = Contents(chronicle, self._rng, settings.contents)
        own = Random(f"{name}/own")
        self._drawer_of_mine = Drawer(name, client, chronicle, contents=self._contents, rng=own)
        self._cabinet_of_mine = Cabinet(name, client, chronicle, contents=self._contents, rng=own)
        self._filing_of_mine = Filing(name, client, chronicle, contents=self._contents, rng=own)
        self._key_holder = KeyHolder(client, catalog_under, altered_count)
        self._seen: dict[str, tuple[VersionId, str]] = {}
        """What I last found under each register."""
        self._tag = ""

    async def step(self, number: int) -> None:
        """Think, and do operation number `number` of the seed."""
        await asyncio.sleep(self._rng.expovariate(SECOND / self._settings.think_mean_ns))
        mix = self._settings.mix
        name = self._rng.choices(list(mix), list(mix.values()))[0]
        self._tag = f"{name} {number}"
        operation: Callable[[], Awaitable[str]] = getattr(self, f"_{name}")
        altered = self._altered_count()
        patience_s = self._rng.expovariate(1.0) if self._rng.random() < self._settings.hurry else None
        try:
            async with asyncio.timeout(patience_s):
                outcome = await operation()
        except TransientError as exc:
            outcome = type(exc).__name__
        except ALTERED as exc:
            if not is_about_clocks(exc) and self._altered_count() == altered:
                raise
            outcome = "clock is off" if is_about_clocks(exc) else "altered on the way"
        except TimeoutError:
            outcome = "given up"
        self._chronicle.ended(name, outcome)

    # -- writing

    async def _put(self) -> str:
        return await self._put_as(self._register(), Write(self._tag), Precondition())

    async def _put_if(self) -> str:
        key = self._register()
        if key in self._seen and self._rng.random() < 0.6:
            version, tag = self._seen[key]
            return await self._put_as(key, CompareAndSet(tag, self._tag, None), Precondition(if_version=version))
        return await self._put_as(key, CompareAndSet(None, self._tag, None), Precondition(if_absent=True))

    async def _put_as(self, key: str, action: Write | CompareAndSet, precondition: Precondition) -> str:
        source, options = self._contents.draw(self._tag, precondition)
        attempt = self._chronicle.begin(key, action)
        try:
            version = await self._client.put(BUCKET, key, source, options=options)
        except PreconditionFailed:
            self._chronicle.refused(attempt)
            return "refused"
        except SURELY_NOT_DONE as exc:
            if self._chronicle.is_final(exc):
                self._chronicle.failed(attempt)
            raise
        self._chronicle.done(attempt)
        self._chronicle.versions.made(key, version.version_id, self._tag)
        self._seen[key] = version.version_id, self._tag
        return "done"

    async def _delete(self) -> str:
        key = self._register()
        action: Write | CompareAndSet = Write(None)
        precondition = Precondition()
        if key in self._seen and self._rng.random() < 0.3:
            version, tag = self._seen[key]
            action, precondition = CompareAndSet(tag, None, None), Precondition(if_version=version)
        attempt = self._chronicle.begin(key, action)
        try:
            await self._client.delete(BUCKET, key, precondition=precondition)
        except PreconditionFailed:
            self._chronicle.refused(attempt)
            return "refused"
        except SURELY_NOT_DONE as exc:
            if self._chronicle.is_final(exc):
                self._chronicle.failed(attempt)
            raise
        self._chronicle.done(attempt)
        self._seen.pop(key, None)
        return "done"

    async def _shelve(self) -> str:
        await self._shelve_as(self._tag)
        return "done"

    async def _burst(self) -> str:
        """Several at once: where a node's memory is small, some wait."""
        async with one_error(), asyncio.TaskGroup() as group:
            for number in range(_BURST_PUTS):
                group.create_task(self._shelve_as(f"{self._tag}.{number}"), name=f"burst-{number}")
        return "done"

    async def _shelve_as(self, tag: str) -> None:
        key = self._shelf()
        source, options = self._contents.draw(tag)
        version = await self._client.put(BUCKET, key, source, options=options)
        self._chronicle.versions.made(key, version.version_id, tag)

    async def _unshelve(self) -> str:
        chosen = self._choose_version(SHELF)
        if chosen is None:
            return _NOTHING_TO_DO
        key, version = chosen
        self._chronicle.versions.removing(version)
        deleted = await self._client.delete(BUCKET, key, version=version)
        self._chronicle.versions.removed(key, version, existed=deleted.existed)
        return "done"

    # -- reading

    async def _get(self) -> str:
        return await self._read_register(is_whole=True)

    async def _get_range(self) -> str:
        return await self._read_register(is_whole=False)

    async def _read_register(self, *, is_whole: bool) -> str:
        key = self._register()
        version = await self._reader.read_register(key, is_whole=is_whole)
        if version is None:
            self._seen.pop(key, None)
            return "found nothing"
        self._seen[key] = version.version_id, version.metadata[TAG]
        return "done"

    async def _get_version(self) -> str:
        chosen = self._choose_version(self._rng.choice((REGISTERS, SHELF)))
        if chosen is None:
            return _NOTHING_TO_DO
        return "done" if await self._reader.read_version(*chosen) else "found nothing"

    async def _list(self) -> str:
        await self._reader.list_registers(FORBIDDEN, page=_PAGE)
        return "done"

    async def _versions(self) -> str:
        await self._reader.list_versions(self._rng.choice((self._register(), self._shelf())), page=_PAGE)
        return "done"

    # -- what is one's own

    async def _drawer(self) -> str:
        return await self._drawer_of_mine.step(self._tag)

    async def _cabinet(self) -> str:
        return await self._cabinet_of_mine.step(self._tag)

    async def _filing(self) -> str:
        return await self._filing_of_mine.step(self._tag)

    async def _visit(self) -> str:
        return await self._visitor.step(self._tag)

    async def _access_key(self) -> str:
        return await self._key_holder.step()

    # -- what must have no effect

    async def _trespass(self) -> str:
        return await self._trespasser.step(self._rng)

    async def _echo(self) -> str:
        return await self._repeat(self._rng)

    # -- choices

    def _register(self) -> str:
        """Low numbers more often: where many meet, more goes wrong."""
        number = int(self._settings.registers * self._rng.random() ** 2)
        return self._chronicle.register(f"{REGISTERS}{number}")

    def _shelf(self) -> str:
        return f"{SHELF}{self._rng.randrange(_SHELVES)}"

    def _choose_version(self, prefix: str) -> tuple[str, VersionId] | None:
        """One that must be there."""
        book = self._chronicle.versions
        found = [(key, version) for key in book.keys if key.startswith(prefix) for version in book.certain(key)]
        return self._rng.choice(found) if found else None
