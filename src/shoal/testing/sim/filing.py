"""Files: a user who stores, finds, lists, deletes and purges them in a folder of their own.

After an outcome that nobody knows the folder is left alone, and another one is begun; but a purge is taken up again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import TypeVar

from shoal.base.errors import AlreadyExists, NotFound, PreconditionFailed
from shoal.client.client import Client
from shoal.client.copying import CopyOptions
from shoal.model.catalog import Version
from shoal.model.messages.objects import Name, Precondition
from shoal.testing.sim.chronicle import TAG, Chronicle
from shoal.testing.sim.contents import Contents
from shoal.testing.sim.folder import Filed, Folder, FolderDisturbed
from shoal.testing.sim.outcome import SURELY_NOT_DONE

T = TypeVar("T")

_SKIP_MAX = 4
_LOOKS_SHARE = 0.35
_PAGES = (1, 2, 100)

Act = Callable[[Folder, str], Awaitable[str]]


class _ChangedMind(Exception):
    """What a user raises who does not want any more, when all bytes are durable."""


class Filing:
    """I do one thing at a time with my files."""

    def __init__(self, name: str, client: Client, chronicle: Chronicle, *, contents: Contents, rng: Random) -> None:
        self._name = name
        self._client = client
        self._chronicle = chronicle
        self._contents = contents
        self._rng = rng
        self._folder: Folder | None = None
        self._made = 0

    async def step(self, tag: str) -> str:
        """Do one thing. Raises: FolderDisturbed; what the client raises, where that is no answer."""
        folder = self._folder or self._begin()
        if folder.exists and self._rng.random() < _LOOKS_SHARE:
            return await self._rng.choice(self._looks(folder))(folder, tag)
        act = self._rng.choice(self._changes(folder))
        if act == self._purge:
            return await act(folder, tag)
        self._folder, folder.is_exact = None, False
        try:
            outcome = await act(folder, tag)
        except SURELY_NOT_DONE as exc:
            if self._chronicle.is_final(exc):
                self._keep(folder)
            raise
        self._keep(folder)
        return outcome

    def _keep(self, folder: Folder) -> None:
        self._folder, folder.is_exact = folder, True

    def _begin(self) -> Folder:
        self._made += 1
        self._folder = Folder(f"folder-{self._name}-{self._made}", self._chronicle)
        self._chronicle.claims.append(self._folder)
        return self._folder

    def _looks(self, folder: Folder) -> list[Act]:
        """What leaves everything as it is."""
        looks: list[Act] = [self._list, self._count, self._break_off]
        looks += [self._find, self._read] if folder.certain else []
        looks += [self._miss] if folder.over else []
        looks += [self._doubt] if folder.doubtful else []
        return looks

    def _changes(self, folder: Folder) -> list[Act]:
        """What can be changed as it is."""
        if not folder.exists:
            return [self._create]
        changes: list[Act] = [self._upload]
        if folder.certain:
            changes += [self._upload_again, self._upload_again, self._delete, self._remove, self._purge, self._purge]
        if folder.live:
            changes += [self._copy]
        if any(not filed.is_live and filed.versions for filed in folder.certain):
            changes += [self._undelete, self._undelete]
        if folder.doubtful:
            changes += [self._purge, self._purge]
        return changes

    # -- looking

    async def _find(self, folder: Folder, _tag: str) -> str:
        await folder.check_file(self._client, self._rng.choice(folder.certain))
        return "found"

    async def _read(self, folder: Folder, _tag: str) -> str:
        filed = self._rng.choice(folder.certain)
        if not filed.versions:
            return "had nothing to do"
        version, tag = self._rng.choice(filed.versions)
        await folder.check_content(self._client, filed, version, tag=tag)
        return "read"

    async def _list(self, folder: Folder, _tag: str) -> str:
        await folder.check_list(self._client, page=self._rng.choice(_PAGES))
        if not folder.doubtful:
            await folder.check_rest(self._client, skip=self._rng.randint(0, _SKIP_MAX))
        return "listed"

    async def _count(self, folder: Folder, _tag: str) -> str:
        await folder.check_count(self._client)
        return "counted"

    async def _miss(self, folder: Folder, _tag: str) -> str:
        filed = self._rng.choice(folder.over)
        await folder.check_over(self._client, filed)
        if await self._client.purge_file(folder.bucket, filed.file_id):
            raise FolderDisturbed(f"{filed.file_id} is purged again, and was over")
        return "missed"

    async def _doubt(self, folder: Folder, _tag: str) -> str:
        await folder.check_doubtful(self._client, self._rng.choice(folder.doubtful))
        return "doubted"

    # -- changing

    async def _create(self, folder: Folder, tag: str) -> str:
        """The bucket, and something in it."""
        try:
            await self._client.create_bucket(folder.bucket, has_file_ids=True)
        except AlreadyExists as exc:
            raise FolderDisturbed(f"{folder.bucket} is there before it was made") from exc
        folder.exists = True
        await self._upload(folder, tag)
        return "made"

    async def _upload(self, folder: Folder, tag: str) -> str:
        """A new file, under a new name or one that was purged."""
        key = self._name_for(folder, tag)
        source, options = self._contents.draw(tag, Precondition(if_absent=True))
        version = await self._done(folder, self._client.put(folder.bucket, key, source, options=options))
        self._add(folder, key, version)
        return "uploaded"

    async def _upload_again(self, folder: Folder, tag: str) -> str:
        filed = self._take(folder)
        source, options = self._contents.draw(tag)
        put = self._client.put(folder.bucket, filed.key, source, options=options)
        version = await self._on(folder, filed, put)
        if version.file_id != filed.file_id:
            raise FolderDisturbed(f"{filed.key!r} is file {filed.file_id}, and its next version of {version.file_id}")
        filed.history.append((version.version_id, tag))
        return "uploaded again"

    async def _break_off(self, folder: Folder, tag: str) -> str:
        """An upload that its user gives up when all bytes are durable leaves everything as it was."""

        async def before_commit() -> None:
            raise _ChangedMind

        key = self._rng.choice([self._name_for(folder, tag), *(filed.key for filed in folder.certain)])
        source, options = self._contents.draw(tag)
        try:
            await self._client.put(folder.bucket, key, source, options=replace(options, before_commit=before_commit))
        except _ChangedMind:
            return "broken off"
        raise FolderDisturbed(f"{key!r} in {folder.bucket} was stored, and its user had broken that off")

    async def _copy(self, folder: Folder, tag: str) -> str:
        """A copy is a file of its own."""
        filed, key = self._rng.choice(folder.live), tag.replace(" ", "/")
        options = CopyOptions(precondition=Precondition(if_absent=True))
        copy = self._client.copy(Name(folder.bucket, filed.key), folder.bucket, key, options=options)
        version = await self._done(folder, copy)
        if version.metadata[TAG] != filed.versions[-1][1]:
            raise FolderDisturbed(f"the copy of {filed.key!r} in {folder.bucket} is {version.metadata[TAG]!r}")
        self._add(folder, key, version)
        return "copied"

    async def _delete(self, folder: Folder, _tag: str) -> str:
        filed = self._take(folder)
        deleted = await self._on(folder, filed, self._client.delete(folder.bucket, filed.key))
        if (deleted.marker is not None) != filed.is_live:
            raise FolderDisturbed(f"deleting {filed.key!r} in {folder.bucket} says {deleted}")
        if filed.is_live:
            filed.history.append(None)
        return "deleted"

    async def _undelete(self, folder: Folder, _tag: str) -> str:
        filed = self._rng.choice([each for each in folder.certain if not each.is_live and each.versions])
        folder.certain.remove(filed)
        version = await self._on(folder, filed, self._client.undelete(folder.bucket, filed.key))
        while not filed.is_live:
            filed.history.pop()
        if (version.version_id, version.metadata[TAG]) != filed.versions[-1]:
            raise FolderDisturbed(f"{filed.key!r} in {folder.bucket} came back as {version.metadata[TAG]!r}")
        return "undeleted"

    async def _remove(self, folder: Folder, _tag: str) -> str:
        """One version for good. The file is over with the last one, unless a delete marker is left."""
        filed = self._take(folder)
        if not filed.versions:
            folder.certain.append(filed)
            return "had nothing to do"
        chosen = self._rng.choice(filed.versions)
        removal = self._client.delete(folder.bucket, filed.key, version=chosen[0])
        deleted = await self._on(folder, filed, removal)
        if not deleted.existed:
            raise FolderDisturbed(f"version {chosen[1]!r} of {filed.key!r} was gone before anybody removed it")
        filed.history.remove(chosen)
        if not filed.history:
            folder.certain.remove(filed)
            folder.over.append(filed)
        return "removed"

    async def _purge(self, folder: Folder, _tag: str) -> str:
        """All of a file. Until the answer comes, and for ever if none does, it is in doubt; no harm is done by asking
        again."""
        filed = self._rng.choice(folder.doubtful or folder.certain)
        was_certain, had_free_name = filed in folder.certain, filed.is_name_free
        if was_certain:
            folder.certain.remove(filed)
            folder.doubtful.append(filed)
        is_by_name = self._rng.random() < 0.5
        filed.is_name_free = had_free_name and not is_by_name
        try:
            if is_by_name:
                existed = await self._client.purge(folder.bucket, filed.key)
            else:
                existed = await self._client.purge_file(folder.bucket, filed.file_id)
        except SURELY_NOT_DONE as exc:
            if not self._chronicle.is_final(exc):
                raise
            filed.is_name_free = had_free_name
            if was_certain:
                folder.doubtful.remove(filed)
                folder.certain.append(filed)
            raise
        if was_certain and not existed:
            raise FolderDisturbed(f"{filed.key!r} in {folder.bucket} was gone before anybody purged it")
        filed.is_name_free = had_free_name
        folder.doubtful.remove(filed)
        folder.over.append(filed)
        return "purged"

    # -- what they are made of

    def _take(self, folder: Folder) -> Filed:
        """A file that is about to change: meanwhile nothing is said of it."""
        filed = self._rng.choice(folder.certain)
        folder.certain.remove(filed)
        return filed

    async def _on(self, folder: Folder, filed: Filed, call: Awaitable[T]) -> T:
        """A change of a file that was taken; it is put back unless nobody knows the outcome."""
        try:
            made = await self._done(folder, call)
        except SURELY_NOT_DONE as exc:
            if self._chronicle.is_final(exc):
                folder.certain.append(filed)
            raise
        folder.certain.append(filed)
        return made

    @staticmethod
    async def _done(folder: Folder, call: Awaitable[T]) -> T:
        """Nobody else is here: what holds when asked holds when done."""
        try:
            return await call
        except (NotFound, PreconditionFailed, AlreadyExists) as exc:
            raise FolderDisturbed(f"a change in {folder.bucket} was refused: {exc.sentence}") from exc

    def _name_for(self, folder: Folder, tag: str) -> str:
        taken = [filed.key for filed in (*folder.certain, *folder.doubtful)]
        bound = [filed.key for filed in folder.over if not filed.is_name_free]
        free = [filed.key for filed in folder.over if filed.key not in (*taken, *bound)]
        return self._rng.choice([tag.replace(" ", "/"), *free[:1]])

    def _add(self, folder: Folder, key: str, version: Version) -> None:
        self._chronicle.take_file_id(version.file_id, f"{folder.bucket}/{key}")
        filed = Filed(key, version.file_id, version.created_ns, [(version.version_id, version.metadata[TAG])])
        folder.certain.append(filed)
