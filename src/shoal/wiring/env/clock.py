"""The machine's clocks."""

import asyncio
import time

from shoal.base.ids import Instant, WallNs
from shoal.base.units import SECOND


class RealClock:
    """I read the clocks of this machine."""

    def now(self) -> Instant:
        """See `Clock.now`."""
        return Instant(time.monotonic_ns())

    def wall(self) -> WallNs:
        """See `Clock.wall`."""
        return WallNs(time.time_ns())

    async def sleep(self, duration_ns: int) -> None:
        """See `Clock.sleep`."""
        await asyncio.sleep(duration_ns / SECOND)
