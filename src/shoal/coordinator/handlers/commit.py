"""Writing: commits and the pages of large manifests."""

import asyncio
from collections.abc import Iterable
from functools import partial

from shoal.base.errors import InvalidArgument, LocalFault, NotFound, QuorumNotReached, ShoalError, StaleEpoch
from shoal.base.ids import SessionId
from shoal.coordinator.authentication import ClientCaller
from shoal.coordinator.desk import Desk, note_damage
from shoal.coordinator.promoter import Promoter
from shoal.core.catalog.commit import ProvenCommit, commit_version, find_committed, prove_commit
from shoal.core.catalog.sessions import require_living
from shoal.core.catalog.staging import ManifestAudit, prove_page, read_page, stage_page
from shoal.core.trust.access import check_bucket
from shoal.formats.errors import body_of
from shoal.model.catalog import ManifestPage, Version
from shoal.model.messages.objects import (
    BATCH_MAX,
    ChunkUpload,
    Commit,
    CommitBatch,
    CommitReply,
    Stage,
    Staged,
    VersionOutcome,
)
from shoal.ports.engine import Snapshot, Tx

_Done = tuple[VersionOutcome, int]


class CommitHandlers:
    """I answer clients that write."""

    def __init__(self, desk: Desk, promoter: Promoter) -> None:
        self._desk = desk
        self._promoter = promoter

    async def commit(self, message: CommitBatch, caller: ClientCaller) -> CommitReply:
        """Make versions current, each alone: the engine joins their transactions. Raises: InvalidArgument."""
        if not 1 <= len(message.commits) <= BATCH_MAX:
            raise InvalidArgument(f"a batch has 1 to {BATCH_MAX} commits", got=len(message.commits))
        await self._meet(upload for commit in message.commits for upload in commit.chunks)
        if len(message.commits) == 1:
            done = [await self._commit(message.commits[0], message.session, caller)]
        else:
            done = await self._commit_all(message, caller)
        outcomes = tuple([outcome for outcome, _ in done])
        return CommitReply(outcomes, max(number for _, number in done))

    async def stage(self, message: Stage, caller: ClientCaller) -> Staged:
        """Keep a page of a manifest until its commit. Raises: what `prove_page` and `stage_page` do."""
        await self._meet(message.chunks)
        proven = prove_page(message, key_id=caller.key_id, rules=self._desk.write_rules())
        return await self._desk.engine.tx(lambda tx: stage_page(tx, proven))

    async def _commit_all(self, message: CommitBatch, caller: ClientCaller) -> list[_Done]:
        """Raises: LocalFault."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._commit(commit, message.session, caller), name="commit")
                    for commit in message.commits
                ]
        except ExceptionGroup as faults:
            # Only what ends the process comes out of a commit, and whoever ends it looks for one error.
            raise faults.exceptions[0] from faults
        return [task.result() for task in tasks]

    async def _commit(self, request: Commit, session: SessionId, caller: ClientCaller) -> _Done:
        try:
            check_bucket(caller.key, request.bucket)
            version, commit_number = await self._commit_or_find(request, session, caller)
        except LocalFault:
            raise
        except ShoalError as exc:
            note_damage(self._desk.log, exc)
            return VersionOutcome(error=body_of(exc)), 0
        if request.manifest:
            self._promoter.add(request.manifest)
        return VersionOutcome(version), commit_number

    async def _commit_or_find(self, request: Commit, session: SessionId, caller: ClientCaller) -> tuple[Version, int]:
        try:
            proven = prove_commit(request, session, key_id=caller.key_id, rules=self._desk.write_rules())
        except QuorumNotReached:
            made = await self._desk.engine.read(
                lambda snapshot: find_committed(snapshot, request, session, key_id=caller.key_id)
            )
            if made is None:
                raise
            return made, 0
        if request.manifest:
            await self._audit(request, session, key_id=caller.key_id)
        return await self._desk.change(session, request.sequence, lambda tx: _commit_numbered(tx, proven))

    async def _audit(self, request: Commit, session: SessionId, *, key_id: str) -> None:
        """Look at all pages, each in a read of its own: others get their turn in between."""

        def read(snapshot: Snapshot, page: int) -> ManifestPage:
            try:
                return read_page(snapshot, request.manifest, page)
            except NotFound as exc:
                require_living(snapshot, session, key_id)  # what a session has staged is cleared away when it is over
                # Its client knows better: what it staged was lost when a backup of the catalog was put back.
                raise StaleEpoch(f"page {page} is not staged; send the data again", session=session) from exc

        audit = ManifestAudit(request)
        for page in range(request.page_count):
            audit.add(await self._desk.engine.read(partial(read, page=page)))
            await self._desk.env.clock.sleep(0)
        audit.finish()

    async def _meet(self, uploads: Iterable[ChunkUpload]) -> None:
        """A receipt of a node that is not known here: it may have registered with another coordinator."""
        known = self._desk.members.by_id
        if any(receipt.node not in known for upload in uploads for receipt in upload.receipts):
            await self._desk.members.refresh()


def _commit_numbered(tx: Tx, proven: ProvenCommit) -> tuple[Version, int]:
    """The version, and a commit number that certainly exists: a retry that writes nothing makes none."""
    version = commit_version(tx, proven)
    return version, tx.commit_number - 1
