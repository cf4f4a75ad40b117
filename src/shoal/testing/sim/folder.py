"""A folder: a bucket with file ids that one user alone has, as it must be; it is held against what is found.

A file is certain, or in doubt: then somebody has begun to purge it and does not know how far that came, so it is there
whole, or not at all, and once it was missed it never comes back. Or it is over: its id, and what it was, stay gone.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from shoal.base.errors import NotFound
from shoal.base.ids import VersionId, WallNs, parse_file_id
from shoal.client.client import Client
from shoal.model.messages.files import FileMark, KnownFile, ListFiles
from shoal.model.messages.objects import Name
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.failure import SimulationFailed
from shoal.wiring.transfers import BytesSink

_PAGE_MAX = 100


class FolderDisturbed(SimulationFailed):
    """A file is not as its user left it, or is back, or was given what is another's."""


@dataclass(slots=True, eq=False)
class Filed:
    """One file. `history`: its versions, oldest first, each with its tag; None instead of one is a delete marker."""

    key: str
    file_id: str
    created_ns: WallNs
    history: list[tuple[VersionId, str] | None] = field(default_factory=list)
    is_missed: bool = False
    """In doubt, and not found any more."""
    is_name_free: bool = True
    """No purge of its name may still be on its way."""

    @property
    def is_live(self) -> bool:
        """Whether it is found."""
        return self.history[-1] is not None

    @property
    def versions(self) -> list[tuple[VersionId, str]]:
        """Those with content, oldest first."""
        return [each for each in self.history if each is not None]


