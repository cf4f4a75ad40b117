"""Users who do everything at once, a book of what they were promised, and an audit against it.

Every key has one writer, so that a ledger knows which contents it may have; every put carries a tag of its own in the
metadata, so that the versions of a key tell whether anything was done twice.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from shoal.base.errors import CallerError, NotFound, ShoalError, TransientError
from shoal.base.ids import VersionId
from shoal.base.units import MIB
from shoal.client.client import Client
from shoal.client.copying import CopyOptions
from shoal.client.put import PutOptions
from shoal.core.names import DEFAULT_BUCKET
from shoal.model.access_keys import Scope
from shoal.model.catalog import VersionKind
from shoal.model.messages.keys import CreateKey, ListKeys
from shoal.model.messages.objects import ListVersions, Name
from shoal.testing.sim.ledger import Ledger, Value
from shoal.testing.sim.outcome import SURELY_NOT_DONE
from shoal.wiring.transfers import BytesSink, BytesSource

SIZES = (0, 1, 100, 4096, 4096, 70_000, 70_000, 300_000, MIB + 17, 3 * MIB)
"""Inline and in several chunks; in segments and, from 1 MiB on, in files of their own."""
CHUNK_BYTES = MIB + 4096

SURELY_NOT = (*SURELY_NOT_DONE, CallerError)
"""Errors that promise that nothing was done, nor will be."""

_MIX = {"put": 12, "get": 8, "delete": 3, "copy": 3, "make_key": 1}
_KEYS_OF_EACH = 4
_TAG = "tag"
_PAUSE_S = 0.03
_PAGE = 1000


@dataclass(slots=True)
class Book:
    """What was promised. `outcomes` counts how operations ended, by their name and by the error or `done`."""

    ledger: Ledger = field(default_factory=Ledger)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    """By key, and by the tag of each put or copy: `done`, `refused` or `open`."""
    markers: dict[str, set[VersionId]] = field(default_factory=dict)
    """By key: the delete markers that were told."""
    open_deletes: Counter[str] = field(default_factory=Counter)
    access_keys: list[str] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, outcome: str) -> int:
        """Operations of any kind that ended so."""
        return sum(count for (_, how), count in self.outcomes.items() if how == outcome)


class User:
    """I do one operation after the other on keys of my own. `may_see` are errors that the faults of a test may bring
    to users, beside those that say "later"."""

    def __init__(
        self, number: int, client: Client, book: Book, *, seed: int = 0, may_see: tuple[type[ShoalError], ...] = ()
    ) -> None:
        self._rng = Random(f"{seed}/{number}")
        self._client = client
        self._book = book
        self._may_see: tuple[type[ShoalError], ...] = (TransientError, *may_see)
        self._keys = [f"{number}/{each}" for each in range(_KEYS_OF_EACH)]
        self._number = number
        self._made = 0

    async def step(self) -> None:
        """One operation. Raises: LedgerBroken for wrong bytes; every error that is not allowed."""
        name = self._rng.choices(list(_MIX), list(_MIX.values()))[0]
        operation: Callable[[str], Awaitable[None]] = getattr(self, f"_{name}")
        try:
            await operation(self._rng.choice(self._keys))
        except self._may_see as exc:
            self._book.outcomes[name, type(exc).__name__] += 1
        else:
            self._book.outcomes[name, "done"] += 1

    async def _put(self, key: str) -> None:
        content = self._rng.randbytes(self._rng.choice(SIZES))

        async def put(tag: str) -> None:
            options = PutOptions(chunk_bytes=CHUNK_BYTES, metadata={_TAG: tag})
            await self._client.put(DEFAULT_BUCKET, key, BytesSource(content), options=options)

        await self._make(key, known_as(content), put)

    async def _copy(self, key: str) -> None:
        source = self._rng.choice(self._keys)
        values = self._book.ledger.allowed(source)
        if len(values) != 1 or values[0] is None:
            return  # there may be nothing to copy

        async def copy(tag: str) -> None:
            options = CopyOptions(metadata={_TAG: tag})
            await self._client.copy(Name(DEFAULT_BUCKET, source), DEFAULT_BUCKET, key, options=options)

        await self._make(key, values[0], copy)

    async def _make(self, key: str, value: Value, change: Callable[[str], Awaitable[None]]) -> None:
        """A version with a tag of its own. An error says whether it was surely not made."""
        tag, tags = self._next_tag(), self._book.tags.setdefault(key, {})
        tags[tag], ticket = "open", self._book.ledger.begun(key, value)
        try:
            await change(tag)
        except SURELY_NOT:
            self._book.ledger.refused(ticket)
            tags[tag] = "refused"
            raise
        self._book.ledger.acknowledged(ticket)
        tags[tag] = "done"

    async def _delete(self, key: str) -> None:
        ticket = self._book.ledger.begun(key, None)
        self._book.open_deletes[key] += 1
        try:
            deleted = await self._client.delete(DEFAULT_BUCKET, key)
        except SURELY_NOT:
            self._book.ledger.refused(ticket)
            self._book.open_deletes[key] -= 1
            raise
        self._book.ledger.acknowledged(ticket)
        self._book.open_deletes[key] -= 1
        if deleted.marker is not None:
            self._book.markers.setdefault(key, set()).add(deleted.marker)

    async def _get(self, key: str) -> None:
        await check_key(self._client, self._book.ledger, key)

    async def _make_key(self, _key: str) -> None:
        made = await self._client.create_key(CreateKey(name=self._next_tag(), scope=Scope.READ))
        self._book.access_keys.append(made.info.key_id)

    def _next_tag(self) -> str:
        self._made += 1
        return f"{self._number}.{self._made}"


def known_as(content: bytes) -> str:
    """What the ledger calls a content."""
    return f"{len(content)} bytes {sha256(content).hexdigest()[:24]}"


async def check_key(client: Client, ledger: Ledger, key: str) -> None:
    """Read a key whole. Raises: LedgerBroken if it has what it must not have; what the client raises."""
    since = ledger.mark
    found = None
    try:
        async with client.open(DEFAULT_BUCKET, key) as opened:
            sink = BytesSink(opened.version.size)
            await opened.into(sink, 0, opened.version.size)
            found = known_as(sink.content)
    except NotFound:
        pass  # nothing is a value, too
    ledger.check_read(key, found, since=since)


async def audit(client: Client, book: Book) -> None:
    """Every key has a content that it may have, byte by byte; every version was made by one put, and every put that
    was acknowledged, and no other, made one; every access key is there."""
    for key in book.ledger.keys:
        await check_key(client, book.ledger, key)
        await _check_versions(client, book, key)
    listed = {info.key_id for info in (await client.list_keys(ListKeys())).keys}
    assert set(book.access_keys) <= listed, "an access key that was told is gone"


async def _check_versions(client: Client, book: Book, key: str) -> None:
    versions = (await client.versions(ListVersions(bucket=DEFAULT_BUCKET, key=key, limit=_PAGE))).versions
    assert len(versions) < _PAGE, "too many versions for one page"
    made = Counter(each.metadata[_TAG] for each in versions if each.kind is VersionKind.OBJECT)
    known = book.tags.get(key, {})
    assert set(made) <= set(known), f"{key} has versions that nobody made"
    for tag, outcome in known.items():
        least, most = {"done": (1, 1), "refused": (0, 0), "open": (0, 1)}[outcome]
        assert least <= made[tag] <= most, f"put {tag} of {key} is {outcome}, and made {made[tag]} versions"
    markers = {each.version_id for each in versions if each.kind is VersionKind.DELETE_MARKER}
    told = book.markers.get(key, set())
    assert told <= markers, f"a delete of {key} was undone"
    assert len(markers) <= len(told) + book.open_deletes[key], f"a delete of {key} was done twice"


@asynccontextmanager
async def load(users: list[User]) -> AsyncIterator[None]:
    """All users at work, until the body ends; what they have begun, they end."""
    stop = asyncio.Event()

    async def work(user: User) -> None:
        while not stop.is_set():
            await user.step()
            await asyncio.sleep(_PAUSE_S)

    async with asyncio.TaskGroup() as group:
        for number, user in enumerate(users):
            group.create_task(work(user), name=f"user-{number}")
        try:
            yield
        finally:
            stop.set()
