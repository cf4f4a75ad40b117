"""Real processes for tests: a cluster as `shoal up` runs it, command lines, and what became of them."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shoal.app.cli import main
from shoal.base.ids import Address

SHOAL = (sys.executable, "-m", "shoal")

_READY_S = 60.0
_STOP_S = 20.0
_PLACE = re.compile(r"  (control|node-[0-9]+|grpc) +(\S+)")
_BUGS = ("Traceback", "handler_failed", "reply_broken", "child_restarted", "child_given_up")
"""What no process says unless it has a bug, or has died."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended. `said` is what stood on standard error."""

    exit_code: int
    output: bytes
    said: str

    def refused(self, exit_code: int, pattern: str) -> None:
        """It ended with `exit_code`, and said one line that has `pattern` in it, which is no traceback."""
        assert self.exit_code == exit_code, self
        assert re.fullmatch(r"shoal: [^\n]+\n", self.said), self
        assert re.search(pattern, self.said), self
        assert not any(bug in self.said for bug in (*_BUGS, "this is a bug")), self


def shoal(
    *arguments: str | bytes | Path, stdin: bytes = b"", environ: Mapping[str, str] | None = None, seconds: float = 60
) -> Done:
    """Run one command line to its end."""
    done = subprocess.run(
        [*SHOAL, *arguments],
        input=stdin,
        env=_environment(environ or {}),
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def command(*words: str | bytes | Path) -> Done:
    """The same in this process, many times faster: for tables of things to get wrong. Standard input and output of
    bytes are not here: those verbs need `shoal`."""
    output, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(said):
        exit_code = main([os.fsdecode(word) for word in words])
    return Done(exit_code, output.getvalue().encode(), said.getvalue())


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOAL_")}
    return inherited | dict(more)


def eventually(condition: Callable[[], object], *, seconds: float = 20) -> bool:
    """Whether `condition` comes true within `seconds`."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.005)
    return True


def child_pids(parent: int) -> dict[str, int]:
    """The children of a process by their names: `coordinator`, `node-1`."""
    found: dict[str, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            words = os.fsdecode((entry / "cmdline").read_bytes()).split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if int(after_name[1]) == parent and after_name[0] != "Z":
            names = [word for word in words if word in ("coordinator", "gateway")]
            names += words[words.index("--name") + 1 :][:1] if "--name" in words else []
            found |= dict.fromkeys(names[:1], int(entry.name))  # one that was just forked has none yet
    return found


def is_running(pid: int) -> bool:
    """Whether there is such a process, that has not ended: one that nobody has asked about has a number still."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def unfinished_files(data: Path) -> list[Path]:
    """What a put that broke off could leave on the disks of the nodes below `data`."""
    return [*data.glob("node-*/**/*.tmp"), *data.glob("node-*/**/*.part")]


@dataclass(slots=True)
class LocalProcesses:
    """A running `shoal up`. `nodes` are the addresses by name; `pids` those of its children when it was ready."""

    data: Path
    process: "subprocess.Popen[str]"
    log: Path
    endpoint: Address
    nodes: dict[str, Address]
    pids: dict[str, int] = field(default_factory=dict)
    grpc: Address | None = None

    def assert_unharmed(self) -> None:
        """No process has died, been started again, or met a bug."""
        assert self.process.poll() is None
        assert child_pids(self.process.pid) == self.pids
        said = self.log.read_text()
        assert not any(bug in said for bug in _BUGS), said

    def kill(self) -> None:
        """SIGKILL to all of it at once."""
        for pid in (self.process.pid, *self.pids.values()):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(_STOP_S)

    def command(self, verb: str, *arguments: str | bytes | Path) -> Done:
        """Run a command line against this cluster, in this process."""
        return command(verb, "--data", self.data, *arguments)

    def run(self, verb: str, *arguments: str | bytes | Path, stdin: bytes = b"", seconds: float = 60) -> Done:
        """Run a command line against this cluster, as a process."""
        return shoal(verb, "--data", self.data, *arguments, stdin=stdin, seconds=seconds)


@contextmanager
def shoal_up(data: Path, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[LocalProcesses]:
    """`shoal up` on free ports, with its log beside `data`, and without gRPC unless `options` name it; ready on entry,
    and ended with SIGTERM if it still runs."""
    grpc = () if "--grpc" in options else ("--grpc", "off")
    log = data.with_name(f"{data.name}.log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*SHOAL, "up", "--data", data, "--port-base", "0", *grpc, *options],
            env=_environment(environ or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:
        try:
            places = _places(process)
            assert "control" in places, log.read_text()
            endpoint, grpc_at = places.pop("control"), places.pop("grpc", None)
            yield LocalProcesses(data, process, log, endpoint, places, child_pids(process.pid), grpc_at)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(_STOP_S) == 0, log.read_text()
        finally:
            process.kill()


def _places(process: "subprocess.Popen[str]") -> dict[str, Address]:
    """The addresses that it prints when it is ready; without them, it has ended."""
    places = {}
    assert process.stdout is not None
    for line in process.stdout:
        if match := _PLACE.match(line):
            places[match[1]] = Address(match[2])
        if line.startswith("try:"):
            break
    return places
