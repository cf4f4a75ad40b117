"""A real cluster within a test: a coordinator and nodes in this process, on real files and sockets.

    >>> from shoal.testing import Cluster
    >>> with Cluster(nodes=3) as cluster, cluster.connect() as store:
    ...     stored = store.put("greeting", b"hello")
    ...     cluster.kill_node(1)
    ...     store.get("greeting")
    b'hello'

Everything runs on one event loop in a thread of its own, so it goes on whatever the test's own thread or loop does.
"""

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from weakref import WeakSet

from shoal.base.errors import InvalidArgument
from shoal.base.units import MIB, SECOND
from shoal.client.settings import ClientSettings
from shoal.ports.log import Log
from shoal.testing.members import Members, Plan, running_members
from shoal.wiring.aio import Shoal as AsyncShoal
from shoal.wiring.cluster_files import CREDENTIALS, CredentialsFile, read_json
from shoal.wiring.connect import ClusterAddress, find_cluster, open_client
from shoal.wiring.doors import Shoal
from shoal.wiring.env.workers import WorkerPool, outcome
from shoal.wiring.log import Level, StreamLog

PATIENCE_S = ClientSettings().patience_ns / SECOND
"""As users have it who say nothing of it."""

T = TypeVar("T")


class Cluster:
    """I am a cluster for the time of a `with` (or an `async with`), ready when its body begins. I can be entered again.

    Everything about me may be called from any thread; it waits for its outcome. Before and after the body there is no
    cluster, and everything raises InvalidArgument.
    """

    def __init__(
        self,
        nodes: int = 3,
        *,
        data: Path | str | None = None,
        replicas: int | Literal["auto"] = "auto",
        chunk_bytes: int = 8 * MIB,
        log: Log | None = None,
    ) -> None:
        """`data`: where the cluster keeps everything, and finds it again the next time; without it, in a temporary
        directory that is removed at the end. `replicas`: copies of each chunk; "auto" is one for each node, up to 3.
        `chunk_bytes`: how objects are cut unless a put says otherwise; make it small to have many chunks. Errors of
        the cluster's members go to `log`, by default to standard error.

        Raises: InvalidArgument.
        """
        self._plan = Plan(nodes, replicas=0 if replicas == "auto" else replicas, chunk_bytes=chunk_bytes)
        self._wanted_data = None if data is None else Path(data).absolute()
        self._log = log or StreamLog(level=Level.ERROR)
        self._stack = ExitStack()
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        """Start all of it. Raises: what a member refused to start with, such as AlreadyExists (`data` is in use),
        StorageFull or DiskFailed."""
        if self._running is not None:
            raise InvalidArgument("this cluster runs already")
        with ExitStack() as stack:
            data = self._wanted_data or Path(stack.enter_context(_temporary_directory()))
            loop = stack.enter_context(_loop_on_a_thread())
            members, serving = stack.enter_context(_served(self._plan, data, log=self._log, loop=loop))
            stack.callback(self._close)
            self._running = _Running(data, loop, members=members, serving=serving)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all of it, and close the connections that are still open. Raises: what a member ended with, if it ended
        by itself."""
        self._stack.__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        """The same, without stopping the caller's loop."""
        await _beside(self.__enter__, unwanted=lambda _: self.__exit__(None, None, None))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _beside(lambda: self.__exit__(kind, error, trace))

    def _close(self) -> None:
        running, self._running = self._now, None
        for door in list(running.doors):
            door.close()

    @property
    def _now(self) -> "_Running":
        if self._running is None:
            raise InvalidArgument("this cluster does not run: use it within `with Cluster() as cluster:`")
        return self._running

    # -- reaching it

    def connect(self, *, patience: float = PATIENCE_S) -> Shoal:
        """A connection to it, as `shoal.connect` gives. It is closed with the cluster, if not before.

        `patience`: for how many seconds nodes that are missing are waited for before an error.
        """
        door = Shoal(self._address(), self._log, settings=_settings(patience))
        self._now.doors.add(door)
        return door

    @asynccontextmanager
    async def aio(self, *, patience: float = PATIENCE_S) -> AsyncIterator[AsyncShoal]:
        """A connection to it on the caller's own loop, as `shoal.aio.connect` gives. `patience` as for `connect`."""
        async with open_client(self._address(), log=self._log, settings=_settings(patience)) as client:
            yield AsyncShoal(client)

    def _address(self) -> ClusterAddress:
        return find_cluster(endpoint=self.endpoint, environ=self.environ)

    @property
    def data(self) -> Path:
        """The directory that it keeps everything in."""
        return self._now.data

    @property
    def endpoint(self) -> str:
        """`HOST:PORT` of its coordinator."""
        return self._now.members.endpoint

    @property
    def credentials(self) -> CredentialsFile:
        """The access key that may do everything: `key` and `secret`."""
        return read_json(self.data / CREDENTIALS, CredentialsFile)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables by which another process finds it: SHOAL_ENDPOINT, SHOAL_KEY, SHOAL_SECRET."""
        credentials = self.credentials
        return {"SHOAL_ENDPOINT": self.endpoint, "SHOAL_KEY": credentials.key, "SHOAL_SECRET": credentials.secret}

    # -- its nodes, numbered from 1

    @property
    def running_nodes(self) -> tuple[int, ...]:
        """The numbers of the nodes that run."""
        return self._now.members.running()

    def stop_node(self, number: int) -> None:
        """Stop a node as its operator would: what it is answering has two seconds to end. Raises: InvalidArgument."""
        self._now.wait_for(self._now.members.stop(number))

    def kill_node(self, number: int) -> None:
        """Take a node away at once: connections to it break, whatever is under way on them. Its directory is left as a
        stopped node leaves it. Raises: InvalidArgument."""
        self._now.wait_for(self._now.members.kill(number))

    def start_node(self, number: int) -> None:
        """Start a node again that was stopped or killed, with all that it had; it is a member on return.

        Raises: InvalidArgument; what the node refuses to start with.
        """
        self._now.wait_for(self._now.members.start(number))


class _Running:
    """I am what a cluster has while it runs."""

    def __init__(self, data: Path, loop: asyncio.AbstractEventLoop, *, members: Members, serving: Future[None]) -> None:
        """`serving` ends with the members, and as they do."""
        self.data = data
        self.members = members
        self.doors = WeakSet[Shoal]()
        self._loop = loop
        self._serving = serving

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """The outcome of `work`, which is cancelled if the waiting ends otherwise. Raises: also what a member ended
        with, which ends them all."""
        if self._serving.done():
            work.close()
            self._serving.result()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()


def _settings(patience: float) -> ClientSettings:
    return ClientSettings(patience_ns=int(patience * SECOND))


def _temporary_directory() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="shoal-")


@contextmanager
def _loop_on_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs until the context ends; what is still on it is cancelled then."""
    opened = Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

    async def stay() -> None:
        closing = asyncio.Event()
        opened.set_result((asyncio.get_running_loop(), closing))
        await closing.wait()

    thread = threading.Thread(target=lambda: asyncio.run(stay()), name="shoal-cluster", daemon=True)
    thread.start()
    loop, closing = opened.result()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(closing.set)
        thread.join()


@contextmanager
def _served(
    plan: Plan, data: Path, *, log: Log, loop: asyncio.AbstractEventLoop
) -> Iterator[tuple[Members, Future[None]]]:
    """The members, all of them up, on that loop, and what they end with, which is raised also when the context ends.
    Raises: what they could not start with."""
    opened = Future[tuple[Members, asyncio.Event]]()

    async def serve() -> None:
        closing = asyncio.Event()
        async with running_members(plan, data, log) as members:
            opened.set_result((members, closing))
            await closing.wait()

    serving = asyncio.run_coroutine_threadsafe(serve(), loop)
    either: list[Future[Any]] = [opened, serving]
    wait(either, return_when=FIRST_COMPLETED)
    if not opened.done():
        serving.result()
    members, closing = opened.result()
    try:
        yield members, serving
    finally:
        loop.call_soon_threadsafe(closing.set)
        serving.result()


async def _beside(call: Callable[[], T], *, unwanted: Callable[[T], None] | None = None) -> T:
    """What `call` returns, on a thread for this call only. A caller that is cancelled waits until it has ended."""
    pool = WorkerPool("shoal-cluster-call", threads=1)
    try:
        return await outcome(pool.submit(call), unwanted=unwanted)
    finally:
        pool.close()
