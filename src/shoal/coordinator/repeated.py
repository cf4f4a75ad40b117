"""Loops that go on: a step, a pause, and no end because of what passes."""

from collections.abc import Awaitable, Callable

from shoal.base.env import Clock
from shoal.base.errors import CorruptionError, StaleEpoch, TransientError
from shoal.ports.log import Log


async def repeat(step: Callable[[], Awaitable[None]], *, period_ns: int, clock: Clock, log: Log) -> None:
    """Run `step` every `period_ns` until cancelled. What may be over next time, and damaged rows, are logged.

    Raises: StaleEpoch, because the lease under which the step acts is another's now; LocalFault.
    """
    while True:
        await clock.sleep(period_ns)
        try:
            await step()
        except StaleEpoch:
            raise
        except TransientError as exc:
            log.warning("step_put_off", why=exc.sentence, **exc.facts)
        except CorruptionError as exc:
            log.error("catalog_damaged", why=exc.sentence, **exc.facts)
