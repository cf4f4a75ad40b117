"""Taking the census: fresh figures of a small catalog at once, those of the last count of a large one."""

import asyncio

from shoal.base.units import MILLISECOND
from shoal.coordinator.desk import Desk
from shoal.core.catalog.census import Census, Figures, Yardstick

_SMALL_ROWS = 20_000
"""Counted anew for whoever asks: about a tenth of a second."""
_PAUSE_NS = MILLISECOND
_REST_FACTOR = 9
"""Rest nine times as long as a count took, so that counting takes at most a tenth of the time."""


class CensusTaker:
    """I count what the catalog holds, a slice at a time, with pauses in which everything else goes on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._latest: Figures | None = None
        self._turn = asyncio.Lock()
        self._took_ns = 0

    async def figures(self) -> Figures:
        """Fresh if there is little to count or nothing was counted yet, else of the last count."""
        if self._latest is None or self._latest.rows <= _SMALL_ROWS:
            return await self._count()
        return self._latest

    async def run(self) -> None:
        """Keep the figures of a large catalog fresh, until cancelled."""
        clock = self._desk.env.clock
        while True:
            await clock.sleep(max(self._desk.settings.census_rest_ns, _REST_FACTOR * self._took_ns))
            if self._latest is not None and self._latest.rows > _SMALL_ROWS:
                await self._count()

    async def _count(self) -> Figures:
        desk = self._desk
        async with self._turn:
            began = desk.env.clock.now()
            census = Census(Yardstick(dict(desk.members.by_id), desk.members.copies))
            while not census.is_complete:
                await desk.engine.read(census.count_slice)
                await desk.env.clock.sleep(_PAUSE_NS)
            self._took_ns = desk.env.clock.now() - began
            self._latest = census.figures
            return census.figures
