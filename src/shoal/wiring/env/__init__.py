"""The real Env: this machine's clocks, randomness, threads and files. Blocking calls happen here and nowhere else."""

from pathlib import Path

from shoal.base.env import Env
from shoal.wiring.env.clock import RealClock
from shoal.wiring.env.cpu import RealCpu
from shoal.wiring.env.disk import RealDisk
from shoal.wiring.env.randomness import RealRng, RealSecrets

__all__ = ["RealClock", "RealCpu", "RealDisk", "RealRng", "RealSecrets", "real_env"]


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


def _pass_by(_name: str) -> None:
    """Crash points are for simulation and for tests that kill processes."""


def _never(_name: str, _probability: float) -> bool:
    return False
