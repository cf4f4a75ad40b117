"""What the health service says: SERVING as long as the cluster answers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from grpc_health.v1 import health
from grpc_health.v1.health_pb2 import HealthCheckResponse

from shoal.base.env import Clock
from shoal.base.errors import ShoalError
from shoal.base.units import SECOND
from shoal.ports.log import Log

Probe = Callable[[], Awaitable[object]]
"""Asks the cluster something small. Raises: ShoalError if there is no answer."""

_EVERY_NS = 2 * SECOND
_PROBE_S = 5.0
_TOLD_WITHIN_S = 5.0
OVERALL = ""


class HealthReport:
    """I ask the cluster every two seconds, and tell the health service what came of it."""

    def __init__(self, probe: Probe, services: Sequence[str], *, clock: Clock, log: Log) -> None:
        self.servicer = health.aio.HealthServicer()
        self._probe = probe
        self._services = (OVERALL, *services)
        self._clock = clock
        self._log = log
        self._is_serving: bool | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.step()
            await self._clock.sleep(_EVERY_NS)

    async def step(self) -> None:
        """One round."""
        is_serving, why = True, ""
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._probe()
        except (ShoalError, TimeoutError) as exc:
            # Calls tell it too; whoever balances load or starts processes acts.
            is_serving, why = False, str(exc)
        if is_serving != self._is_serving:
            self._log.info("health_changed", is_serving=is_serving, why=why)
        self._is_serving = is_serving
        await self._tell(is_serving=is_serving)

    async def _tell(self, *, is_serving: bool) -> None:
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for service in self._services:
            try:
                async with asyncio.timeout(_TOLD_WITHIN_S):
                    await self.servicer.set(service, status)
            except TimeoutError:
                # A watcher that takes nothing holds it up; those who ask next time are told.
                self._log.warning("health_not_told", service=service)

    async def stop(self) -> None:
        """From now on nothing is served."""
        await self.servicer.enter_graceful_shutdown()
