"""Child processes that are started, watched, started again, and stopped together."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from subprocess import DEVNULL

import msgspec

from shoal.app.child import LIFELINE, Ready
from shoal.app.exit_codes import EXIT_CODES, ExitCode
from shoal.app.setting import CONFIG_VARIABLE, PREFIX
from shoal.base.errors import DeadlineExceeded, LocalFault
from shoal.base.ids import Address
from shoal.ports.log import Log

_RESTART_FIRST_S = 0.2
_RESTART_CEILING_S = 5.0
_STEADY_S = 10.0
"""After a child that ran this long the pauses begin anew."""
_STOP_S = 5.0
_OUTPUT_BYTES = 4096

_ERRORS = {int(code): kind for kind, code in EXIT_CODES.items()}
"""What a child that refused to start would have raised."""

Command = Callable[[], Sequence[str]]
"""The arguments of the program, made anew for each start."""


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Child:
    """One supervised process. `address` is known from its first ready line on; `pid` while it runs."""

    name: str
    command: Command
    address: Address | None = None
    jsonl: str = ""
    """Its JSON-lines door, if it has one, from the same line on."""
    pid: int | None = None
    starts: int = 0
    is_given_up: bool = False
    """It ended because its disk failed, or refused to start: starting it again cannot help."""
    exit_code: int | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while it is ready, or given up."""
    gone: asyncio.Event = field(default_factory=_set)
    """Set while it has no process, nor is about to have one."""
    may_run: asyncio.Event = field(default_factory=_set)
    """Cleared while somebody wants it to stay down."""


class Supervisor:
    """I keep children running, until `stop` or until the tasks are cancelled."""

    def __init__(self, log: Log, *, program: Sequence[str] = (sys.executable, "-m", "shoal")) -> None:
        self._log = log
        self._program = program
        self._keepers: list[list[asyncio.Task[None]]] = []
        self.children: dict[str, Child] = {}

    async def start(self, children: Sequence[Child], group: asyncio.TaskGroup) -> None:
        """Keep `children` running in tasks of `group`; returns when all are ready. Raises: as `wait_ready`."""
        self.children |= {child.name: child for child in children}
        self._keepers.append([group.create_task(self._keep(child), name=f"keep-{child.name}") for child in children])
        for child in children:
            await self.wait_ready(child)

    async def kill(self, child: Child) -> None:
        """SIGKILL, and leave it down until `resume`. Returns when the process is gone."""
        child.may_run.clear()
        if child.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(child.pid, signal.SIGKILL)
        await child.gone.wait()

    async def resume(self, child: Child) -> None:
        """Start a killed child again. Raises: as `wait_ready`."""
        child.may_run.set()
        await self.wait_ready(child)

    async def stop(self) -> None:
        """End all children, those that were started last first, so that nobody misses whom it depends on."""
        while self._keepers:
            keepers = self._keepers.pop()
            for keeper in keepers:
                keeper.cancel()
            if keepers:  # nobody may have been asked for
                await asyncio.wait(keepers)

    async def wait_ready(self, child: Child, *, seconds: float = 60) -> None:
        """Raises: if the child was given up, an error of the class that its exit status tells; DeadlineExceeded if it
        is not ready in time."""
        try:
            async with asyncio.timeout(seconds):
                await child.settled.wait()
        except TimeoutError as exc:
            raise DeadlineExceeded(f"{child.name} was not ready within {seconds:.0f} s") from exc
        if child.is_given_up:
            kind = _ERRORS.get(child.exit_code or 0, LocalFault)
            raise kind(f"{child.name} did not start; see its message above", exit_code=child.exit_code)

    async def _keep(self, child: Child) -> None:
        pause = _RESTART_FIRST_S
        while True:
            await child.may_run.wait()
            began = asyncio.get_running_loop().time()
            await self._run_once(child)
            if asyncio.get_running_loop().time() - began > _STEADY_S:
                pause = _RESTART_FIRST_S
            if _is_hopeless(child):
                self._log.error("child_given_up", name=child.name, exit_code=child.exit_code)
                child.is_given_up = True
                child.settled.set()
                return
            if child.may_run.is_set():
                self._log.warning("child_restarted", name=child.name, exit_code=child.exit_code)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _RESTART_CEILING_S)

    async def _run_once(self, child: Child) -> None:
        read_end, write_end = os.pipe()
        child.gone.clear()
        try:
            process = await _spawn([*self._program, *child.command()], read_end)
            child.pid, child.starts = process.pid, child.starts + 1
            if not child.may_run.is_set():
                process.kill()  # `kill` came before there was anything to kill
            try:
                await _follow(child, process)
            finally:
                await asyncio.shield(_stop(process))
                child.exit_code = process.returncode
        finally:
            os.close(write_end)
            child.pid = None
            child.settled.clear()
            child.gone.set()


def _is_hopeless(child: Child) -> bool:
    """Its disk failed; or the first start was refused for a reason that it has told."""
    if child.exit_code == ExitCode.LOCAL_FAULT:
        return True
    is_refusal = child.exit_code is not None and child.exit_code > ExitCode.BUG
    return is_refusal and child.address is None


async def _spawn(arguments: Sequence[str], read_end: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(read_end,),
            env=_environment() | {LIFELINE: str(read_end)},
            start_new_session=True,
        )
    finally:
        os.close(read_end)


def _environment() -> dict[str, str]:
    """Ours, without settings: a child gets all of them in its words, from who has checked them, and one that was meant
    for the supervisor (where to listen, say) never reaches it a second time."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {CONFIG_VARIABLE: os.devnull}


async def _follow(child: Child, process: asyncio.subprocess.Process) -> None:
    """Read the ready line, then wait for the end."""
    if process.stdout is None:
        raise LocalFault("the child has no output")
    line = await process.stdout.readline()
    if line:
        ready = _ready(child, line)
        child.address, child.jsonl = ready.address, ready.jsonl
        child.settled.set()
    while await process.stdout.read(_OUTPUT_BYTES):
        pass  # it has said what there was to say
    await process.wait()


def _ready(child: Child, line: bytes) -> Ready:
    try:
        return msgspec.json.decode(line, type=Ready)
    except msgspec.DecodeError as exc:
        raise LocalFault(f"{child.name} said {line[:80]!a} instead of where it listens") from exc


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
