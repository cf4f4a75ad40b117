"""Every call of both doors, cancelled and timed out while a coordinator that hears everything answers nothing."""

import asyncio
import contextlib
import inspect
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import shoal

VERSION = "0199b2f0-0000-7000-8000-000000000001"
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "copy": ("a", "b"),
    "create_bucket": ("photos",),
    "delete": ("a",),
    "delete_bucket": ("photos",),
    "download": ("a",),
    "get": ("a",),
    "get_file": ("a", "a.bin"),
    "list": (),
    "list_buckets": (),
    "list_prefixes": (),
    "move": ("a", "b"),
    "open": ("a",),
    "put": ("a", b"x"),
    "restore": ("a", VERSION),
    "stat": ("a",),
    "stream": ("a",),
    "undelete": ("a",),
    "upload": ("mine.bin",),
    "usage": (),
    "versions": ("a",),
}


class Deaf:
    """I take connections and what they say, and answer nothing. `heard` is called at the first byte, once."""

    def __init__(self) -> None:
        self.heard: Callable[[], None] = lambda: None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._socket.accept()
                self._taken.append(taken)
                taken.settimeout(5)
                if taken.recv(1):
                    heard, self.heard = self.heard, lambda: None
                    heard()
            except OSError:
                return

    def close(self) -> None:
        """Everything."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(60)
        for each in self._taken:
            each.close()


@pytest.fixture
def deaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deaf]:
    """It, found by its endpoint; and files in the current directory that must stay as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOAL_KEY", "SHOALKEY")
    monkeypatch.setenv("SHOAL_SECRET", "00" * 32)
    for name in ("a", "a.bin", "mine.bin"):
        (tmp_path / name).write_bytes(b"mine")
    found = Deaf()
    yield found
    found.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.bin", "mine.bin"]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"mine"}


def test_there_is_a_case_for_each_call() -> None:
    verbs = {name for name, _ in inspect.getmembers(shoal.aio.Shoal, inspect.isroutine) if not name.startswith("_")}
    assert verbs == set(ARGUMENTS)


@asynccontextmanager
async def connected(deaf: Deaf) -> AsyncIterator[tuple[shoal.aio.Shoal, asyncio.Event]]:
    """A connection, and what is set when it was heard. Afterwards nothing is left on the loop."""
    loop, heard = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # nobody waited for it, and the loop is closed
            loop.call_soon_threadsafe(heard.set)

    deaf.heard = tell
    before = asyncio.all_tasks()
    async with shoal.aio.connect(endpoint=deaf.endpoint) as store:
        yield store, heard
    assert asyncio.all_tasks() == before


async def called(store: shoal.aio.Shoal, verb: str, **options: object) -> object:
    """One call, or its first step."""
    call = getattr(store, verb)(*ARGUMENTS[verb], **options)
    if inspect.isasyncgen(call):
        return await anext(call)
    if inspect.iscoroutine(call):
        return await call
    async with call as file:
        return file


@pytest.mark.parametrize("verb", ARGUMENTS)
async def test_a_cancelled_call_ends_and_leaves_nothing(verb: str, deaf: Deaf) -> None:
    async with connected(deaf) as (store, heard):
        calling = asyncio.ensure_future(called(store, verb))
        await heard.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling


@pytest.mark.parametrize("verb", ARGUMENTS)
async def test_a_call_that_takes_too_long_says_which(verb: str, deaf: Deaf) -> None:
    async with connected(deaf) as (store, _):
        with pytest.raises(shoal.DeadlineExceeded, match=r"was not done within its timeout of 0\.01 s"):
            await called(store, verb, timeout=0.01)


def _interrupt() -> None:
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def step(store: shoal.Shoal, verb: str) -> object:
    """One call of the plain door, or its first step."""
    call: Any = getattr(store, verb)(*ARGUMENTS[verb])
    return next(call) if inspect.isgenerator(call) else call


@pytest.mark.parametrize("verb", ARGUMENTS)
def test_control_c_ends_a_plain_call_and_leaves_nothing(verb: str, deaf: Deaf) -> None:
    deaf.heard = _interrupt
    with shoal.connect(endpoint=deaf.endpoint) as store:
        with pytest.raises(KeyboardInterrupt):
            step(store, verb)
        assert tasks_of(store) == set()


@pytest.mark.parametrize("verb", ARGUMENTS)
def test_closing_ends_a_plain_call_of_another_thread(verb: str, deaf: Deaf) -> None:
    heard = threading.Event()
    deaf.heard = heard.set
    with ThreadPoolExecutor(1) as thread:
        store = shoal.connect(endpoint=deaf.endpoint)
        calling = thread.submit(step, store, verb)
        assert heard.wait(60)
        store.close()
        with pytest.raises(shoal.ShoalError, match="closed"):
            calling.result(60)


def tasks_of(store: shoal.Shoal) -> set[str]:
    """The names of the tasks of calls that are under way on its loop."""

    async def names() -> set[str]:
        own = asyncio.current_task()
        return {task.get_name() for task in asyncio.all_tasks() if task is not own and "_run" in repr(task.get_coro())}

    work: Coroutine[Any, Any, set[str]] = names()
    return store._door.start(work).result(60)
