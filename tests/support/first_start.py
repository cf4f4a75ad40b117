"""First starts that end at a chosen change of what is on the disk, and the starts that come after them.

    python first_start.py coordinator|node|names DIR EVERY

A start is the product's own command line in a process that is forked from here, so that it costs no time to import
anything. It kills itself (SIGKILL) behind its n-th call of the operating system that makes, renames or removes a name,
or syncs something; EVERY-th of them, from the first on, until a start gets by. What each leaves is looked at, and the
same command line must then get ready. The last line says how many starts were killed. `names` looks
instead at what is durable when they are ready.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from shoal.app.child import LIFELINE, Ready, say_ready
from shoal.app.cli import main
from shoal.formats.identity import unpack_identity
from shoal.node.identity import IDENTITY_PATH
from shoal.wiring.cluster_files import (
    CREDENTIALS,
    ENDPOINTS,
    JOIN,
    KEK,
    KEK_BYTES,
    CredentialsFile,
    EndpointsFile,
    JoinFile,
    read_json,
)

CALLS = ("mkdir", "rename", "replace", "unlink", "fsync", "fdatasync", "posix_fallocate")
"""Of `os`; and `open`, where it makes a file. What SQLite calls by itself is not among them."""
ANY_PORT = "127.0.0.1:0"
_OUTPUT_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Process:
    """A command line in a process of its own. It ends when nobody holds `lifeline`."""

    pid: int
    output: int
    lifeline: int

    def said(self) -> bytes:
        """What it says next; nothing when it has ended."""
        return os.read(self.output, _OUTPUT_BYTES)

    def end(self) -> int:
        """Its exit status, negative for a signal: SIGKILL, if it still ran."""
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.output)
        os.close(self.lifeline)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


Change = Callable[[str, tuple[Any, ...]], None]
"""Told of each change of what is on the disk, once it is done: the name of the call, and its arguments."""


def run(words: list[str], *, told: Change | None = None, on_ready: Callable[[], None] = lambda: None) -> Process:
    """The process tells `told` of its changes, and does `on_ready` before it says that it is."""
    output, stdout = os.pipe()
    watched, lifeline = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(lifeline)
        os.dup2(stdout, sys.stdout.fileno())
        os.close(stdout)
        os.environ[LIFELINE] = str(watched)
        with telling(told or (lambda _name, _arguments: None), on_ready):
            status = main(words)
        sys.stdout.flush()
        os._exit(status)
    os.close(stdout)
    os.close(watched)
    return Process(pid, output, lifeline)


@contextmanager
def telling(told: Change, on_ready: Callable[[], None]) -> Iterator[None]:
    """This process, until the end of the block."""

    def heard(name: str, right: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            is_change = name != "open" or (arguments[1] & os.O_CREAT and not os.path.lexists(arguments[0]))
            result = right(*arguments, **named)
            if is_change:
                told(name, arguments)
            return result

        return call

    def ready_now(*arguments: Any, **named: Any) -> None:
        on_ready()
        say_ready(*arguments, **named)

    with ExitStack() as stack:
        for name in (*CALLS, "open"):
            stack.enter_context(mock.patch.object(os, name, heard(name, getattr(os, name))))
        stack.enter_context(mock.patch("shoal.app.child.say_ready", ready_now))
        yield


def dying_at(number: int) -> Change:
    """The process kills itself behind its change number `number`."""
    left = number

    def told(_name: str, _arguments: tuple[Any, ...]) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return told


class Names:
    """I know which names a process has made whose directory was not synced since."""

    def __init__(self) -> None:
        self._unsynced: dict[str, str] = {}

    def told(self, name: str, arguments: tuple[Any, ...]) -> None:
        """See `Change`."""
        paths = [os.path.realpath(each) for each in arguments if isinstance(each, str | os.PathLike)]
        if name == "fsync":
            synced = os.readlink(f"/proc/self/fd/{arguments[0]}")
            self._unsynced = {made: parent for made, parent in self._unsynced.items() if parent != synced}
        if name in ("mkdir", "open", "rename", "replace"):
            self._unsynced[paths[-1]] = os.path.dirname(paths[-1])
        if name in ("unlink", "rename", "replace"):
            self._unsynced.pop(paths[0], None)

    def write(self, to: Path) -> None:
        """Those that matter: a lock holds as long as its process lives."""
        to.write_text("\n".join(made for made in self._unsynced if not made.endswith(".lock")))


@contextmanager
def ready(words: list[str], *, unsynced: Path | None = None) -> Iterator[Ready]:
    """The process, once it serves; killed at the end. `unsynced`: where it writes which names are not durable."""
    names = Names()
    process = run(words, told=names.told, on_ready=lambda: names.write(unsynced) if unsynced else None)
    line = process.said()
    try:
        assert line, f"{words} did not start"
        yield msgspec.json.decode(line, type=Ready)
    finally:
        process.end()


def killed(words: list[str], *, dies_at: int) -> bool:
    """Whether the start has come so far as to be killed there."""
    process = run(words, told=dying_at(dies_at))
    was_ready = bool(process.said())
    status = process.end()
    assert was_ready or status == -signal.SIGKILL, f"{words} ended with {status}"
    return not was_ready


def output_of(words: list[str]) -> bytes:
    """All that a command line says, which must succeed."""
    process = run(words)
    found = b""
    while said := process.said():
        found += said
    assert process.end() == 0, words
    return found


# Coordinators.


def start_coordinators(at: Path, every: int) -> int:
    """How many were killed. What was shown once stays: whoever has read a key goes on to be let in."""
    for number in count(1, every):
        data = at / str(number)
        words = ["coordinator", "--data", str(data), "--listen", ANY_PORT]
        if not killed(words, dies_at=number):
            return (number - 1) // every
        shown = keys_in(data)
        with ready(words):
            assert shown.items() <= keys_in(data).items(), f"after change {number} keys are others"
            assert {JOIN, CREDENTIALS, KEK} == set(keys_in(data))
            output_of(["key", "list", "--data", str(data)])
        shutil.rmtree(data)
    raise AssertionError


def keys_in(data: Path) -> dict[str, object]:
    """All that there is, which must be whole."""
    readers: dict[str, Callable[[Path], object]] = {
        JOIN: lambda path: read_json(path, JoinFile),
        CREDENTIALS: lambda path: read_json(path, CredentialsFile),
        KEK: Path.read_bytes,
    }
    found = {name: reader(data / name) for name, reader in readers.items() if (data / name).exists()}
    assert len(bytes(found.get(KEK, bytes(KEK_BYTES)))) == KEK_BYTES  # type: ignore[call-overload]
    if (data / ENDPOINTS).exists():
        read_json(data / ENDPOINTS, EndpointsFile)
    return found


# Nodes.


def start_nodes(at: Path, every: int) -> int:
    """How many were killed. Whatever a node was when it was killed, it is afterwards, and it is one member."""
    cluster = at / "cluster"
    with ready(["coordinator", "--data", str(cluster), "--listen", ANY_PORT]) as coordinator:
        for number in count(1, every):
            data = at / str(number)
            words = ["node", "--join", str(cluster / JOIN), "--coordinator", coordinator.address, "--data", str(data)]
            words += ["--listen", ANY_PORT]
            was_killed = killed(words, dies_at=number)
            who = identity_in(data)
            with ready(words):
                assert who in (None, identity_in(data)), f"after change {number} the node is another one"
            shutil.rmtree(data)
            if not was_killed:
                members = output_of(["nodes", "--json", "--data", str(cluster)]).splitlines()
                assert len(members) == (number - 1) // every + 1
                return (number - 1) // every
    raise AssertionError


def identity_in(data: Path) -> str | None:
    """Whose directory it is, if it is anybody's yet."""
    path = data / IDENTITY_PATH
    return unpack_identity(path.read_bytes()).node_id if path.exists() else None


def look_at_names(at: Path, _every: int) -> int:
    """Whoever is ready has made all of its names durable, those of its directory too."""
    cluster, node, unsynced = at / "clusters" / "made", at / "nodes" / "made", at / "unsynced"
    coordinator = ["coordinator", "--data", str(cluster), "--listen", ANY_PORT]
    with ready(coordinator, unsynced=unsynced) as served:
        assert not unsynced.read_text(), unsynced.read_text()
        words = ["node", "--join", str(cluster / JOIN), "--coordinator", served.address, "--data", str(node)]
        with ready([*words, "--listen", ANY_PORT], unsynced=unsynced):
            assert not unsynced.read_text(), unsynced.read_text()
    return 0


def killed_starts(role: str, directory: Path, *, every: int) -> int:
    """How many starts were killed, by a run of this script; all that must hold was looked at."""
    words = [sys.executable, __file__, role, str(directory), str(every)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


STARTS = {"coordinator": start_coordinators, "node": start_nodes, "names": look_at_names}

if __name__ == "__main__":
    sys.stdout.write(f"{STARTS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))}\n")
