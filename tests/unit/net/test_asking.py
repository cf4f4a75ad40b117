"""One connection of a client against servers that behave badly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from shoal.base.errors import DeadlineExceeded, OutcomeUnknown
from shoal.base.ids import Address
from shoal.base.units import MILLISECOND
from shoal.ports.link import FRAME_BYTES, Reply, Request, Stream
from support.links import Pieces, linked, soon

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[Address]:
    """Someone who accepts and follows `script` on each connection."""
    ended: list[asyncio.Task[None]] = []

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await script(reader, writer)
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(follow, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    try:
        yield Address(f"{host}:{port}")
    finally:
        listening.close()
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)


def answering(*parts: bytes, then_closes: bool = True) -> Script:
    """Read one head, then send `parts`, each in a segment."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.002)
        if not then_closes:
            await asyncio.Event().wait()

    return script


async def call(address: Address, *, ms: int = 2000, **limits: int) -> Reply:
    async with linked(**limits) as link:
        return await link.call(address, Request("GET", "/"), deadline=soon(ms), reply_bytes_max=1000)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"HTTP/1.1 200 OK\r\ncontent-le"],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc"],
        [b"HTTP/1.1 200 OK\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\ncontent-length: 0\n\n"],
        [b"HTTP/1.1 200 OK\r\ncontent-length: +0\r\n\r\n"],
        [b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"],
        [b"HTTP/1.1 101 Switching\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 9,
        [b"HTTP/1.1 200 OK\r\na: " + b"b" * 20_000],
        [b"220 mail.example.org ESMTP\r\n"],
    ],
    ids=lambda parts: repr(b"".join(parts))[:50],
)
async def test_no_acceptable_reply_means_that_the_outcome_is_unknown(parts: list[bytes]) -> None:
    async with server(answering(*parts)) as address:
        with pytest.raises(OutcomeUnknown):
            await call(address)


async def test_a_reply_may_come_byte_by_byte_after_interim_ones() -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    interim = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"]
    async with server(answering(*interim, *(bytes([byte]) for byte in raw[:20]), raw[20:])) as address:
        assert (await call(address)).body == b"hello"


async def test_a_reply_that_trickles_ends_with_the_deadline() -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nh"
    async with server(answering(raw, then_closes=False)) as address:
        with pytest.raises(DeadlineExceeded):
            await call(address, ms=20)


@pytest.mark.parametrize("size", [0, 100_000])
async def test_the_deadline_of_a_call_covers_the_body_of_the_reply(size: int) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe"
    async with server(answering(raw, then_closes=False)) as address, linked() as link:
        with pytest.raises(DeadlineExceeded):
            await link.call(address, Request("PUT", "/", {}, bytes(size)), deadline=soon(25), reply_bytes_max=10)


async def test_a_streamed_reply_must_keep_the_least_rate() -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe"
    async with server(answering(raw, then_closes=False)) as address:
        async with linked(body_grace_ns=15 * MILLISECOND) as link:
            async with link.exchange(address, Request("GET", "/"), deadline=soon()) as reply:
                with pytest.raises(DeadlineExceeded):
                    await reply.body.read_all(5)


async def test_a_server_that_takes_nothing_is_given_up_before_the_deadline() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    pieces = Pieces([bytes(FRAME_BYTES)] * 400)
    async with server(script) as address, linked(body_grace_ns=15 * MILLISECOND) as link:
        request = Request("PUT", "/", {}, Stream(400 * FRAME_BYTES, pieces))
        with pytest.raises(DeadlineExceeded, match="does not take"):
            await link.call(address, request, deadline=soon(60_000), reply_bytes_max=10)
    assert pieces.closed == 1


async def test_bytes_after_a_reply_spoil_the_connection() -> None:
    accepted: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(1)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async with server(script) as address, linked() as link:
        for _ in range(3):
            reply = await link.call(address, Request("GET", "/"), deadline=soon(), reply_bytes_max=10)
            assert (reply.status, reply.body) == (200, b"a")
    assert len(accepted) == 3


async def test_a_server_that_asks_to_close_is_not_used_again() -> None:
    accepted: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(1)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na")
        await asyncio.Event().wait()

    async with server(script) as address, linked() as link:
        for _ in range(2):
            await link.call(address, Request("GET", "/"), deadline=soon(), reply_bytes_max=10)
    assert len(accepted) == 2


async def test_the_reply_to_head_has_no_body_and_keeps_the_connection() -> None:
    accepted: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(1)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 700\r\n\r\n")

    async with server(script) as address, linked() as link:
        for _ in range(2):
            reply = await link.call(address, Request("HEAD", "/"), deadline=soon(), reply_bytes_max=0)
            assert (reply.headers["content-length"], reply.body) == ("700", b"")
    assert len(accepted) == 1
