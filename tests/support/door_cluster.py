"""A cluster of real processes with JSON-lines doors, beside tests that are not asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from shoal.app.local_cluster import LocalCluster, RunningCluster, running_cluster
from shoal.wiring.log import Level, StreamLog

T = TypeVar("T")

_SECONDS = 120.0


class DoorCluster:
    """I keep `cluster` running in a loop of its own, and may take its processes away."""

    def __init__(self, data: Path, cluster: RunningCluster, loop: asyncio.AbstractEventLoop) -> None:
        self.data = data
        self._cluster = cluster
        self._loop = loop

    def door(self, name: str = "coordinator") -> str:
        """How the door of a process is called."""
        return self._cluster.child(name).jsonl

    def pid(self, name: str = "coordinator") -> int:
        """Of the process that runs now."""
        pid = self._cluster.child(name).pid
        assert pid is not None
        return pid

    def starts(self) -> dict[str, int]:
        """How often each process was started."""
        return {name: child.starts for name, child in self._cluster.supervisor.children.items()}

    def kill(self, name: str) -> None:
        """kill -9, and leave it down."""
        self._run(self._cluster.supervisor.kill(self._cluster.child(name)))

    def resume(self, name: str) -> None:
        """Start it again."""
        self._run(self._cluster.supervisor.resume(self._cluster.child(name)))

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """With these killed, for the time of the context."""
        for name in names:
            self.kill(name)
        try:
            yield
        finally:
            for name in names:
                self.resume(name)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)


@contextmanager
def door_cluster(data: Path, *coordinator_options: str, nodes: int) -> Iterator[DoorCluster]:
    """Nodes and a coordinator on free ports, each with a door; ready on entry."""
    ready, leave = threading.Event(), threading.Event()
    found: list[DoorCluster] = []
    broken: list[BaseException] = []

    async def serve() -> None:
        settings = LocalCluster(
            data=data,
            nodes=nodes,
            port_base=0,
            coordinator_options=coordinator_options,
            jsonl="127.0.0.1:0",
            node_jsonl=(":0",) * nodes,
            is_quiet=True,
        )
        async with running_cluster(settings, StreamLog(level=Level.ERROR)) as cluster:
            found.append(DoorCluster(data, cluster, asyncio.get_running_loop()))
            ready.set()
            while not leave.is_set():  # noqa: ASYNC110, of another thread
                await asyncio.sleep(0.02)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as exc:
            broken.append(exc)
            raise
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="door-cluster")
    thread.start()
    try:
        assert ready.wait(_SECONDS)
        assert found, broken
        yield found[0]
    finally:
        leave.set()
        thread.join(_SECONDS)
