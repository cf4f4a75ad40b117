"""How long a client asks for a coordinator, and what it may say when it gives up."""

from dataclasses import replace
from typing import NoReturn

import pytest

from shoal.base.env import Env
from shoal.base.errors import DeadlineExceeded, NodeUnreachable, OutcomeUnknown, ShoalError, Throttled, TransientError
from shoal.base.ids import Address, Instant, SessionId, WallNs
from shoal.base.units import SECOND
from shoal.client.remote_catalog import RemoteCatalog
from shoal.client.settings import ClientSettings
from shoal.core.trust.signing import Credential
from shoal.formats import wire
from shoal.formats.errors import body_of, status_of
from shoal.model.messages.objects import CommitBatch
from shoal.ports.link import Reply, Request
from shoal.wiring.env import diskless_env

PATIENCE_NS = 5 * SECOND
COMMIT = CommitBatch(SessionId(1), ())


class PatientClock:
    """Time passes only when somebody waits for it."""

    def __init__(self) -> None:
        self.time_ns = 1000 * SECOND

    def now(self) -> Instant:
        return Instant(self.time_ns)

    def wall(self) -> WallNs:
        return WallNs(self.time_ns)

    async def sleep(self, duration_ns: int) -> None:
        self.time_ns += duration_ns


class ScriptedLink:
    """I fail in the ways that I am told, the last one for ever. A call that gets no answer takes all its time."""

    def __init__(self, clock: PatientClock, *failures: ShoalError | None) -> None:
        self._clock = clock
        self._failures = list(failures)
        self.asked: list[Address] = []

    async def call(self, address: Address, request: Request, *, deadline: Instant, reply_bytes_max: int) -> Reply:
        self.asked.append(address)
        failure = self._failures[0] if len(self._failures) == 1 else self._failures.pop(0)
        if isinstance(failure, Throttled):
            return Reply(status_of(failure), {}, wire.encode(body_of(failure)))
        if failure is None:
            self._clock.time_ns = deadline
            failure = DeadlineExceeded("no answer")
        raise failure

    def exchange(self, address: Address, request: Request, *, deadline: Instant) -> NoReturn:
        raise NotImplementedError("control calls have no bodies that stream")

    async def close(self) -> None:
        pass


def catalog_over(*failures: ShoalError | None) -> tuple[RemoteCatalog, PatientClock, ScriptedLink]:
    """A catalog whose calls fail like this; None is a call that is never answered."""
    clock = PatientClock()
    with diskless_env(threads=1) as real:
        env: Env = replace(real, clock=clock)
    link = ScriptedLink(clock, *failures)
    settings = ClientSettings(patience_ns=PATIENCE_NS, control_deadline_ns=10 * SECOND)
    addresses = (Address("one:1"), Address("two:2"))
    credential = Credential("KEY", b"secret")
    return RemoteCatalog(env, link, coordinators=addresses, credential=credential, settings=settings), clock, link


@pytest.mark.parametrize("failure", [NodeUnreachable("refused"), OutcomeUnknown("cut"), None])
async def test_no_call_outlasts_patience(failure: ShoalError | None) -> None:
    catalog, clock, _ = catalog_over(failure)
    began = clock.now()
    with pytest.raises(TransientError, match="no coordinator answers at one:1, two:2"):
        await catalog.commit(COMMIT)
    assert clock.now() - began <= PATIENCE_NS


async def test_every_coordinator_is_asked() -> None:
    catalog, _, link = catalog_over(NodeUnreachable("refused"))
    with pytest.raises(NodeUnreachable):
        await catalog.status()
    assert set(link.asked) == {"one:1", "two:2"}


@pytest.mark.parametrize("failure", [OutcomeUnknown("cut"), None])
async def test_a_change_that_may_have_been_done_is_not_called_undone(failure: ShoalError | None) -> None:
    catalog, _, _ = catalog_over(failure, NodeUnreachable("refused"))
    with pytest.raises(OutcomeUnknown, match="may have been done"):
        await catalog.commit(COMMIT)


async def test_a_change_that_nobody_took_is_surely_not_done() -> None:
    catalog, _, _ = catalog_over(NodeUnreachable("refused"))
    with pytest.raises(NodeUnreachable):
        await catalog.commit(COMMIT)


async def test_a_read_that_may_have_been_done_is_no_matter() -> None:
    catalog, _, _ = catalog_over(OutcomeUnknown("cut"))
    with pytest.raises(NodeUnreachable, match="is the cluster up"):
        await catalog.status()


async def test_a_coordinator_that_has_too_much_to_do_says_so_itself() -> None:
    catalog, _, _ = catalog_over(Throttled("too many calls"))
    with pytest.raises(Throttled, match="too many calls"):
        await catalog.status()
