"""Child processes that are started, watched, started again, and stopped together."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from subprocess import DEVNULL

import msgspec

from shoal.app.child import LIFELINE, Ready
from shoal.app.exit_codes import ExitCode
from shoal.base.errors import DeadlineExceeded, LocalFault
from shoal.base.ids import Address
from shoal.ports.log import Log

_RESTART_FIRST_S = 0.2
_RESTART_CEILING_S = 5.0
_STEADY_S = 10.0
"""A child that ran this long is started again at once."""
_STOP_S = 5.0

Command = Callable[[], Sequence[str]]
"""The arguments after `shoal`, made anew for each start."""


@dataclass(slots=True)
class Child:
    """One supervised process. `address` is known from its first ready line on; `pid` while it runs."""

    name: str
    command: Command
    address: Address | None = None
    pid: int | None = None
    starts: int = 0
    is_given_up: bool = False
    """It ended because its disk failed, or refused to start: starting it again cannot help."""
    exit_code: int | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever its process has ended."""
    may_run: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared while somebody wants it to stay down."""


class Supervisor:
    """I keep children running, until `stop` or until the tasks are cancelled."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._keepers: list[asyncio.Task[None]] = []
        self.children: dict[str, Child] = {}

    async def start(self, children: Sequence[Child], group: asyncio.TaskGroup) -> None:
        """Keep `children` running in tasks of `group`; returns when all are ready. Raises: as `wait_ready`."""
        for child in children:
            self.children[child.name] = child
            child.may_run.set()
            self._keepers.append(group.create_task(self._keep(child), name=f"keep-{child.name}"))
        for child in children:
            await self.wait_ready(child)

    async def kill(self, child: Child) -> None:
        """SIGKILL, and leave it down until `resume`. Returns when the process is gone."""
        child.may_run.clear()
        child.gone.clear()
        if child.pid is not None:
            os.kill(child.pid, signal.SIGKILL)
            await child.gone.wait()

    async def resume(self, child: Child) -> None:
        """Start a killed child again. Raises: as `wait_ready`."""
        child.may_run.set()
        await self.wait_ready(child)

    def stop(self) -> None:
        """End all children; their tasks end when they have."""
        for keeper in self._keepers:
            keeper.cancel()

    async def wait_ready(self, child: Child, *, seconds: float = 60) -> None:
        """Raises: LocalFault if the child was given up, DeadlineExceeded if it is not ready in time."""
        waits = [asyncio.ensure_future(child.ready.wait()), asyncio.ensure_future(child.ended.wait())]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if child.is_given_up:
            raise LocalFault(f"{child.name} did not start; see its message above", exit_code=child.exit_code)
        if not done:
            raise DeadlineExceeded(f"{child.name} was not ready within {seconds:.0f} s")

    async def _keep(self, child: Child) -> None:
        pause = _RESTART_FIRST_S
        while not child.is_given_up:
            await child.may_run.wait()
            began = asyncio.get_running_loop().time()
            await self._run_once(child)
            if asyncio.get_running_loop().time() - began > _STEADY_S:
                pause = _RESTART_FIRST_S
            if self._is_hopeless(child):
                child.is_given_up = True
                self._log.error("child_given_up", name=child.name, exit_code=child.exit_code)
                child.ended.set()
                return
            if not child.may_run.is_set():
                continue
            self._log.warning("child_restarted", name=child.name, exit_code=child.exit_code)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RESTART_CEILING_S)

    def _is_hopeless(self, child: Child) -> bool:
        """Its disk failed; or the first start was refused for a reason that it has told."""
        if child.exit_code == ExitCode.LOCAL_FAULT:
            return True
        is_refusal = child.exit_code is not None and child.exit_code > 1
        return is_refusal and not child.address

    async def _run_once(self, child: Child) -> None:
        read_end, write_end = os.pipe()
        environ = os.environ | {LIFELINE: str(read_end)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "shoal",
            *child.command(),
            stdin=DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(read_end,),
            env=environ,
            start_new_session=True,
        )
        os.close(read_end)
        child.pid, child.starts = process.pid, child.starts + 1
        child.gone.clear()
        try:
            await self._follow(child, process)
        finally:
            await asyncio.shield(_stop(process))
            os.close(write_end)
            child.exit_code, child.pid = process.returncode, None
            child.ready.clear()
            child.gone.set()

    async def _follow(self, child: Child, process: asyncio.subprocess.Process) -> None:
        """Read the ready line, then wait for the end."""
        if process.stdout is None:
            raise LocalFault("the child has no output")
        line = await process.stdout.readline()
        if line:
            child.address = msgspec.json.decode(line, type=Ready).address
            child.ready.set()
        await process.wait()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
