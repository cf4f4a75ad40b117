"""A coordinator or a node that kills itself when it is told to: the product's own command line in another world.

    python crashing.py ORDERS NAME WORD...

The product has no switch for this. Here the world that the wiring opens is put in a shell which hears of every crash
point that is passed, and of every step of the disk that makes something durable. An order is a file ORDERS/NAME that
says `POINT N`: at the N-th passing of POINT from now the process takes the order away and kills itself, so that its
next life does not. What it says goes to ORDERS/NAME.log, and where it really listens to ORDERS/NAME.address.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

from shoal.app.cli import main
from shoal.base.env import Disk, Env, File, OpenMode
from shoal.ports.link import Listening
from shoal.wiring.env import opened_env
from shoal.wiring.listening import listening

CrashPoint = Callable[[str], None]

DISK_POINTS = ("disk.created", "disk.synced", "disk.renamed", "disk.unlinked", "disk.directory_synced")
"""Passed behind each such step of the disk that a process has, beside the named points of the product."""


class Condemned:
    """I read the order at each passing, and carry it out when its number is used up. It is counted down in the file, so
    that it holds from one life to the next."""

    def __init__(self, order: Path) -> None:
        self._order = order

    def passes(self, point: str) -> None:
        """The crash hook; any thread may call it."""
        try:
            wanted, number = self._order.read_text().split(" ")
        except FileNotFoundError:
            return
        if point != wanted:
            return
        if int(number) > 1:
            give_order(self._order, point, int(number) - 1)
            return
        self._order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def give_order(order: Path, point: str, passing: int) -> None:
    """Written so that no reader finds half of it."""
    fresh = order.with_suffix(".new")
    fresh.write_text(f"{point} {passing}")
    fresh.rename(order)


class CrashingDisk:
    """A disk that tells what it has just made durable."""

    def __init__(self, disk: Disk, passes: CrashPoint) -> None:
        self._disk = disk
        self._passes = passes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)

    async def open(self, path: str, mode: OpenMode) -> File:
        file = await self._disk.open(path, mode)
        if mode is OpenMode.CREATE:
            self._passes("disk.created")
        return cast(File, CrashingFile(file, self._passes))

    async def rename(self, source: str, target: str) -> None:
        await self._disk.rename(source, target)
        self._passes("disk.renamed")

    async def unlink(self, path: str) -> None:
        await self._disk.unlink(path)
        self._passes("disk.unlinked")

    async def sync_dir(self, path: str) -> None:
        await self._disk.sync_dir(path)
        self._passes("disk.directory_synced")


class CrashingFile:
    """A file of such a disk."""

    def __init__(self, file: File, passes: CrashPoint) -> None:
        self._file = file
        self._passes = passes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    async def fdatasync(self) -> None:
        await self._file.fdatasync()
        self._passes("disk.synced")


def run(orders: Path, name: str, words: list[str]) -> int:
    """The exit status of the command line."""
    passes = Condemned(orders / name).passes

    @contextmanager
    def opened(root: Path | str, *, threads: int = 2) -> Iterator[Env]:
        with opened_env(root, threads=threads) as env:
            yield replace(env, crashpoint=passes, disk=cast(Disk, CrashingDisk(env.disk, passes)))

    @asynccontextmanager
    async def told(*arguments: Any, **more: Any) -> AsyncIterator[Listening]:
        async with listening(*arguments, **more) as bound:
            fresh = orders / f"{name}.address.new"
            fresh.write_text(bound.address)
            fresh.rename(orders / f"{name}.address")
            yield bound

    log = os.open(orders / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, sys.stderr.fileno())
    with mock.patch.multiple(f"shoal.wiring.{words[0]}", opened_env=opened, listening=told):
        return main(words)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
