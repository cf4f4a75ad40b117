"""The catalog and the directory of a cluster with coordinators: signed calls, tried again while nobody answers.

All calls but one may be sent again: reads change nothing, mutations carry a session and a sequence number under which
the coordinator finds the first result, a second session opened by accident ends by itself, and a key that is revoked is
revoked. Only making a key is not tried again once it may have been done.
"""

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from shoal.base.env import Env
from shoal.base.errors import (
    AccessDenied,
    DeadlineExceeded,
    NodeUnreachable,
    OutcomeUnknown,
    QuorumNotReached,
    ShoalError,
    StaleEpoch,
    StorageFull,
    Throttled,
    TransientError,
)
from shoal.base.ids import Address, Instant
from shoal.client.backoff import backoff_ns
from shoal.client.settings import ClientSettings
from shoal.core import control_call, routes
from shoal.core.control_call import AnswerNotBelieved
from shoal.core.routes import Route
from shoal.core.trust.new_keys import mask_secret, secret_text
from shoal.core.trust.signing import Credential
from shoal.formats.errors import body_of, error_of
from shoal.model.cluster import MapDelta
from shoal.model.messages import buckets, copies, files, keys, objects, sessions, status
from shoal.ports.administration import NewKey
from shoal.ports.link import NodeLink

_SURELY_NOT_DONE = (NodeUnreachable, Throttled)
_RETRIED = (*_SURELY_NOT_DONE, OutcomeUnknown, DeadlineExceeded)
_OF_THIS_TRY_ONLY = (StaleEpoch, AccessDenied, StorageFull, QuorumNotReached)
"""Refusals that are not kept: they say nothing of an earlier try, which may be done, or may still arrive."""


@dataclass(slots=True)
class _Past:
    """What became of the tries of a mutation so far."""

    may_be_done: bool = False
    is_repeatable: bool = True
    """False: one that may be done is not sent again."""

    def allows_another(self, error: TransientError) -> bool:
        """Whether the call is sent again after this."""
        if not self.is_repeatable:
            return isinstance(error, _SURELY_NOT_DONE)
        return isinstance(error, _RETRIED) or type(error) is TransientError

    def told(self, error: ShoalError) -> ShoalError:
        """What an answer means after such a past: where a session is over, its results are gone as well; who is let in
        no more, because a key was revoked or a clock is off, is not told them; nor is who comes when the catalog has
        no room, or needs more receipts than before."""
        if self.may_be_done and isinstance(error, _OF_THIS_TRY_ONLY):
            return OutcomeUnknown(f"it may have been done, but nobody knows any more: {error.sentence}", **error.facts)
        return error


