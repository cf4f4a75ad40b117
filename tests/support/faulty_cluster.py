"""A cluster of real processes that can be killed at a chosen point, stopped and continued, and reached by a detour."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shoal.app.supervisor import Child, Supervisor
from shoal.base.ids import Address
from shoal.client.one_error import one_error
from shoal.wiring.cluster_files import JOIN
from shoal.wiring.log import Level, StreamLog
from support import crashing

COORDINATOR = "coordinator"
FREE_PORT = "127.0.0.1:0"

_ORDER_S = 60.0
_REACH_S = 1.5
"""A point that the load has not passed by then is one of a stop or a start."""
_BUGS = ("Traceback", "handler_failed", "reply_broken", "invariant", "this is a bug")


@dataclass(frozen=True, slots=True)
class FaultyPlan:
    """`detours`: the addresses by which others reach a process, by its name; whoever is not here is reached directly.
    The nodes find the coordinator at `coordinator_at`, which is its own address unless it is said."""

    data: Path
    nodes: int = 3
    coordinator_options: Sequence[str] = ()
    node_options: Sequence[str] = ()
    detours: dict[str, Address] = field(default_factory=dict)

    @property
    def orders(self) -> Path:
        """Where the processes look for orders, and leave what they say."""
        return self.data / "orders"

    def log_of(self, name: str) -> str:
        """All that a process has said in its lives."""
        return (self.orders / f"{name}.log").read_text()

    def real_address(self, name: str) -> Address:
        """Where a process really listens now."""
        return Address((self.orders / f"{name}.address").read_text())

    def _words(self, name: str, *words: str) -> list[str]:
        return [str(self.orders), name, *words, *self._advertise(name)]

    def _advertise(self, name: str) -> tuple[str, ...]:
        return ("--advertise", self.detours[name]) if name in self.detours else ()

    def _listen(self, child: Child) -> str:
        """The same port in each life, unless a detour finds it anyway."""
        return FREE_PORT if child.address is None or child.name in self.detours else child.address

    def coordinator(self) -> Child:
        """The process of the coordinator."""
        child = Child(COORDINATOR, lambda: self._words(
            COORDINATOR, "coordinator", "--data", str(self.data), "--listen", self._listen(child),
            "--expect-nodes", str(self.nodes), *self.coordinator_options))  # fmt: skip
        return child

    def node(self, number: int, coordinator: Child) -> Child:
        """The process of a node, counted from 1."""
        name = f"node-{number}"
        child = Child(name, lambda: self._words(
            name, "node", "--join", str(self.data / JOIN), "--coordinator", str(coordinator.address),
            "--data", str(self.data / name), "--name", name, "--listen", self._listen(child),
            *self.node_options))  # fmt: skip
        return child


@dataclass(frozen=True, slots=True)
class FaultyCluster:
    """I harm its processes, and look after them."""

    plan: FaultyPlan
    supervisor: Supervisor

    @property
    def names(self) -> list[str]:
        """Of all processes, the coordinator first."""
        return list(self.supervisor.children)

    def child(self, name: str) -> Child:
        """One process."""
        return self.supervisor.children[name]

    async def crash_at(self, name: str, point: str, *, passing: int = 1) -> None:
        """Let a process kill itself at the `passing`-th passing of `point`, and start it again. What its work does not
        pass, a stop and a start may. Raises: AssertionError if it never came by."""
        child, order = self.child(name), self.plan.orders / name
        crashing.give_order(order, point, passing)
        for seconds in (*[_REACH_S] * passing, _ORDER_S):
            child.may_run.clear()
            if not await _is_gone(child, seconds) and child.pid is not None:
                os.kill(child.pid, signal.SIGTERM)
            assert await _is_gone(child, _ORDER_S), f"{name} does not end"
            await self.supervisor.resume(child)
            if not order.exists():
                return
        raise AssertionError(f"{name} never came by {point} for the {passing}. time")

    async def kill_all(self) -> None:
        """All of them at once, and all are started again."""
        children = [self.child(name) for name in self.names]
        await asyncio.gather(*(self.supervisor.kill(child) for child in children))
        await asyncio.gather(*(self.supervisor.resume(child) for child in children))

    @asynccontextmanager
    async def dead(self, name: str) -> AsyncIterator[None]:
        """Without one of them."""
        await self.supervisor.kill(self.child(name))
        yield
        await self.supervisor.resume(self.child(name))

    @asynccontextmanager
    async def stopped(self, name: str) -> AsyncIterator[None]:
        """With one of them standing still (SIGSTOP): its sockets stay, and nobody answers there."""
        pid = self.child(name).pid
        assert pid is not None, f"{name} does not run"
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def assert_no_bugs(self) -> None:
        """Nobody has met one: who was killed had no time to say anything."""
        for name in self.names:
            said = self.plan.log_of(name)
            assert not any(bug in said for bug in _BUGS), said


@asynccontextmanager
async def faulty_cluster(plan: FaultyPlan) -> AsyncIterator[FaultyCluster]:
    """All processes, ready on entry, and stopped at the end."""
    plan.orders.mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(StreamLog(level=Level.ERROR), program=(sys.executable, crashing.__file__))
    async with one_error(), asyncio.TaskGroup() as group:
        coordinator = plan.coordinator()
        await supervisor.start([coordinator], group)
        try:
            await supervisor.start([plan.node(number, coordinator) for number in range(1, plan.nodes + 1)], group)
            yield FaultyCluster(plan, supervisor)
        finally:
            await supervisor.stop()


async def _is_gone(child: Child, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await child.gone.wait()
    except TimeoutError:
        return False
    return True
