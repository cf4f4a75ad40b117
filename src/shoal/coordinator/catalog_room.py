"""The catalog stops growing before its disk is full, so that sessions, heartbeats and deletes still find room."""

from collections.abc import Awaitable, Callable
from typing import Any

from shoal.base.env import Env
from shoal.base.errors import StorageFull
from shoal.base.ids import Instant
from shoal.base.units import SECOND

_FRESH_NS = SECOND

RouteHandler = Callable[[Any, Any], Awaitable[object]]


class CatalogRoom:
    """I refuse what makes the catalog grow while less than the reserve is free."""

    def __init__(self, env: Env, *, reserve_bytes: int) -> None:
        self._env = env
        self._reserve_bytes = reserve_bytes
        self._asked_at: Instant | None = None
        self._free_bytes = 0

    async def require(self) -> None:
        """Raises: StorageFull."""
        now = self._env.clock.now()
        if self._asked_at is None or now - self._asked_at >= _FRESH_NS:
            self._free_bytes = (await self._env.disk.space()).free_bytes
            self._asked_at = now  # not before: others who come meanwhile would be told of an answer that is not here
        if self._free_bytes < self._reserve_bytes:
            raise StorageFull(
                "the disk of the catalog is full up to its reserve: free some space there, then try again; "
                "reads and deletes go on",
                free_bytes=self._free_bytes,
                reserve_bytes=self._reserve_bytes,
            )

    def guarding(self, handler: RouteHandler) -> RouteHandler:
        """`handler`, for as long as there is room."""

        async def guarded(message: Any, caller: Any) -> object:
            await self.require()
            return await handler(message, caller)

        return guarded