class RemoteCatalog:
    """I am the `Catalog`, `Directory` and `Administration` of clients that have coordinators to ask."""

    def __init__(
        self,
        env: Env,
        link: NodeLink,
        *,
        coordinators: tuple[Address, ...],
        credential: Credential,
        settings: ClientSettings,
    ) -> None:
        self._env = env
        self._link = link
        self._coordinators = coordinators
        self._credential = credential
        self._settings = settings
        self._preferred = 0
        """Number of the coordinator that answered last."""

    async def _call(self, route: Route, message: object) -> Any:
        """Raises: what the answer tells; when patience ended, Throttled or NodeUnreachable."""
        return await self._ask(route, message, _Past())

    async def _ask(self, route: Route, message: object, past: _Past) -> Any:
        """The answer of whichever coordinator gives one."""
        clock, count = self._env.clock, len(self._coordinators)
        give_up = Instant(clock.now() + self._settings.patience_ns)
        at, tries = self._preferred, 0
        while True:
            try:
                answer = await self._try(route, message, self._coordinators[at], give_up=give_up)
            except TransientError as exc:
                if not past.allows_another(exc):
                    raise
                error = exc
            else:
                self._preferred = at
                return answer
            past.may_be_done = past.may_be_done or not isinstance(error, _SURELY_NOT_DONE)
            at, tries = (at + 1) % count, tries + 1
            pause = 0 if tries % count else backoff_ns(tries // count - 1, self._env.rng)
            if clock.now() + pause >= give_up:
                raise self._given_up(error) from error
            await clock.sleep(pause)

    async def _try(self, route: Route, message: object, address: Address, *, give_up: Instant) -> Any:
        env = self._env
        call = control_call.prepare(route, message, self._credential, clock=env.clock, secrets=env.secrets)
        deadline = Instant(min(give_up, env.clock.now() + self._settings.control_deadline_ns))
        reply = await self._link.call(address, call.request, deadline=deadline, reply_bytes_max=route.reply_bytes_max)
        return control_call.read(call, reply)

    def _given_up(self, last: TransientError) -> TransientError:
        if isinstance(last, Throttled):
            return last
        where = ", ".join(self._coordinators)
        return NodeUnreachable(f"no coordinator answers at {where}; is the cluster up? (`shoal up` starts one)")

    async def _mutate(self, route: Route, message: object, past: _Past) -> Any:
        """Raises: as `_call`, but OutcomeUnknown where it may be done."""
        try:
            return await self._ask(route, message, past)
        except AnswerNotBelieved as exc:
            raise OutcomeUnknown(f"it may have been done, but {exc.sentence}", **exc.facts) from exc
        except _OF_THIS_TRY_ONLY as exc:
            raise past.told(exc) from exc
        except (NodeUnreachable, Throttled) as exc:
            if past.may_be_done:
                raise OutcomeUnknown(f"it may have been done, but {exc.sentence}", **exc.facts) from exc
            raise

    # -- the directory

    async def map_since(self, map_version: int) -> MapDelta:
        """See `Directory`."""
        delta: MapDelta = await self._call(routes.MAP, sessions.GetMap(map_version))
        return delta

    async def status(self) -> status.ClusterStatus:
        """See `Directory`."""
        reply: status.ClusterStatus = await self._call(routes.STATUS, status.GetStatus())
        return reply

    # -- the administration

    async def create_key(self, message: keys.CreateKey) -> NewKey:
        """See `Administration`."""
        try:
            reply: keys.KeyCreated = await self._mutate(routes.CREATE_KEY, message, _Past(is_repeatable=False))
        except _SURELY_NOT_DONE:
            raise
        except TransientError as exc:
            raise OutcomeUnknown(
                f"there may be a new key whose secret nobody knows; `shoal key list` shows it: {exc.sentence}"
            ) from exc
        key_id = reply.key.key_id
        raw = mask_secret(reply.masked_secret, key_id=key_id, caller_secret=self._credential.secret)
        return NewKey(reply.key, secret_text(raw))

    async def list_keys(self, message: keys.ListKeys) -> keys.KeyList:
        """See `Administration`."""
        reply: keys.KeyList = await self._call(routes.LIST_KEYS, message)
        return reply

    async def revoke_key(self, message: keys.RevokeKey) -> keys.KeyRevoked:
        """See `Administration`."""
        reply: keys.KeyRevoked = await self._mutate(routes.REVOKE_KEY, message, _Past())
        return reply

    # -- the catalog

    async def open_session(self, message: sessions.OpenSession) -> sessions.SessionOpened:
        """See `Catalog`."""
        reply: sessions.SessionOpened = await self._call(routes.OPEN_SESSION, message)
        return reply

    async def session_heartbeat(self, message: sessions.SessionHeartbeat) -> sessions.SessionAlive:
        """See `Catalog`."""
        reply: sessions.SessionAlive = await self._call(routes.SESSION_HEARTBEAT, message)
        return reply

    async def close_session(self, message: sessions.CloseSession) -> sessions.SessionClosed:
        """See `Catalog`."""
        reply: sessions.SessionClosed = await self._call(routes.CLOSE_SESSION, message)
        return reply

    async def stage(self, message: objects.Stage) -> objects.Staged:
        """See `Catalog`."""
        reply: objects.Staged = await self._call(routes.STAGE, message)
        return reply

    async def page(self, message: objects.GetPage) -> objects.Page:
        """See `Catalog`."""
        reply: objects.Page = await self._call(routes.PAGE, message)
        return reply

    async def commit(self, message: objects.CommitBatch) -> objects.CommitReply:
        """See `Catalog`."""
        past = _Past()
        reply: objects.CommitReply = await self._mutate(routes.COMMIT, message, past)
        if not past.may_be_done:
            return reply
        return replace(reply, outcomes=tuple(_judged(outcome, past) for outcome in reply.outcomes))

    async def lookup(self, message: objects.LookupBatch) -> objects.LookupReply:
        """See `Catalog`."""
        reply: objects.LookupReply = await self._call(routes.LOOKUP, message)
        return reply

    async def delete(self, message: objects.Delete) -> objects.Deleted:
        """See `Catalog`."""
        reply: objects.Deleted = await self._mutate(routes.DELETE, message, _Past())
        return reply

    async def list_objects(self, message: objects.ListObjects) -> objects.ObjectList:
        """See `Catalog`."""
        reply: objects.ObjectList = await self._call(routes.LIST, message)
        return reply

    async def versions(self, message: objects.ListVersions) -> objects.VersionList:
        """See `Catalog`."""
        reply: objects.VersionList = await self._call(routes.VERSIONS, message)
        return reply

    async def copy(self, message: copies.Copy) -> copies.Copied:
        """See `Catalog`."""
        reply: copies.Copied = await self._mutate(routes.COPY, message, _Past())
        return reply

    async def undelete(self, message: copies.Undelete) -> copies.Undeleted:
        """See `Catalog`."""
        reply: copies.Undeleted = await self._mutate(routes.UNDELETE, message, _Past())
        return reply

    async def create_bucket(self, message: buckets.CreateBucket) -> buckets.BucketCreated:
        """See `Catalog`."""
        reply: buckets.BucketCreated = await self._mutate(routes.CREATE_BUCKET, message, _Past())
        return reply

    async def delete_bucket(self, message: buckets.DeleteBucket) -> buckets.BucketDeleted:
        """See `Catalog`."""
        reply: buckets.BucketDeleted = await self._mutate(routes.DELETE_BUCKET, message, _Past())
        return reply

    async def list_buckets(self, message: buckets.ListBuckets) -> buckets.BucketList:
        """See `Catalog`."""
        reply: buckets.BucketList = await self._call(routes.LIST_BUCKETS, message)
        return reply

    async def usage(self, message: buckets.GetUsage) -> buckets.UsagePart:
        """See `Catalog`."""
        reply: buckets.UsagePart = await self._call(routes.USAGE, message)
        return reply

    async def find_file(self, message: files.FindFile) -> files.FileFound:
        """See `Catalog`."""
        reply: files.FileFound = await self._call(routes.FIND_FILE, message)
        return reply

    async def list_files(self, message: files.ListFiles) -> files.FileList:
        """See `Catalog`."""
        reply: files.FileList = await self._call(routes.LIST_FILES, message)
        return reply

    async def purge(self, message: files.Purge) -> files.Purged:
        """See `Catalog`."""
        reply: files.Purged = await self._mutate(routes.PURGE, message, _Past())
        return reply


def _judged(outcome: objects.VersionOutcome, past: _Past) -> objects.VersionOutcome:
    if outcome.error is None:
        return outcome
    return objects.VersionOutcome(error=body_of(past.told(error_of(outcome.error))))
