"""The embedded engine: SQLite, one writer, group commit.

A transaction's function runs at once, on the loop, over committed rows and over the writes of those before it that are
still on their way (`overlay`). What it wrote joins the open group. `run` takes the group, writes its rows, and lets a
thread commit and witness them; meanwhile the next group grows. Everybody in a group, also who failed or only read, is
answered when it is durable, because what they saw is not true before; a full disk refuses them all, and the next group
is tried anew. Only waiting for the disk leaves the loop: a
thread that fights a busy loop for the interpreter at every statement commits a hundred times slower (ADR-0006).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from shoal.base.env import Env, OpenMode
from shoal.base.errors import DiskFailed, OutcomeUnknown, ShoalError, StorageFull, TransientError
from shoal.base.units import MIB
from shoal.engine.catalog_state import CATALOG_BYTES, CatalogState
from shoal.engine.connection import DatabasePlace
from shoal.engine.database import CatalogDatabase, gone, open_database
from shoal.engine.hybrid_clock import HybridClock
from shoal.engine.overlay import Layer, OverlayTx
from shoal.engine.witness import CommitWitness, confirm, open_witness, read_witness
from shoal.ports.engine import Snapshot, Tx
from shoal.ports.log import Log

T = TypeVar("T")

_WAITING_MAX = 1024
_GROUP_BYTES_MAX = 8 * MIB
_IDLE_S = 1.0
"""After this long without a transaction the write-ahead log is folded into the database."""


class RunBlocking(Protocol):
    """Runs a call that waits for the disk: on one thread of its own, or inline where there is no real disk.

    Calls never overlap. A call that was begun ends, even if its awaiter is cancelled.
    """

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]: ...


class _Group:
    """Transactions that become durable together."""

    __slots__ = ("layer", "waiting")

    def __init__(self) -> None:
        self.layer = Layer()
        self.waiting: list[asyncio.Future[None]] = []

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= _WAITING_MAX or self.layer.bytes >= _GROUP_BYTES_MAX

    def answer(self) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_result(None)

    def fail(self, error: Callable[[], ShoalError]) -> None:
        for future in self.waiting:
            if not future.done():
                future.set_exception(error())


class SqliteEngine:
    """`ports.engine.Engine` on one SQLite file. Serves while `run` runs; made by `open_sqlite_engine`."""

    def __init__(
        self, env: Env, database: CatalogDatabase, witness: CommitWitness, *, run_blocking: RunBlocking, log: Log
    ) -> None:
        state = database.reader.begin().state
        self._database = database
        self._witness = witness
        self._run_blocking = run_blocking
        self._log = log
        self._crashpoint = env.crashpoint
        self._buggify = env.buggify
        self._clock = HybridClock(env.clock, state.last_stamp)
        self._catalog = state.catalog
        self._number = self._durable_number = state.commit_number
        self._open = _Group()
        self._syncing: _Group | None = None
        self._is_running = self._is_blocked = self._is_closing = self._is_released = False
        self._error: Callable[[], ShoalError] | None = None
        self._work, self._room, self._ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def tx(self, fn: Callable[[Tx], T]) -> T:
        self._require_serving()
        while self._open.is_full:
            await self._room.wait()
            self._require_serving()
        group = self._open
        below = (group.layer, self._syncing.layer) if self._syncing else (group.layer,)
        rows = self._database.reader.begin()
        view = OverlayTx(rows, below, commit_number=self._number + 1, next_stamp=self._clock.next)
        try:
            result = fn(view)
            if view.own.writes:
                group.layer.absorb(view.own)
                self._number += 1
            return result
        finally:
            await self._durable(group)

    async def _durable(self, group: _Group) -> None:
        """Wait until all that a member of `group` saw and wrote is durable."""
        if not (group.layer.writes or group.waiting or self._syncing):
            return
        future = asyncio.get_running_loop().create_future()
        group.waiting.append(future)
        if group.is_full:
            self._room.clear()
        self._work.set()
        await future

    async def read(self, fn: Callable[[Snapshot], T]) -> T:
        self._require_serving()
        return fn(self._database.reader.begin())

    def _require_serving(self) -> None:
        if self._error:
            raise self._error()
        if self._is_closing:
            raise _closed()

    async def run(self) -> None:
        """Commit groups until `close`. The owner runs me as a task for as long as the engine serves.

        Raises: DiskFailed, or what else ends the engine, and every call that waits; then the process must stop.
        """
        if self._ended.is_set():
            return
        self._is_running = True
        try:
            while not self._is_closing or self._open.waiting:
                await self._turn()
            await self._checkpoint(truncate=True)
            self._stop(_closed)
        except ShoalError as exc:
            cause = exc
            self._stop(lambda: DiskFailed("the metadata engine has failed", cause=str(cause)))
            self._log.error("engine_failed", error=type(exc).__name__, sentence=exc.sentence, facts=exc.facts)
            raise
        finally:
            self._stop(lambda: OutcomeUnknown("the metadata engine was stopped"))

    def _stop(self, error: Callable[[], ShoalError]) -> None:
        """The first reason holds."""
        self._error = self._error or error
        for group in (self._syncing, self._open):
            if group:
                group.fail(self._error)
        self._room.set()
        self._ended.set()

    async def _turn(self) -> None:
        if not await self._has_work():
            await self._checkpoint(truncate=True)
            return
        self._work.clear()
        group, self._open = self._open, _Group()
        self._syncing = group
        self._room.set()
        if group.layer.writes:
            try:
                await self._commit(group)
            except StorageFull as exc:
                self._refuse(group, exc)
                return
        # First the snapshot, then the layer: what is acknowledged is seen by the next reader.
        self._database.reader.end()
        self._syncing = None
        group.answer()
        if self._database.is_log_full or self._buggify("engine.checkpoint_early", 0.02):
            await self._checkpoint(truncate=False)

    def _refuse(self, group: _Group, cause: StorageFull) -> None:
        """Nothing of `group` is written. Those who came meanwhile saw its rows, so theirs are not true either."""
        self._log.warning("commit_refused", why=cause.sentence, waiting=len(group.waiting) + len(self._open.waiting))
        self._database.roll_back()
        self._database.reader.end()
        later, self._open, self._syncing = self._open, _Group(), None
        self._number = self._durable_number
        for refused in (group, later):
            refused.fail(lambda: StorageFull(cause.sentence, **cause.facts))
        self._room.set()

    async def _has_work(self) -> bool:
        """Wait for some; False if there was none for so long that there is time for other things."""
        if self._database.is_log_empty:
            await self._work.wait()
            return True
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._work.wait()
        except TimeoutError:
            return False
        return True

    async def _commit(self, group: _Group) -> None:
        state = CatalogState(self._catalog, self._number, self._clock.last)

        def stage() -> None:
            self._database.stage(group.layer.writes.items(), state)

        def finish() -> None:
            self._database.commit()
            self._crashpoint("engine.log_synced")
            try:
                self._witness.advance(state.commit_number)
            except StorageFull as exc:  # the commit is there, so it cannot be refused any more
                raise DiskFailed("the disk is too full for the commit witness", **exc.facts) from exc

        def both() -> None:
            stage()
            finish()

        if self._database.place.shared_memory:
            stage()
            self._crashpoint("engine.commit_staged")
            await self._blocking(finish)
        else:  # the only connection: nobody may read between the two
            await self._blocking(both)
        self._crashpoint("engine.commit_witnessed")
        self._durable_number = state.commit_number

    async def _checkpoint(self, *, truncate: bool) -> None:
        self._database.reader.end()
        try:
            await self._blocking(lambda: self._database.checkpoint(truncate=truncate))
        except StorageFull as exc:
            self._log.warning("checkpoint_put_off", why=exc.sentence)
            return
        self._crashpoint("engine.log_folded")

    async def _blocking(self, call: Callable[[], None]) -> None:
        self._is_blocked = True
        try:
            await self._run_blocking(call)
        except ShoalError:
            self._is_blocked = False
            raise
        self._is_blocked = False  # not after a cancellation: the call may still be running

    async def close(self) -> None:
        """Commit what waits, fold the log into the database, and release the files."""
        self._is_closing = True
        self._work.set()
        if self._is_running:
            await self._ended.wait()
        self._stop(_closed)
        if not self._is_blocked and not self._is_released:
            self._is_released = True
            self._database.close()
            self._witness.close()


def _closed() -> ShoalError:
    return TransientError("the metadata engine is closed")


async def open_sqlite_engine(
    env: Env, *, name: str, path: str, vfs: str | None, shared_memory: bool, run_blocking: RunBlocking, log: Log
) -> SqliteEngine:
    """The engine on the database `name` of `env.disk`, which SQLite calls `path`; made if there is none.

    The caller holds a lock on the directory: one process owns the file. Beside it lie `<name>-wal`, `<name>-shm` and
    `<name>.witness`. `vfs` is None for real files. Without `shared_memory`, `run_blocking` runs its calls on the loop's
    own thread. Making is safe at every step: the database is whole or empty, its names are durable before the witness
    is made, and a witness alone never lets a new database appear.

    Raises: CorruptionError if commits are missing, with what to do; FormatUnknown; ChecksumMismatch; DiskFailed;
    StorageFull; AlreadyExists if another process has it open.
    """
    directory, witness_path = name.rpartition("/")[0], f"{name}.witness"
    for file in (name, f"{name}-wal", witness_path):
        if await env.disk.exists(file):  # what a failed sync left in the page cache is not on the disk
            await env.disk.drop_cache(file)
    witness = await read_witness(env.disk, witness_path)
    if not await env.disk.exists(name):
        if witness:
            raise gone(path)
        await (await env.disk.open(name, OpenMode.CREATE)).close()  # ours makes it private, SQLite would not
    new_catalog = None if witness else env.secrets.token(CATALOG_BYTES)
    place = DatabasePlace(path, vfs, shared_memory)
    database = await run_blocking(lambda: open_database(place, new_catalog))
    try:
        state = database.reader.begin().state
        confirm(state, witness, path=path)
        database.reader.end()
        # A commit that was found in the log may be in the page cache only; nobody may see it before it is durable.
        await run_blocking(lambda: database.checkpoint(truncate=True))
        await env.disk.sync_dir(directory)
        env.crashpoint("engine.database_opened")
        opened = await open_witness(env.disk, witness_path, state)
    except ShoalError:
        database.close()
        raise
    return SqliteEngine(env, database, opened, run_blocking=run_blocking, log=log)
