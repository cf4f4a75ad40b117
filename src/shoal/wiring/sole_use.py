"""One process for a directory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shoal.base.env import DirectoryLock, Env
from shoal.base.errors import AlreadyExists
from shoal.base.units import MILLISECOND, SECOND

PATIENCE_NS = 2 * SECOND
"""A child whose supervisor was killed is gone within a second: whoever starts again at once waits for it."""

_PAUSE_NS = 50 * MILLISECOND


@asynccontextmanager
async def sole_use(env: Env, lock: str, *, directory: Path) -> AsyncIterator[None]:
    """Hold the file `lock` of `env.disk`, which is `directory`, until the context ends or the process does.

    Raises: AlreadyExists if another process goes on holding it; StorageFull, DiskFailed.
    """
    held = await _taken(env, lock, directory)
    try:
        yield
    finally:
        held.release()


async def _taken(env: Env, lock: str, directory: Path) -> DirectoryLock:
    give_up = env.clock.now() + PATIENCE_NS
    while True:
        try:
            return env.disk.lock(lock)
        except AlreadyExists as exc:
            if env.clock.now() >= give_up:
                raise AlreadyExists(f"another process uses {directory}", directory=str(directory)) from exc
        await env.clock.sleep(_PAUSE_NS)
