"""A simulated machine: a disk that survives, and one life of its software after the other."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from shoal.base.env import Env
from shoal.base.errors import DiskFailed, StorageFull, check
from shoal.base.units import SECOND
from shoal.ports.log import Log
from shoal.testing.sim.device import PowerCut
from shoal.testing.sim.disk import SimDisk
from shoal.testing.sim.link import SimLink
from shoal.testing.sim.listener import SimListener
from shoal.testing.sim.loop import SimLoop
from shoal.testing.sim.network import SimNetwork
from shoal.testing.sim.process import Process, ProcessState, context_of


@dataclass(frozen=True, slots=True)
class Life:
    """What a program has from its start to its end: all of it is new after a restart, except the bytes on the disk."""

    process: Process
    env: Env
    link: SimLink
    listener: SimListener
    log: Log
    stop: asyncio.Event
    """Set when the program is asked to end by itself, as by a signal. One that does not look at it goes on."""


Program = Callable[[Life], Coroutine[Any, Any, None]]
"""What a host runs. DiskFailed and StorageFull end it as they end a real process, and so does what the host excuses;
any other exception fails the seed."""

Excuse = Callable[[BaseException], str | None]
"""Under which name a program may end with this exception; None: it may not."""


def excuse_disk(failure: BaseException) -> str | None:
    """The disk refused something: the process ends, and whoever watches over processes starts it again."""
    match failure:
        case DiskFailed():
            return "stopped by its disk"
        case StorageFull():
            return "stopped by its full disk"
        case _:
            return None


class Surroundings(Protocol):
    """What a host needs of its world."""

    loop: SimLoop
    network: SimNetwork

    def rng(self, stream: str) -> Random: ...

    def begin_life(self, host: "Host", process: Process) -> Life: ...

    def count(self, event: str) -> None: ...

    def watch_power(self, host: "Host") -> None: ...


class Host:
    """I run a program, and can lose power, crash, stop for a while and start again."""

    def __init__(self, world: Surroundings, name: str, disk: SimDisk) -> None:
        self.name = name
        self.disk = disk
        self.lives = 0
        self.wall_ahead_ns = 0
        """How far the wall clock is ahead of virtual time; changing it makes it jump."""
        self.drift_ppm = 0
        """How fast its clock gains on true time."""
        self.excuse: Excuse = excuse_disk
        self.revive_after_ns: Callable[[], int] | None = None
        """How long after an excused end somebody starts the program again; None: nobody does."""
        self._world = world
        self._program: Program | None = None
        self._life: Life | None = None
        self._lost_power = False
        self._planned: tuple[int | None] | None = None
        self._rest_ns: int | None = None

    @property
    def is_crash_planned(self) -> bool:
        """Whether the disk will cut the power at one of its next operations."""
        return self._planned is not None

    @property
    def is_paused(self) -> bool:
        """Whether there is a life that stands still."""
        return self._life is not None and self._life.process.state is ProcessState.PAUSED

    @property
    def is_running(self) -> bool:
        """Whether there is a life, paused or not."""
        return self._life is not None

    @property
    def life(self) -> Life:
        """The present one."""
        check(self._life is not None, "the host is not running", host=self.name)
        return self._life  # type: ignore[return-value]

    def start(self, program: Program) -> None:
        """Run `program`, now and after each restart."""
        check(self._life is None, "the host runs already", host=self.name)
        self._program = program
        self.lives += 1
        process = Process(f"{self.name}.{self.lives}")
        self._life = self._world.begin_life(self, process)
        context = context_of(process)
        task = self._world.loop.spawn(program(self._life), name="main", context=context)
        task.add_done_callback(self._ended, context=context)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The program is over by itself: so is its process."""
        failure = None if task.cancelled() else task.exception()
        rest_ns = self._rest_ns
        if failure is None:
            self._world.count("stopped by itself")
        elif (reason := self._excused(failure)) is not None:
            self._world.count(reason)
            rest_ns = self.revive_after_ns() if self.revive_after_ns is not None else None
        else:
            self._world.loop.fail(failure, f"the program of {self.name} failed")
        self._end(power_loss=False, is_silent=False)
        if rest_ns is not None:
            self.restart_after(rest_ns)

    def _excused(self, failure: BaseException) -> str | None:
        """The reason, if every part of it has the same."""
        if not isinstance(failure, BaseExceptionGroup):
            return self.excuse(failure)
        reasons = [self._excused(each) for each in failure.exceptions]
        return reasons[0] if all(reasons) else None

    def stop(self, *, rest_ns: int) -> None:
        """Ask the program to end by itself, and start it again `rest_ns` after it did. A crash before forgets it."""
        self._world.count("asked to stop")
        self._rest_ns = rest_ns
        self.life.stop.set()

    def crash(self, *, power_loss: bool, is_silent: bool | None = None) -> None:
        """End the life without any clean-up. With `power_loss` what was not synced may be lost; otherwise only the
        process dies. Peers are reset, or hear nothing until the restart; by default nothing exactly if power is lost.
        """
        self._world.count("power loss" if power_loss else "process crash")
        self._end(power_loss=power_loss, is_silent=power_loss if is_silent is None else is_silent)

    def _end(self, *, power_loss: bool, is_silent: bool) -> None:
        life = self.life
        self._world.loop.crash(life.process)
        self._world.network.crash(self.name, is_silent=is_silent)
        self.disk.end_process()
        self._lost_power = power_loss
        self._life = None
        self._planned = None
        self._rest_ns = None

    def restart(self) -> None:
        """Begin a new life of the same program on what the disk still has."""
        check(self._program is not None, "nothing has been started here", host=self.name)
        if self._lost_power:
            self.disk.power_cycle()
        else:
            self.disk.process_crash()
        self._world.count("restart")
        self._world.network.restart(self.name)
        self.start(self._program)  # type: ignore[arg-type]

    def restart_after(self, duration_ns: int) -> None:
        """The same, later, unless it is running by then."""

        def restart() -> None:
            if not self.is_running:
                self.restart()

        self._world.loop.call_later(duration_ns / SECOND, restart, context=context_of(None))

    def pause(self, duration_ns: int) -> None:
        """Run nothing for a while; peers and timers do not know."""
        self._world.count("pause")
        self._world.loop.pause(self.life.process, duration_ns)

    def crash_at_disk_operation(self, number: int, *, downtime_ns: int | None = None) -> None:
        """Lose power just before the `number`-th change or sync of the disk from now (1 is the next), and restart
        `downtime_ns` after that, if it is given. A restart before forgets the plan."""
        self.disk.crash_after(number)
        self._planned = (downtime_ns,)
        self._world.watch_power(self)

    def power_failed(self) -> None:
        """The disk has reached the planned operation, and the step that asked for it is over."""
        planned, self._planned = self._planned, None
        if planned is None or not self.is_running:
            return
        self.crash(power_loss=True)
        if planned[0] is not None:
            self.restart_after(planned[0])

    def crash_here(self, *, power_loss: bool) -> None:
        """Crash in the middle of a step of this very host: the code that called sees PowerCut, and its disk and
        network are gone already. Raises: PowerCut."""
        self.crash(power_loss=power_loss)
        raise PowerCut("the host crashes here")
