"""A drawer: names that one user alone has, so that what is found must be exactly what was left there.

Each name is in the chronicle's book of what is kept, with the tag that it must have now, except while somebody works
on it and after an outcome that nobody knows: then nothing is said of it any more.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from shoal.base.errors import NotFound, PreconditionFailed
from shoal.base.ids import VersionId
from shoal.client.client import Client
from shoal.client.copying import CopyOptions
from shoal.core.names import ObjectName
from shoal.model.catalog import Version
from shoal.model.messages.objects import Name, Precondition
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.contents import Contents
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.outcome import SURELY_NOT_DONE
from shoal.testing.sim.reader import BUCKET, Reader

T = TypeVar("T")

DRAWERS = "drawer/"
_NAMES_MAX = 3


class DrawerDisturbed(SimulationFailed):
    """Something that one user alone could change is not as that user left it."""


@dataclass(slots=True)
class _Kept:
    """One name: the tag of what is current, None if it is deleted, and all versions, oldest first."""

    key: str
    tag: str | None = None
    versions: list[tuple[VersionId, str]] = field(default_factory=list)

    def has_got(self, version: Version) -> None:
        """`version` is the current one now."""
        self.tag = version.metadata[TAG]
        if version.version_id not in [known for known, _ in self.versions]:
            self.versions.append((version.version_id, self.tag))


class Drawer:
    """I put, copy, move, delete, bring back and restore what is mine, one thing at a time."""

    def __init__(self, name: str, client: Client, chronicle: Chronicle, *, contents: Contents, rng: Random) -> None:
        self._name = f"{DRAWERS}{name}/"
        self._client = client
        self._chronicle = chronicle
        self._contents = contents
        self._rng = rng
        self._reader = Reader(client, chronicle, rng)
        self._kept: list[_Kept] = []
        self._made = 0

    async def step(self, tag: str) -> str:
        """Do one thing. Raises: DrawerDisturbed; what the client raises, where that is no answer."""
        kept = self._choose()
        act = self._rng.choice(self._acts(kept))
        self._forget(kept)
        try:
            outcome = await act(kept, tag)
        except SURELY_NOT_DONE as exc:
            if self._chronicle.is_final(exc):
                self._remember(kept)
            raise
        self._remember(kept)
        return outcome

    def _choose(self) -> _Kept:
        return self._rng.choice(self._kept) if len(self._kept) == _NAMES_MAX else self._new()

    def _new(self) -> _Kept:
        self._made += 1
        return _Kept(f"{self._name}{self._made}")

    def _acts(self, kept: _Kept) -> list[Callable[[_Kept, str], Awaitable[str]]]:
        """What can be done with it as it is."""
        if not kept.versions:
            return [self._put]
        if kept.tag is None:
            return [self._look, self._undelete, self._undelete, self._restore, self._put]
        return [
            self._look,
            self._put,
            self._delete,
            self._delete,
            self._restore,
            self._copy,
            self._move,
            self._not_deleted,
        ]

    def _forget(self, kept: _Kept) -> None:
        self._kept = [each for each in self._kept if each is not kept]
        self._chronicle.kept.pop(kept.key, None)

    def _remember(self, kept: _Kept) -> None:
        self._kept.append(kept)
        del self._kept[:-_NAMES_MAX]
        self._chronicle.kept[kept.key] = kept.tag

    async def _look(self, kept: _Kept, _tag: str) -> str:
        await self._reader.read_kept(kept.key, kept.tag)
        return "looked"

    async def _put(self, kept: _Kept, tag: str) -> str:
        source, options = self._contents.draw(tag)
        kept.has_got(await self._client.put(BUCKET, kept.key, source, options=options))
        return "put"

    async def _delete(self, kept: _Kept, _tag: str) -> str:
        condition = Precondition(if_version=kept.versions[-1][0]) if self._rng.random() < 0.5 else None
        await self._expect_done("delete", self._client.delete(BUCKET, kept.key, precondition=condition))
        kept.tag = None
        return "deleted"

    async def _undelete(self, kept: _Kept, _tag: str) -> str:
        version = await self._expect_done("undelete", self._client.undelete(BUCKET, kept.key))
        self._expect_version(kept, version, kept.versions[-1])
        kept.tag = version.metadata[TAG]
        return "undeleted"

    async def _not_deleted(self, kept: _Kept, _tag: str) -> str:
        """There is nothing to bring back."""
        try:
            await self._client.undelete(BUCKET, kept.key)
        except PreconditionFailed:
            return "refused to undelete"
        raise DrawerDisturbed(f"{kept.key!r} was undeleted, and it was not deleted")

    async def _restore(self, kept: _Kept, _tag: str) -> str:
        version, tag = self._rng.choice(kept.versions)
        restored = await self._expect_done("restore", self._client.restore(BUCKET, kept.key, version))
        self._expect_tag(kept, restored, tag)
        kept.has_got(restored)
        return "restored"

    async def _copy(self, kept: _Kept, _tag: str) -> str:
        """To a name of its own. With what a copy says of itself, or as it is; the current version, or by its id."""
        copied = self._new()
        source = Name(BUCKET, kept.key, self._rng.choice((None, kept.versions[-1][0])))
        options = CopyOptions(precondition=Precondition(if_absent=True), content_type=self._rng.choice((None, "a/b")))
        call = self._client.copy(source, BUCKET, copied.key, options=options)
        await self._make(copied, self._expect_done("copy", call), tag=kept.tag)
        return "copied"

    async def _move(self, kept: _Kept, _tag: str) -> str:
        moved = self._new()
        call = self._client.move(ObjectName(BUCKET, kept.key), BUCKET, moved.key)
        await self._make(moved, self._expect_done("move", call), tag=kept.tag)
        kept.tag = None
        return "moved"

    async def _make(self, made: _Kept, call: Awaitable[Version], *, tag: str | None) -> None:
        """A new name; after an error which promises that nothing was done nothing is there, for ever."""
        try:
            version = await call
        except SURELY_NOT_DONE as exc:
            if self._chronicle.is_final(exc):
                self._chronicle.kept[made.key] = None
            raise
        self._expect_tag(made, version, tag)
        made.has_got(version)
        self._remember(made)

    async def _expect_done(self, what: str, call: Awaitable[T]) -> T:
        """Nobody else is here: a condition that holds when asked holds when done."""
        try:
            return await call
        except (NotFound, PreconditionFailed) as exc:
            raise DrawerDisturbed(f"{what} below {self._name!r} was refused: {exc.sentence}") from exc

    @staticmethod
    def _expect_tag(kept: _Kept, made: Version, tag: str | None) -> None:
        if made.metadata[TAG] != tag:
            raise DrawerDisturbed(f"what was made of {kept.key!r} is {made.metadata[TAG]!r}, and was {tag!r}")

    def _expect_version(self, kept: _Kept, found: Version, wanted: tuple[VersionId, str]) -> None:
        self._expect_tag(kept, found, wanted[1])
        if found.version_id != wanted[0]:
            raise DrawerDisturbed(f"{kept.key!r} came back as another version than it was")
