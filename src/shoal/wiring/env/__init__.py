"""The real Env: this machine's clocks, randomness, threads and files. Blocking calls happen here and nowhere else."""

from pathlib import Path
from typing import NoReturn, cast

from shoal.base.env import Disk, Env
from shoal.base.errors import InvariantBroken
from shoal.wiring.env.clock import RealClock
from shoal.wiring.env.cpu import RealCpu
from shoal.wiring.env.disk import RealDisk
from shoal.wiring.env.randomness import RealRng, RealSecrets

__all__ = ["RealClock", "RealCpu", "RealDisk", "RealRng", "RealSecrets", "diskless_env", "real_env"]


def real_env(root: Path | str, *, threads: int = 2) -> Env:
    """The world as it is, with `root` as its disk (made if missing) and `threads` for hashing and coding.

    Raises: StorageFull, DiskFailed.
    """
    return Env(
        clock=RealClock(),
        rng=RealRng(),
        secrets=RealSecrets(),
        cpu=RealCpu(threads=threads),
        disk=RealDisk(root),
        crashpoint=_pass_by,
        buggify=_never,
    )


def diskless_env(*, threads: int = 2) -> Env:
    """The same for a client, which keeps nothing: a user's files are read and written by sources and sinks."""
    return Env(
        clock=RealClock(),
        rng=RealRng(),
        secrets=RealSecrets(),
        cpu=RealCpu(threads=threads),
        disk=cast(Disk, _NoDisk()),
        crashpoint=_pass_by,
        buggify=_never,
    )


class _NoDisk:
    """Whoever asks me for anything has a bug."""

    def __getattr__(self, name: str) -> NoReturn:
        raise InvariantBroken("a client has no disk", wanted=name)


def _pass_by(_name: str) -> None:
    """Crash points are for simulation and for tests that kill processes."""


def _never(_name: str, _probability: float) -> bool:
    return False
