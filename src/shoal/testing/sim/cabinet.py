"""A cabinet: a bucket that one user alone has, so that what it holds, and whether it is there, must be exact.

After an outcome that nobody knows it is left alone, and another one is begun.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from shoal.base.errors import AlreadyExists, NotFound, PreconditionFailed
from shoal.base.ids import VersionId
from shoal.client.client import Client
from shoal.model.messages.objects import ListObjects
from shoal.testing.sim.chronicle import Chronicle
from shoal.testing.sim.contents import Contents
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.outcome import SURELY_NOT_DONE

_OBJECTS_MAX = 3


class CabinetDisturbed(SimulationFailed):
    """A bucket that one user alone could change is not as that user left it."""


@dataclass(slots=True)
class _Bucket:
    """What there must be: objects of one version each, with their sizes."""

    name: str
    exists: bool = False
    held: dict[str, tuple[VersionId, int]] = field(default_factory=dict)


class Cabinet:
    """I make a bucket, fill it, count it, empty it, and remove it, one thing at a time."""

    def __init__(self, name: str, client: Client, chronicle: Chronicle, *, contents: Contents, rng: Random) -> None:
        self._name = name
        self._client = client
        self._chronicle = chronicle
        self._contents = contents
        self._rng = rng
        self._made = 0
        self._bucket: _Bucket | None = None

    async def step(self, tag: str) -> str:
        """Do one thing. Raises: CabinetDisturbed; what the client raises, where that is no answer."""
        bucket = self._bucket or self._new()
        act = self._rng.choice(self._acts(bucket))
        self._bucket = None
        try:
            outcome = await act(bucket, tag)
        except SURELY_NOT_DONE as exc:
            self._bucket = bucket if self._chronicle.is_final(exc) else None
            raise
        self._bucket = bucket
        return outcome

    def _new(self) -> _Bucket:
        self._made += 1
        return _Bucket(f"cabinet-{self._name}-{self._made}")

    def _acts(self, bucket: _Bucket) -> list[Callable[[_Bucket, str], Awaitable[str]]]:
        if not bucket.exists:
            return [self._create, self._create, self._miss]
        acts = [self._create_again, self._count, self._list, self._remove if not bucket.held else self._keep]
        return acts + ([self._empty] if bucket.held else []) + ([self._fill] if len(bucket.held) < _OBJECTS_MAX else [])

    async def _create(self, bucket: _Bucket, _tag: str) -> str:
        try:
            await self._client.create_bucket(bucket.name)
        except AlreadyExists as exc:
            raise CabinetDisturbed(f"bucket {bucket.name} is there before it was made") from exc
        bucket.exists = True
        return "made"

    async def _create_again(self, bucket: _Bucket, _tag: str) -> str:
        try:
            await self._client.create_bucket(bucket.name)
        except AlreadyExists:
            return "refused to make twice"
        raise CabinetDisturbed(f"bucket {bucket.name} was made twice")

    async def _miss(self, bucket: _Bucket, _tag: str) -> str:
        try:
            await self._client.usage(bucket.name)
        except NotFound:
            return "missed"
        raise CabinetDisturbed(f"bucket {bucket.name} is counted, and is not there")

    async def _fill(self, bucket: _Bucket, tag: str) -> str:
        source, options = self._contents.draw(tag)
        key = tag.replace(" ", "/")
        version = await self._client.put(bucket.name, key, source, options=options)
        bucket.held[key] = version.version_id, version.size
        return "filled"

    async def _empty(self, bucket: _Bucket, _tag: str) -> str:
        key = self._rng.choice(list(bucket.held))
        deleted = await self._client.delete(bucket.name, key, version=bucket.held[key][0])
        if not deleted.existed:
            raise CabinetDisturbed(f"{key!r} in {bucket.name} was gone before anybody removed it")
        del bucket.held[key]
        return "emptied"

    async def _count(self, bucket: _Bucket, _tag: str) -> str:
        usage = await self._client.usage(bucket.name)
        found = (usage.objects, usage.object_bytes, usage.former_versions, usage.delete_markers)
        wanted = (len(bucket.held), sum(size for _, size in bucket.held.values()), 0, 0)
        if found != wanted:
            raise CabinetDisturbed(f"bucket {bucket.name} counts {found}, and must count {wanted}")
        return "counted"

    async def _list(self, bucket: _Bucket, _tag: str) -> str:
        listed = await self._client.list_objects(ListObjects(bucket=bucket.name, limit=_OBJECTS_MAX + 1))
        found = [(each.key, each.size) for each in listed.objects]
        wanted = sorted((key, size) for key, (_, size) in bucket.held.items())
        if found != wanted:
            raise CabinetDisturbed(f"bucket {bucket.name} lists {found}, and holds {wanted}")
        return "listed"

    async def _keep(self, bucket: _Bucket, _tag: str) -> str:
        """A bucket that holds something stays."""
        try:
            await self._client.delete_bucket(bucket.name)
        except PreconditionFailed:
            return "refused to remove"
        raise CabinetDisturbed(f"bucket {bucket.name} was removed with {len(bucket.held)} objects in it")

    async def _remove(self, bucket: _Bucket, _tag: str) -> str:
        try:
            await self._client.delete_bucket(bucket.name)
        except (NotFound, PreconditionFailed) as exc:
            raise CabinetDisturbed(f"the empty bucket {bucket.name} was not removed: {exc.sentence}") from exc
        bucket.exists = False
        return "removed"
