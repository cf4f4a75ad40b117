"""The state of one volume: whether it may still be written, and how much space there is."""

from collections.abc import Iterator
from contextlib import contextmanager

from shoal.base.env import Env
from shoal.base.errors import DiskFailed, StorageFull
from shoal.base.ids import Instant
from shoal.base.units import MIB, SECOND
from shoal.ports.chunk_store import StoreUsage
from shoal.ports.log import Log
from shoal.store.settings import StoreSettings

_SPACE_FRESH_NS = SECOND
_ORDINARY_BYTES = 8 * MIB
"""Who has less room than a replica of this size, and has refused one, is as good as full."""


class Volume:
    """I refuse writes after the first failed one, and new replicas before the reserve is touched."""

    def __init__(self, env: Env, settings: StoreSettings, log: Log) -> None:
        self._env = env
        self._settings = settings
        self._log = log
        self._failure: DiskFailed | None = None
        self._free_bytes = 0
        self._total_bytes = 0
        self._asked_at: Instant | None = None
        self._refused_bytes = 0
        """Of the last replica for which there was no room, and is none yet."""
        self.used_bytes = 0
        """What the files of this store take."""
        self.promised_bytes = 0
        """Admitted, and neither stored nor given up yet."""

    @property
    def is_failed(self) -> bool:
        """True after the first failed write."""
        return self._failure is not None

    def fail(self, failure: DiskFailed) -> None:
        """Nothing is written from now on: what was not synced may be lost, and no later sync would say so."""
        if self._failure is None:
            self._failure = failure
            self._log.error("volume_failed", reason=failure.sentence, facts=failure.facts)

    def require_writable(self) -> None:
        """Raises: DiskFailed if the volume has failed."""
        if self._failure is not None:
            raise DiskFailed("the volume has failed", reason=self._failure.sentence) from self._failure

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around every write: its DiskFailed fails the volume."""
        try:
            yield
        except DiskFailed as exc:
            self.fail(exc)
            raise

    async def admit(self, size: int) -> None:
        """Promise `size` bytes to a new replica; `withdraw` ends it. Raises: StorageFull, DiskFailed."""
        self.require_writable()
        is_fresh = self._asked_at is not None and self._env.clock.now() - self._asked_at < _SPACE_FRESH_NS
        if not is_fresh or self._room() < size:
            await self._ask()
        if self._room() < size:
            self._refused_bytes = min(size, _ORDINARY_BYTES)
            raise StorageFull(
                "the volume has reached its reserve: free some space on its disk, or add a node",
                wanted=size,
                room=max(0, self._room()),
            )
        self.promised_bytes += size
        self._free_bytes -= size

    def withdraw(self, size: int) -> None:
        """The replica is stored, or given up."""
        self.promised_bytes -= size

    async def can_spare(self, size: int) -> bool:
        """Whether `size` bytes may be taken without touching the reserve."""
        await self._ask()
        return self._room() >= size

    async def usage(self, *, replica_count: int) -> StoreUsage:
        """See `ChunkStore.usage`."""
        await self._ask()
        free = max(0, self._room())
        if free >= self._refused_bytes:
            self._refused_bytes = 0
        return StoreUsage(
            capacity_bytes=min(self._total_bytes, self._settings.capacity_bytes or self._total_bytes),
            used_bytes=self.used_bytes,
            free_bytes=free,
            replica_count=replica_count,
            can_write=free > 0 and not self._refused_bytes and not self.is_failed,
            is_failed=self.is_failed,
        )

    async def _ask(self) -> None:
        space = await self._env.disk.space()
        self._asked_at = self._env.clock.now()
        self._total_bytes = space.total_bytes
        self._free_bytes = space.free_bytes - self.promised_bytes

    def _room(self) -> int:
        """Bytes that may still be promised."""
        reserve = max(self._settings.reserve_bytes_min, int(self._total_bytes * self._settings.reserve_share))
        room = self._free_bytes - reserve
        if self._settings.capacity_bytes is not None:
            room = min(room, self._settings.capacity_bytes - self.used_bytes - self.promised_bytes)
        return room
