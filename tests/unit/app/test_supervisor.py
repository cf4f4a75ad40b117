"""Children that crash, refuse, hang or are killed: real processes that live for some milliseconds."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shoal.app import supervisor as module
from shoal.app.child import LIFELINE
from shoal.app.supervisor import Child, Supervisor
from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    CallerError,
    DeadlineExceeded,
    LocalFault,
    NotFound,
    ShoalError,
)
from shoal.client.one_error import one_error
from support.engines import QuietLog

READY = "print('{\"address\": \"127.0.0.1:' + sys.argv[1] + '\"}', flush=True);"
WAIT = f"os.read(int(os.environ['{LIFELINE}']), 1)"
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RESTART_FIRST_S", 0.001)


@asynccontextmanager
async def supervising(script: str, log: QuietLog | None = None) -> AsyncIterator[tuple[Supervisor, asyncio.TaskGroup]]:
    program = (sys.executable, "-S", "-c", f"import os, sys; {script}")
    supervisor = Supervisor(log or QuietLog(), program=program)
    async with one_error(), asyncio.TaskGroup() as group:
        try:
            yield supervisor, group
        finally:
            await supervisor.stop()


def child_called(name: str, *arguments: str) -> Child:
    return Child(name, lambda: arguments or ("1",))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def restarted(child: Child, *, starts: int) -> None:
    """Wait until it is ready for the `starts`-th time at least."""
    await until(lambda: child.starts >= starts and child.settled.is_set())


async def test_all_are_ready_when_start_returns() -> None:
    children = [child_called("a", "1"), child_called("b", "2")]
    async with supervising(READY + WAIT) as (supervisor, group):
        await supervisor.start(children, group)
        assert [child.address for child in children] == ["127.0.0.1:1", "127.0.0.1:2"]
        pids = [child.pid for child in children]
        assert all(pid is not None and is_running(pid) for pid in pids)
        assert supervisor.children == {"a": children[0], "b": children[1]}
    assert [child.pid for child in children] == [None, None]
    assert not any(is_running(pid) for pid in pids if pid)


async def test_a_crashed_child_is_started_again_where_it_was() -> None:
    log, child = QuietLog(), Child("a", lambda: [child.address.rpartition(":")[2] if child.address else "7"])
    async with supervising(READY + WAIT, log) as (supervisor, group):
        await supervisor.start([child], group)
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await restarted(child, starts=2)
        assert child.pid not in (None, first)
        assert child.address == "127.0.0.1:7"
        assert child.exit_code == -signal.SIGKILL
    assert log.events == ["child_restarted"]


async def test_a_child_whose_disk_failed_is_not_started_again() -> None:
    log, child = QuietLog(), child_called("a")
    async with supervising(READY + "sys.exit(8)", log) as (supervisor, group):
        await supervisor.start([child], group)
        await until(lambda: child.is_given_up)
        with pytest.raises(LocalFault, match="a did not start"):
            await supervisor.wait_ready(child)
    assert (child.starts, child.exit_code, child.is_given_up) == (1, 8, True)
    assert log.events == ["child_given_up"]


@pytest.mark.parametrize(
    ("code", "kind"), [(2, CallerError), (3, NotFound), (4, AccessDenied), (5, AlreadyExists), (8, LocalFault)]
)
async def test_a_refusal_to_start_keeps_its_class(code: int, kind: type[ShoalError]) -> None:
    child = child_called("a")
    with pytest.raises(kind, match="a did not start; see its message above"):
        async with supervising(f"sys.exit({code})") as (supervisor, group):
            await supervisor.start([child], group)
    assert child.starts == 1


async def test_a_crash_at_the_first_start_is_tried_again(tmp_path: Path) -> None:
    script = f"os.path.exists('{tmp_path}/x') or (open('{tmp_path}/x', 'w'), sys.exit(1));"
    child = child_called("a")
    async with supervising(script + READY + WAIT) as (supervisor, group):
        await supervisor.start([child], group)
        assert child.starts == 2


async def test_a_refusal_at_a_later_start_is_tried_again(tmp_path: Path) -> None:
    """The port may be taken for a moment, the coordinator away."""
    script = f"n = len(os.listdir('{tmp_path}')); open('{tmp_path}/' + str(n), 'w'); n == 1 and sys.exit(5);"
    child = child_called("a")
    async with supervising(script + READY + WAIT) as (supervisor, group):
        await supervisor.start([child], group)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await restarted(child, starts=3)
        assert not child.is_given_up


async def test_a_killed_child_stays_down_until_it_is_resumed() -> None:
    log, child = QuietLog(), child_called("a")
    async with supervising(READY + WAIT, log) as (supervisor, group):
        await supervisor.start([child], group)
        pid = child.pid
        await supervisor.kill(child)
        assert (child.pid, child.exit_code, child.settled.is_set()) == (None, -signal.SIGKILL, False)
        assert pid is not None
        assert not is_running(pid)
        await asyncio.sleep(0.01)
        await supervisor.kill(child)
        assert child.starts == 1
        await supervisor.resume(child)
        assert child.starts == 2
    assert log.events == []


async def test_a_child_that_is_killed_while_it_starts_stays_down() -> None:
    child = child_called("a")
    async with supervising(READY + WAIT) as (supervisor, group):
        starting = group.create_task(supervisor.start([child], group))
        await until(lambda: not child.gone.is_set())
        assert child.pid is None
        await supervisor.kill(child)
        assert (child.pid, child.gone.is_set(), child.settled.is_set()) == (None, True, False)
        await supervisor.resume(child)
        await starting
        assert child.starts == 2


async def test_a_child_that_has_just_ended_can_be_killed() -> None:
    child = child_called("a")
    async with supervising(READY + "sys.stdout.close(); os._exit(0)") as (supervisor, group):
        await supervisor.start([child], group)
        await supervisor.kill(child)
        assert child.pid is None


async def test_what_was_started_last_has_ended_before_what_it_depends_on_is_asked_to() -> None:
    first, second = child_called("first"), child_called("second")
    async with supervising(READY + WAIT) as (supervisor, group):
        await supervisor.start([first], group)
        await supervisor.start([second], group)
        stopping = group.create_task(supervisor.stop())
        await until(second.gone.is_set)
        assert first.pid is not None
        await stopping
        assert first.gone.is_set()


async def test_a_child_that_will_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_S", 0.01)
    child = child_called("a")
    async with supervising(IGNORE + READY + WAIT) as (supervisor, group):
        await supervisor.start([child], group)
    assert child.exit_code == -signal.SIGKILL


async def test_a_child_that_is_never_ready_is_not_waited_for_for_ever() -> None:
    child = child_called("a")
    async with supervising(WAIT) as (supervisor, group):
        starting = group.create_task(supervisor.start([child], group))
        with pytest.raises(DeadlineExceeded, match="a was not ready within 0 s"):
            await supervisor.wait_ready(child, seconds=0.01)
        starting.cancel()
    assert child.pid is None


async def test_a_child_that_says_something_else_is_a_fault() -> None:
    with pytest.raises(LocalFault, match="a said b'hello"):
        async with supervising("print('hello', flush=True);" + WAIT) as (supervisor, group):
            await supervisor.start([child_called("a")], group)


async def test_a_talkative_child_is_not_blocked() -> None:
    child = child_called("a")
    async with supervising(READY + "print('x' * 1000000, flush=True); sys.exit(8)") as (supervisor, group):
        await supervisor.start([child], group)
        await until(child.gone.is_set)
    assert child.exit_code == 8


async def test_a_cancelled_start_leaves_no_child() -> None:
    child = child_called("a")

    async def start() -> None:
        async with supervising("sys.stdin.close();" + WAIT) as (supervisor, group):
            await supervisor.start([child], group)

    task = asyncio.create_task(start())
    await until(lambda: child.pid is not None)
    pid = child.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pid is not None
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_starts_and_failures_leak_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    child = child_called("a")
    async with supervising(READY + WAIT) as (supervisor, group):
        await supervisor.start([child], group)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            await supervisor.kill(child)
            await supervisor.resume(child)
        assert len(os.listdir("/proc/self/fd")) == before
    assert len(os.listdir("/proc/self/fd")) < before
    with pytest.raises(ExceptionGroup, match="unhandled"):
        async with asyncio.TaskGroup() as failing:
            await Supervisor(QuietLog(), program=("/no/such/program",)).start([child_called("b")], failing)
    assert len(os.listdir("/proc/self/fd")) < before


async def test_a_child_reads_no_input_and_has_a_session_of_its_own() -> None:
    """Ctrl-C in a terminal reaches the supervisor alone, which then stops the children in order."""
    script = "assert sys.stdin.read() == '' and os.getsid(0) == os.getpid();"
    async with supervising(script + READY + WAIT) as (supervisor, group):
        await supervisor.start([child_called("a")], group)


async def test_a_child_sees_no_settings_but_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was meant for the supervisor, where to listen say, must not reach it a second time."""
    monkeypatch.setenv("SHOAL_NODE_LISTEN", "192.0.2.1:1")
    monkeypatch.setenv("SHOAL_CONFIG", "shoal.toml")
    monkeypatch.setenv("OTHER", "kept")
    seen = "{name: value for name, value in os.environ.items() if name.startswith('SHOAL')}"
    script = f"assert {seen} == {{'{LIFELINE}': os.environ['{LIFELINE}'], 'SHOAL_CONFIG': '/dev/null'}};"
    async with supervising(script + "assert os.environ['OTHER'] == 'kept';" + READY + WAIT) as (supervisor, group):
        await supervisor.start([child_called("a")], group)


async def test_a_supervisor_of_nobody_ends() -> None:
    supervisor = Supervisor(QuietLog())
    async with asyncio.TaskGroup() as group:
        await supervisor.start([], group)
        await supervisor.stop()
    assert supervisor.children == {}
