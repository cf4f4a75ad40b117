"""The shared part of a connection: messages out of segments, and what the peer has taken."""

import asyncio
import socket
import sys

import pytest

from shoal.base.errors import InvariantBroken, OutcomeUnknown
from shoal.net.connection import Connection, PeerLost, acked_bytes
from shoal.net.head import HeadRefused, RequestHead, parse_request
from shoal.net.receive_memory import ReceiveMemory
from support.links import all_of, settings, until

HEAD = b"PUT /%d HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"


class Plain(Connection[RequestHead]):
    """The shared part and nothing else."""

    def __init__(self) -> None:
        super().__init__(settings(), ReceiveMemory())
        self.slow = 0

    def parse(self, raw: bytes) -> RequestHead:
        return parse_request(raw, self._limits)

    def sender_too_slow(self) -> None:
        self.slow += 1

    def reader_too_slow(self) -> None:
        self.slow += 1


async def pair() -> tuple[Plain, socket.socket]:
    """A connection over one end of a socket pair, and the other end."""
    ours, theirs = socket.socketpair()
    _, plain = await asyncio.get_running_loop().create_connection(Plain, sock=ours)
    theirs.setblocking(False)
    return plain, theirs


async def say(theirs: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(theirs, data)


async def done(plain: Plain, theirs: socket.socket) -> None:
    plain.cut()
    await plain.lost
    theirs.close()


async def test_messages_come_one_by_one_out_of_any_segments() -> None:
    plain, theirs = await pair()
    await say(theirs, HEAD % (1, 3) + b"abc" + HEAD % (2, 0) + (HEAD % (3, 1))[:10])
    for target, content in (("/1", b"abc"), ("/2", b"")):
        message = await plain.receive()
        assert message is not None
        assert message[0].target == target
        assert await all_of(message[1].next_frame) == content
    waiting = plain.receive()
    await say(theirs, (HEAD % (3, 1))[10:])
    await say(theirs, b"z")
    message = await waiting
    assert message is not None
    assert await message[1].read_all(1) == b"z"
    await done(plain, theirs)


async def test_the_end_between_messages_is_none_and_stays_so() -> None:
    plain, theirs = await pair()
    waiting = plain.receive()
    theirs.close()
    assert await waiting is None
    assert await plain.receive() is None
    await done(plain, theirs)


async def test_the_end_inside_a_head_is_none() -> None:
    plain, theirs = await pair()
    await say(theirs, b"PUT / HT")
    waiting = plain.receive()
    theirs.close()
    assert await waiting is None
    await done(plain, theirs)


async def test_a_refused_head_ends_the_reading() -> None:
    plain, theirs = await pair()
    await say(theirs, b"nonsense\n")
    with pytest.raises(HeadRefused):
        await plain.receive()
    await say(theirs, HEAD % (1, 0))
    assert await plain.receive() is None
    await done(plain, theirs)


async def test_two_receivers_are_a_bug() -> None:
    plain, theirs = await pair()
    waiting = plain.receive()
    with pytest.raises(InvariantBroken):
        plain.receive()
    await done(plain, theirs)
    assert await waiting is None


async def test_drain_returns_when_the_kernel_has_everything() -> None:
    plain, theirs = await pair()
    await plain.drain()
    plain.write(bytes(4_000_000))
    assert plain.is_clogged
    async with asyncio.TaskGroup() as group:
        draining = group.create_task(plain.drain(), name="drain")
        await asyncio.sleep(0.005)
        assert not draining.done()
        left = 4_000_000
        while left:
            left -= len(await asyncio.get_running_loop().sock_recv(theirs, 1 << 20))
    await plain.drain()
    await done(plain, theirs)


async def test_drain_ends_with_the_connection() -> None:
    plain, theirs = await pair()
    plain.write(bytes(4_000_000))
    async with asyncio.TaskGroup() as group:
        draining = group.create_task(_is_lost(plain), name="drain")
        await asyncio.sleep(0)
        theirs.close()
    assert draining.result()
    assert await _is_lost(plain)
    await done(plain, theirs)


async def _is_lost(plain: Plain) -> bool:
    try:
        await plain.sendable() if plain.is_lost else await plain.drain()
    except PeerLost:
        return True
    return False


async def test_fail_reaches_the_receiver_and_the_reader_of_a_body() -> None:
    plain, theirs = await pair()
    await say(theirs, HEAD % (1, 10) + b"abc")
    message = await plain.receive()
    assert message is not None
    waiting = plain.receive()
    plain.fail(OutcomeUnknown("enough"))
    with pytest.raises(OutcomeUnknown, match="enough"):
        await waiting
    with pytest.raises(OutcomeUnknown, match="enough"):
        await message[1].read_all(10)
    await done(plain, theirs)


async def test_lingering_reads_on_until_the_peer_closes() -> None:
    plain, theirs = await pair()
    plain.write(b"bye")
    async with asyncio.TaskGroup() as group:
        group.create_task(plain.linger(), name="linger")
        loop = asyncio.get_running_loop()
        assert await loop.sock_recv(theirs, 10) == b"bye"
        assert await loop.sock_recv(theirs, 10) == b""
        await say(theirs, bytes(100_000))
        theirs.close()
    assert plain.is_lost


async def test_lingering_does_not_wait_for_ever() -> None:
    plain, theirs = await pair()
    await plain.linger()
    await plain.lost
    theirs.close()


async def test_a_second_handle_outlives_the_transport() -> None:
    plain, theirs = await pair()
    twin = plain.duplicate_socket()
    plain.cut()
    await plain.lost
    assert twin.send(b"x") == 1
    twin.close()
    theirs.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
async def test_acknowledged_bytes_follow_the_peer() -> None:
    server = await asyncio.get_running_loop().create_server(Plain, "127.0.0.1", 0)
    ours = socket.create_connection(server.sockets[0].getsockname())
    before = acked_bytes(ours)
    ours.send(b"x" * 1000)
    await until(lambda: acked_bytes(ours) >= before + 1000)
    ours.close()
    server.close()
    await server.wait_closed()
    assert acked_bytes(ours) == 0
    await asyncio.sleep(0.01)
