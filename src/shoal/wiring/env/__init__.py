"""The real Env: this machine's clocks, randomness, threads and files. Blocking calls happen here and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, cast

from shoal.base.env import Cpu, Disk, Env
from shoal.base.errors import InvariantBroken
from shoal.wiring.env.clock import RealClock
from shoal.wiring.env.cpu import RealCpu
from shoal.wiring.env.disk import RealDisk
from shoal.wiring.env.randomness import RealRng, RealSecrets

__all__ = ["RealClock", "RealCpu", "RealDisk", "RealRng", "RealSecrets", "diskless_env", "opened_env", "real_env"]


def real_env(root: Path | str, *, threads: int = 2) -> Env:
    """The world as it is, with `root` as its disk (made if missing) and `threads` for hashing and coding. Its threads
    end with the process.

    Raises: StorageFull, DiskFailed.
    """
    return _env(RealCpu(threads=threads), RealDisk(root))


@contextmanager
def opened_env(root: Path | str, *, threads: int = 2) -> Iterator[Env]:
    """The same, for as long as the context is open: its threads end with it. Files must be closed before."""
    disk, cpu = RealDisk(root), RealCpu(threads=threads)
    try:
        yield _env(cpu, disk)
    finally:
        disk.close()
        cpu.close()


@contextmanager
def diskless_env(*, threads: int = 2) -> Iterator[Env]:
    """The same for a client, which keeps nothing: a user's files are read and written by sources and sinks."""
    cpu = RealCpu(threads=threads)
    try:
        yield _env(cpu, cast(Disk, _NoDisk()))
    finally:
        cpu.close()


def _env(cpu: Cpu, disk: Disk) -> Env:
    return Env(
        clock=RealClock(),
        rng=RealRng(),
        secrets=RealSecrets(),
        cpu=cpu,
        disk=disk,
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
