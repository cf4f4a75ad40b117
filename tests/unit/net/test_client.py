"""The client: which failures are sure, which are unknown, and that nothing is left behind."""

import asyncio
import os

import pytest

from shoal.base.errors import NodeUnreachable, OutcomeUnknown
from shoal.ports.link import FRAME_BYTES, IncomingRequest, Reply, Request, Stream
from support.links import Pieces, echo, hall, linked, soon, until


async def test_one_connection_carries_many_calls() -> None:
    peers: set[str] = set()

    async def handler(request: IncomingRequest) -> Reply:
        peers.add(request.peer)
        return await echo(request)

    async with hall(handler) as place, linked() as link:
        for size in (0, 10, 100_000, 3):
            request = Request("PUT", "/", {}, b"x" * size)
            reply = await link.call(place.address, request, deadline=soon(), reply_bytes_max=1 << 20)
            assert reply.body == b"x" * size
        stream = Stream(FRAME_BYTES, Pieces([bytes(FRAME_BYTES)]))
        async with link.exchange(place.address, Request("PUT", "/", {}, stream), deadline=soon()) as incoming:
            await incoming.body.read_all(FRAME_BYTES)
        await link.call(place.address, Request("GET", "/"), deadline=soon(), reply_bytes_max=0)
    assert len(peers) == 1


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with linked() as link:
        async with hall(echo) as place:
            await link.call(place.address, Request("GET", "/"), deadline=soon(), reply_bytes_max=10)
        with pytest.raises(NodeUnreachable):
            await link.call(place.address, Request("GET", "/"), deadline=soon(), reply_bytes_max=10)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_write_that_fails_at_once_is_repeated_on_a_new_connection(is_stream: bool) -> None:
    seen: list[str] = []

    async def handler(request: IncomingRequest) -> Reply:
        seen.append(request.target)
        return await echo(request)

    async with hall(handler) as place, linked() as link:
        await link.call(place.address, Request("GET", "/1"), deadline=soon(), reply_bytes_max=10)
        (connection,) = link._pool._lanes[place.address].connections
        connection._transport.get_extra_info("socket").shutdown(2)  # the kernel knows, the loop does not yet
        pieces = Pieces([b"abc"])
        body = Stream(3, pieces) if is_stream else b"abc"
        request = Request("PUT", "/2", {}, body)
        reply = await link.call(place.address, request, deadline=soon(), reply_bytes_max=10)
        assert reply.body == b"abc"
    assert seen == ["/1", "/2"]
    assert pieces.closed == (1 if is_stream else 0)


async def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown() -> None:
    seen: list[str] = []

    async def handler(request: IncomingRequest) -> Reply:
        seen.append(request.target)
        (connection,) = place.listening._connections
        connection.cut()
        return Reply(200)

    async with hall(handler) as place, linked() as link:
        with pytest.raises(OutcomeUnknown):
            await link.call(place.address, Request("GET", "/"), deadline=soon(), reply_bytes_max=10)
    assert seen == ["/"]


async def test_a_server_that_dies_while_a_body_is_sent_leaves_the_outcome_unknown() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        await request.body.next_frame()
        (connection,) = place.listening._connections
        connection.cut()
        return Reply(200)

    pieces = Pieces([bytes(FRAME_BYTES)] * 400)
    async with hall(handler) as place, linked() as link:
        request = Request("PUT", "/", {}, Stream(400 * FRAME_BYTES, pieces))
        with pytest.raises(OutcomeUnknown):
            await link.call(place.address, request, deadline=soon(), reply_bytes_max=10)
    assert pieces.closed == 1


async def test_cancelling_at_any_step_leaves_no_task_and_no_descriptor() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        size = len(await request.body.read_all(1 << 20))
        return Reply(200, {}, Stream(size, Pieces([bytes(size)])))

    async with hall(handler) as place, linked() as link:
        tasks, descriptors = asyncio.all_tasks(), len(os.listdir("/dev/fd"))

        async def put() -> None:
            request = Request("PUT", "/", {}, Stream(800_000, Pieces([bytes(200_000)] * 4)))
            async with link.exchange(place.address, request, deadline=soon()) as reply:
                await reply.body.read_all(1 << 20)

        steps = 0
        for steps in range(400):
            task = asyncio.get_running_loop().create_task(put(), name="putter")
            for _ in range(steps):
                await asyncio.sleep(0)
            if not task.cancel():
                break
            await asyncio.wait([task])
        assert 5 < steps < 399
        await until(lambda: not place.listening._connections or len(place.listening._connections) == 1)
        await link.close()
        await until(lambda: not place.listening._connections)
        assert asyncio.all_tasks() == tasks
        assert len(os.listdir("/dev/fd")) == descriptors


async def test_many_streams_at_once_arrive_whole() -> None:
    async def handler(request: IncomingRequest) -> Reply:
        total = 0
        while frame := await request.body.next_frame():
            total += sum(frame[:10])
        return Reply(200, {}, Stream(300_000, Pieces([bytes(100_000)] * 3)))

    async with hall(handler) as place, linked() as link:

        async def put() -> None:
            request = Request("PUT", "/", {}, Stream(300_000, Pieces([b"\x01" * 100_000] * 3)))
            async with link.exchange(place.address, request, deadline=soon(20_000)) as reply:
                assert len(await reply.body.read_all(300_000)) == 300_000

        async with asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(put(), name=f"putter {number}")


async def test_a_busy_pool_makes_calls_wait_their_turn() -> None:
    running, most = 0, 0

    async def handler(request: IncomingRequest) -> Reply:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return Reply(200)

    async with hall(handler) as place, linked(pool_connections_max=3, pool_idle_max=2) as link:
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                call = link.call(place.address, Request("GET", "/"), deadline=soon(), reply_bytes_max=10)
                group.create_task(call, name="caller")
    assert most <= 3