class Folder:
    """I know what must be in one bucket. What is otherwise raises FolderDisturbed; what a client raises passes."""

    def __init__(self, bucket: str, chronicle: Chronicle) -> None:
        self.bucket = bucket
        self.exists = False
        self.is_exact = True
        """Whether nothing else can be there."""
        self.certain: list[Filed] = []
        self.doubtful: list[Filed] = []
        self.over: list[Filed] = []
        self._chronicle = chronicle

    @property
    def live(self) -> list[Filed]:
        """Certain files that are found, newest first."""
        found = [filed for filed in self.certain if filed.is_live]
        return sorted(found, key=lambda filed: (-filed.created_ns, parse_file_id(filed.file_id)))

    @property
    def _perhaps(self) -> list[Filed]:
        return [filed for filed in self.doubtful if filed.is_live and not filed.is_missed]

    def names(self) -> list[Name]:
        """See `Claim.names`."""
        return [Name(self.bucket, filed.key, version) for filed in self.certain for version, _ in filed.versions]

    async def read_back(self, client: Client) -> None:
        """See `Claim.read_back`."""
        for filed in self.certain:
            await self.check_file(client, filed)
            for version, tag in filed.versions:
                await self.check_content(client, filed, version, tag=tag)
        for filed in self.doubtful:
            await self.check_doubtful(client, filed)
        for filed in self.over:
            await self.check_over(client, filed)
        if self.exists and self.is_exact:
            await self.check_list(client, page=_PAGE_MAX)
            await self.check_count(client)

    async def check_file(self, client: Client, filed: Filed) -> None:
        """It is found by its id with all its versions, unless it is deleted."""
        found = None
        with suppress(NotFound):
            found = await client.find_file(self.bucket, filed.file_id)
        if found is None and filed.is_live:
            raise FolderDisturbed(f"{self._called(filed)} is not found, and was not deleted")
        if found is not None:
            self._check_known(found, filed)

    def _check_known(self, found: KnownFile, filed: Filed) -> None:
        if not filed.is_live:
            raise FolderDisturbed(f"{self._called(filed)} is found, and was deleted")
        told = (found.file_id, found.key, found.created_ns, list(found.versions))
        wanted = (filed.file_id, filed.key, filed.created_ns, [version for version, _ in reversed(filed.versions)])
        if told != wanted:
            raise FolderDisturbed(f"{self._called(filed)} is told of as {told}, and is {wanted}")
        version, tag = filed.versions[-1]
        if (found.version.version_id, found.version.metadata.get(TAG)) != (version, tag):
            raise FolderDisturbed(f"{self._called(filed)} has another current version than {tag!r}")
        if found.version.size and not found.nodes:
            raise FolderDisturbed(f"{self._called(filed)} has content, and it is on no node")

    async def check_content(self, client: Client, filed: Filed, version: VersionId, *, tag: str) -> None:
        """One version has its bytes."""
        try:
            async with client.open(self.bucket, filed.key, version) as found:
                size = found.version.size
                sink = BytesSink(size)
                await found.into(sink, 0, size)
        except NotFound as exc:
            raise FolderDisturbed(f"version {version.hex()} of {self._called(filed)} is gone: {exc.sentence}") from exc
        self._chronicle.check_size(tag, size)
        self._chronicle.check_bytes(tag, sink.content, start=0, stop=size)

    async def check_doubtful(self, client: Client, filed: Filed) -> None:
        """It is whole, or gone for good."""
        try:
            found = await client.find_file(self.bucket, filed.file_id)
        except NotFound:
            if filed.is_live:
                filed.is_missed = True
                await self._check_unseen(client, filed)
            return
        if filed.is_missed:
            raise FolderDisturbed(f"{self._called(filed)} is back, and was purged")
        self._check_known(found, filed)

    async def check_over(self, client: Client, filed: Filed) -> None:
        """Neither its id nor one of its versions leads to anything."""
        with suppress(NotFound):
            await client.find_file(self.bucket, filed.file_id)
            raise FolderDisturbed(f"{self._called(filed)} is found by its id, and is over")
        await self._check_unseen(client, filed)

    async def _check_unseen(self, client: Client, filed: Filed) -> None:
        for version, tag in filed.versions:
            with suppress(NotFound):
                await client.stat(self.bucket, filed.key, version)
                raise FolderDisturbed(f"version {tag!r} of {self._called(filed)} is found, and is over")

    async def check_list(self, client: Client, *, page: int) -> None:
        """All live files are listed, newest first, and counted."""
        least, perhaps = len(self.live), {filed.file_id: filed for filed in self._perhaps}
        listed: list[KnownFile] = []
        after: FileMark | None = None
        while True:
            found = await client.list_files(ListFiles(bucket=self.bucket, after=after, limit=page))
            if not least <= found.total <= least + len(perhaps):
                raise FolderDisturbed(f"{self.bucket} has {found.total} files, and must have {least}")
            listed += found.files
            after = found.next_after
            if after is None:
                break
        self._check_listed([each for each in listed if each.file_id not in perhaps], self.live)

    async def check_rest(self, client: Client, *, skip: int) -> None:
        """The list goes on behind the first `skip` files. Not to be asked while there is any doubt."""
        found = await client.list_files(ListFiles(bucket=self.bucket, skip=skip, limit=_PAGE_MAX))
        self._check_listed(found.files, self.live[skip:])

    def _check_listed(self, listed: Sequence[KnownFile], wanted: Sequence[Filed]) -> None:
        if [each.file_id for each in listed] != [filed.file_id for filed in wanted]:
            names = [each.key for each in listed], [filed.key for filed in wanted]
            raise FolderDisturbed(f"{self.bucket} lists {names[0]}, and must list {names[1]}")
        for each, filed in zip(listed, wanted, strict=True):
            self._check_known(each, filed)

    async def check_count(self, client: Client) -> None:
        """What the bucket holds adds up, unless a file is in doubt: of that there may be remains."""
        if self.doubtful:
            return
        usage = await client.usage(self.bucket)
        told = (usage.objects, usage.former_versions, usage.delete_markers)
        live = len(self.live)
        kept = sum(len(filed.versions) for filed in self.certain)
        wanted = (live, kept - live, sum(filed.history.count(None) for filed in self.certain))
        if told != wanted:
            raise FolderDisturbed(f"{self.bucket} counts {told}, and must count {wanted}")

    def _called(self, filed: Filed) -> str:
        return f"file {filed.key!r} ({filed.file_id}) in {self.bucket}"
