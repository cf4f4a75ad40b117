"""Purges that broke off are brought to their end, whoever began them."""

from shoal.coordinator.desk import Desk
from shoal.core.catalog import rows
from shoal.core.catalog.purge import continue_purge, next_open_purge
from shoal.model.catalog import OpenPurge, PurgeBegun
from shoal.ports.engine import Tx


class Purger:
    """I remove what purges have left. Their callers do the same while they are there: nobody is in another's way."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._after = b""

    async def step(self) -> None:
        """Do all there are. One that cannot be done holds up the others until the next step only."""
        while found := await self._desk.engine.read(lambda snapshot: next_open_purge(snapshot, self._after)):
            self._after, value = found
            purge = rows.OPEN_PURGE.load(value)
            while await self._go_on(purge):
                pass
        self._after = b""

    async def _go_on(self, purge: OpenPurge) -> bool:
        begun = PurgeBegun(existed=True, key=purge.key, marker=purge.marker)
        rows_max = self._desk.settings.purge_rows

        def remove(tx: Tx) -> bool:
            return continue_purge(tx, purge.bucket, begun, rows_max=rows_max)

        return await self._desk.engine.tx(remove)
