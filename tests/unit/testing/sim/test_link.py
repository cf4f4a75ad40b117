"""The sending side of the simulated network, with the receiving side behind it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shoal.base.errors import DeadlineExceeded, InvalidArgument, NodeUnreachable, OutcomeUnknown
from shoal.base.ids import Address
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Reply, Request, Stream
from shoal.testing.sim.network_faults import NetworkFaults
from support.sim_network import SERVER, Lab, in_lab

MIB = 1 << 20


class Pieces:
    """Pieces of a body, and whether they were closed."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = iter(pieces)
        self._error = error
        self.asked = 0
        self.closed = 0

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        self.asked += 1
        piece = next(self._pieces, None)
        if piece is not None:
            return piece
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1


async def get(lab: Lab, *, body: bytes | Stream = b"", seconds: float = 60, method: str = "PUT") -> Reply:
    request = Request(method, "/x", body=body)
    return await lab.link.call(SERVER, request, deadline=lab.within(seconds), reply_bytes_max=64 * MIB)


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * MIB])
def test_a_body_of_any_size_comes_back(size: int) -> None:
    async def main(lab: Lab) -> bytes | Stream:
        await lab.serve(lab.echo)
        return (await get(lab, body=bytes(range(256)) * (size // 256) + b"x" * (size % 256))).body

    assert in_lab(main) == bytes(range(256)) * (size // 256) + b"x" * (size % 256)


def test_pieces_are_sent_in_order_and_closed_once() -> None:
    async def main(lab: Lab) -> tuple[bytes | Stream, int]:
        await lab.serve(lab.echo)
        pieces = Pieces(b"a" * MIB, b"", b"b" * 10)
        reply = await get(lab, body=Stream(MIB + 10, pieces))
        return reply.body, pieces.closed

    assert in_lab(main) == (b"a" * MIB + b"b" * 10, 1)


def test_connections_are_reused() -> None:
    async def main(lab: Lab) -> tuple[int, int]:
        await lab.serve(lab.echo)
        started = lab.loop.now_ns()
        await get(lab)
        first = lab.loop.now_ns() - started
        for _ in range(20):
            await get(lab)
        return len(lab.network._connections), (lab.loop.now_ns() - started) // first

    connections, spent = in_lab(main)
    assert connections == 1
    assert spent < 20


def test_nobody_listening_is_surely_not_done() -> None:
    async def main(lab: Lab) -> None:
        await get(lab)

    with pytest.raises(NodeUnreachable):
        in_lab(main)


def test_a_closed_listener_refuses() -> None:
    async def main(lab: Lab) -> None:
        listening = await lab.serve(lab.echo)
        await get(lab)
        await listening.close(grace_ns=0)
        await asyncio.sleep(1)
        await get(lab)

    with pytest.raises(NodeUnreachable):
        in_lab(main)


def test_a_slow_handler_exceeds_the_deadline_at_its_time() -> None:
    async def slow(request: IncomingRequest) -> Reply:
        await asyncio.sleep(10)
        return Reply(200)

    async def main(lab: Lab) -> int:
        await lab.serve(slow)
        with pytest.raises(DeadlineExceeded):
            await get(lab, seconds=3)
        return lab.loop.now_ns()

    assert in_lab(main) == 3_000_000_000


def test_a_deadline_in_the_past_sends_nothing() -> None:
    async def main(lab: Lab) -> list[str]:
        await lab.serve(lab.echo)
        with pytest.raises(DeadlineExceeded):
            await get(lab, seconds=0)
        await asyncio.sleep(5)
        return lab.served

    assert in_lab(main) == []


def test_a_lost_reply_is_an_unknown_outcome_of_something_done() -> None:
    async def main(lab: Lab) -> list[str]:
        await lab.serve(lab.echo)
        with pytest.raises(OutcomeUnknown):
            await get(lab)
        return lab.served

    assert in_lab(main, faults=NetworkFaults(lose_reply=1, silent_share=0)) == ["/x"]


def test_a_lost_request_is_an_unknown_outcome_of_something_not_done() -> None:
    async def main(lab: Lab) -> list[str]:
        await lab.serve(lab.echo)
        with pytest.raises(OutcomeUnknown):
            await get(lab)
        return lab.served

    assert in_lab(main, faults=NetworkFaults(lose_request=1, silent_share=0)) == []


@pytest.mark.parametrize("body", [b"", b"x", b"x" * (3 * FRAME_BYTES)])
def test_a_half_closed_connection_is_an_unknown_outcome_at_once(body: bytes) -> None:
    async def main(lab: Lab) -> float:
        await lab.serve(lab.echo)
        lab.network.faults = NetworkFaults(half_close=1)
        with pytest.raises(OutcomeUnknown):
            await get(lab, body=body)
        return lab.loop.time()

    assert in_lab(main) < 1


@pytest.mark.parametrize("size", [1, 100, 3 * FRAME_BYTES])
def test_of_altered_messages_some_arrive_and_some_are_refused(size: int) -> None:
    async def main(lab: Lab) -> list[str]:
        await lab.serve(lab.echo)
        lab.network.faults = NetworkFaults(corrupt=1)
        told = []
        for _ in range(60):
            try:
                reply = await get(lab, body=bytes(size), seconds=5)
            except (OutcomeUnknown, DeadlineExceeded) as exc:
                told.append(type(exc).__name__)
            else:
                told.append("as sent" if (reply.status, reply.body) == (200, bytes(size)) else "altered")
        assert lab.network.handler_bugs == []
        assert lab.network.fired["corrupt"] >= 60
        return told

    assert {*in_lab(main)} >= {"altered", "OutcomeUnknown"}


def test_a_silent_loss_lasts_until_the_deadline() -> None:
    async def main(lab: Lab) -> int:
        await lab.serve(lab.echo)
        with pytest.raises(DeadlineExceeded):
            await get(lab, seconds=30)
        return lab.loop.now_ns()

    assert in_lab(main, faults=NetworkFaults(lose_reply=1, silent_share=1)) == 30_000_000_000


def test_a_duplicated_request_is_done_twice_and_answered_once() -> None:
    async def main(lab: Lab) -> tuple[list[str], int]:
        await lab.serve(lab.echo)
        replies = [await get(lab) for _ in range(3)]
        await asyncio.sleep(60)
        return lab.served, len(replies)

    served, replies = in_lab(main, faults=NetworkFaults(duplicate=1))
    assert served == ["/x"] * 6
    assert replies == 3


def test_a_body_cut_in_the_middle_breaks_for_both_sides() -> None:
    broken: list[str] = []

    async def reads(request: IncomingRequest) -> Reply:
        try:
            await request.body.read_all(64 * MIB)
        except OutcomeUnknown:
            broken.append(request.target)
            raise
        return Reply(200)

    async def main(lab: Lab) -> list[BaseException]:
        await lab.serve(reads)
        with pytest.raises(OutcomeUnknown):
            await get(lab, body=b"x" * (8 * MIB))
        await asyncio.sleep(60)
        return lab.network.handler_bugs

    for seed in range(5):
        assert in_lab(main, seed=seed, faults=NetworkFaults(cut_body=0.1, silent_share=0)) == []
    assert set(broken) == {"/x"}


@pytest.mark.parametrize(("length", "size"), [(10, 9), (10, 11), (2 * MIB, MIB), (MIB, 2 * MIB)])
def test_pieces_that_do_not_add_up_break_the_body(length: int, size: int) -> None:
    broken: list[str] = []

    async def reads(request: IncomingRequest) -> Reply:
        try:
            await request.body.read_all(64 * MIB)
        except OutcomeUnknown:
            broken.append(request.target)
            raise
        return Reply(200)

    async def main(lab: Lab) -> int:
        await lab.serve(reads)
        pieces = Pieces(b"x" * size)
        with pytest.raises(InvalidArgument):
            await get(lab, body=Stream(length, pieces))
        await asyncio.sleep(60)
        return pieces.closed

    assert in_lab(main) == 1
    assert broken == ["/x"]


def test_what_pieces_raise_reaches_the_caller() -> None:
    async def main(lab: Lab) -> int:
        await lab.serve(lab.echo)
        pieces = Pieces(b"x" * MIB, error=ValueError("from the pieces"))
        with pytest.raises(ValueError, match="from the pieces"):
            await get(lab, body=Stream(2 * MIB, pieces))
        return pieces.closed

    assert in_lab(main) == 1


def test_pieces_are_closed_even_if_nothing_was_asked() -> None:
    async def main(lab: Lab) -> tuple[int, int]:
        pieces = Pieces(b"x")
        with pytest.raises(NodeUnreachable):
            await get(lab, body=Stream(1, pieces))
        return pieces.asked, pieces.closed

    assert in_lab(main) == (0, 1)


def test_an_early_reply_ends_the_sending() -> None:
    async def refuses(request: IncomingRequest) -> Reply:
        return Reply(413, body=b"too large")

    async def main(lab: Lab) -> tuple[int, bytes | Stream, int, int]:
        await lab.serve(refuses)
        pieces = Pieces(*[b"x" * FRAME_BYTES] * 100)
        reply = await get(lab, body=Stream(100 * FRAME_BYTES, pieces))
        await asyncio.sleep(1)
        return reply.status, reply.body, pieces.asked, len(lab.network._connections)

    status, body, asked, connections = in_lab(main)
    assert (status, body) == (413, b"too large")
    assert asked < 10
    assert connections == 0


def test_a_reader_that_does_not_read_slows_the_sender() -> None:
    async def slow(request: IncomingRequest) -> Reply:
        await asyncio.sleep(10)
        return Reply(200, body=str(len(await request.body.read_all(64 * MIB))).encode())

    async def main(lab: Lab) -> int:
        await lab.serve(slow)
        pieces = Pieces(*[b"x" * FRAME_BYTES] * 20)
        async with asyncio.TaskGroup() as group:
            group.create_task(get(lab, body=Stream(20 * FRAME_BYTES, pieces)))
            await asyncio.sleep(5)
            return pieces.asked

    assert in_lab(main) <= 5


def test_a_sender_that_stands_still_is_given_up() -> None:
    errors: list[type[BaseException]] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(300)
        yield b"x"

    async def reads(request: IncomingRequest) -> Reply:
        try:
            await request.body.read_all(MIB)
        except DeadlineExceeded as exc:
            errors.append(type(exc))
            raise
        return Reply(200)

    async def main(lab: Lab) -> list[BaseException]:
        await lab.serve(reads)
        with pytest.raises(OutcomeUnknown):
            await get(lab, body=Stream(2, pieces()), seconds=200)
        return lab.network.handler_bugs

    assert in_lab(main) == []
    assert errors == [DeadlineExceeded]


def test_a_cancelled_call_closes_its_connection() -> None:
    async def slow(request: IncomingRequest) -> Reply:
        await asyncio.sleep(10)
        return Reply(200)

    async def main(lab: Lab) -> int:
        await lab.serve(slow)
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(get(lab))
            await asyncio.sleep(1)
            calling.cancel()
        await asyncio.sleep(1)
        return len(lab.network._connections)

    assert in_lab(main) == 0


def test_a_reply_left_unread_closes_the_connection() -> None:
    async def large(request: IncomingRequest) -> Reply:
        return Reply(200, body=b"x" * (4 * MIB))

    async def main(lab: Lab) -> int:
        await lab.serve(large)
        async with lab.link.exchange(SERVER, Request("GET", "/x"), deadline=lab.within(5)) as reply:
            await reply.body.next_frame()
        await asyncio.sleep(1)
        return len(lab.network._connections)

    assert in_lab(main) == 0


def test_after_the_head_only_patience_counts() -> None:
    async def trickle(request: IncomingRequest) -> Reply:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(10):
                await asyncio.sleep(5)
                yield b"x"

        return Reply(200, body=Stream(10, pieces()))

    async def main(lab: Lab) -> bytes:
        await lab.serve(trickle)
        async with lab.link.exchange(SERVER, Request("GET", "/x"), deadline=lab.within(2)) as reply:
            return await reply.body.read_all(10)

    assert in_lab(main) == b"x" * 10


def test_a_reply_over_the_limit_is_refused() -> None:
    async def main(lab: Lab) -> None:
        await lab.serve(lab.echo)
        request = Request("PUT", "/x", body=b"12345")
        await lab.link.call(SERVER, request, deadline=lab.within(5), reply_bytes_max=4)

    with pytest.raises(InvalidArgument):
        in_lab(main)


def test_a_handler_that_raises_answers_500_and_is_reported() -> None:
    async def buggy(request: IncomingRequest) -> Reply:
        raise KeyError("a bug")

    async def main(lab: Lab) -> tuple[int, list[BaseException], int]:
        await lab.serve(buggy)
        status = (await get(lab)).status
        await asyncio.sleep(1)
        return status, lab.network.handler_bugs, len(lab.network._connections)

    status, bugs, connections = in_lab(main)
    assert status == 500
    assert [type(bug) for bug in bugs] == [KeyError]
    assert connections == 0


def test_a_head_reply_has_no_body() -> None:
    async def main(lab: Lab) -> bytes | Stream:
        async def large(request: IncomingRequest) -> Reply:
            return Reply(200, body=b"x" * MIB)

        await lab.serve(large)
        return (await get(lab, method="HEAD")).body

    assert in_lab(main) == b""


def test_a_head_that_cannot_be_sent_is_refused() -> None:
    async def main(lab: Lab) -> None:
        await lab.serve(lab.echo)
        request = Request("PUT", "/x", headers={"Upper": "x"})
        await lab.link.call(SERVER, request, deadline=lab.within(5), reply_bytes_max=4)

    with pytest.raises(InvalidArgument):
        in_lab(main)


def test_a_closed_link_lets_go_of_its_connections() -> None:
    async def main(lab: Lab) -> int:
        await lab.serve(lab.echo)
        await lab.link.call(Address(SERVER), Request("GET", "/x"), deadline=lab.within(5), reply_bytes_max=4)
        await lab.link.close()
        await asyncio.sleep(1)
        return len(lab.network._connections)

    assert in_lab(main) == 0
