"""One simulated connection, end by end."""

import asyncio

import pytest

from shoal.base.errors import InvariantBroken
from shoal.base.ids import Address
from shoal.base.units import SECOND
from shoal.net.compose import request_head
from shoal.net.settings import LinkSettings
from shoal.ports.link import IncomingReply, Request
from shoal.testing.sim.alteration import Flip, Message
from shoal.testing.sim.body import ConnectionLost, SimBody
from shoal.testing.sim.connection import Exchange, SimConnection
from shoal.testing.sim.network_faults import NetworkFaults
from support.sim_network import Lab, in_lab


class Recorder:
    """A server that only notes what arrives."""

    def __init__(self) -> None:
        self.arrived: list[Exchange] = []

    def accept(self, connection: SimConnection, exchange: Exchange) -> None:
        self.arrived.append(exchange)


def connected(lab: Lab, server: Recorder) -> SimConnection:
    up, down = lab.network.route("client", "server"), lab.network.route("server", "client")
    return SimConnection(lab.network, server, client_host="client", server_host="server", up=up, down=down, peer="c:1")


def asked() -> Exchange:
    return Exchange(Request("GET", "/x"), SimBody(0, patience_ns=SECOND))


def answer(connection: SimConnection, exchange: Exchange) -> None:
    body = SimBody(0, patience_ns=SECOND)
    connection.answer(exchange, IncomingReply(200, {}, body), body=body, message=Message(b"", b""))


def test_a_reply_follows_its_request_and_leaves_the_connection_free() -> None:
    async def main(lab: Lab) -> tuple[bool, bool, bool]:
        server = Recorder()
        connection, exchange = connected(lab, server), asked()
        connection.begin(exchange, b"", is_whole=True)
        exchange.is_sent = True
        await asyncio.sleep(1)
        answer(connection, server.arrived[0])
        before = exchange.is_over
        assert (await exchange.reply()).status == 200
        return before, exchange.is_over, connection.is_open

    assert in_lab(main) == (False, True, True)


def test_a_second_request_before_the_reply_is_a_bug() -> None:
    async def main(lab: Lab) -> None:
        connection = connected(lab, Recorder())
        connection.begin(asked(), b"", is_whole=True)
        connection.begin(asked(), b"", is_whole=True)

    with pytest.raises(InvariantBroken):
        in_lab(main)


def test_a_reply_sent_before_closing_still_arrives() -> None:
    async def main(lab: Lab) -> int:
        server = Recorder()
        connection, exchange = connected(lab, server), asked()
        connection.begin(exchange, b"", is_whole=True)
        await asyncio.sleep(1)
        answer(connection, exchange)
        connection.close_server()
        return (await exchange.reply()).status

    assert in_lab(main) == 200


def test_a_client_learns_that_the_server_closed() -> None:
    async def main(lab: Lab) -> bool:
        connection, exchange = connected(lab, Recorder()), asked()
        connection.begin(exchange, b"", is_whole=True)
        await asyncio.sleep(1)
        connection.close_server()
        with pytest.raises(ConnectionLost):
            await exchange.reply()
        return connection.is_open

    assert in_lab(main) is False


def test_nothing_arrives_on_a_lost_connection_not_even_what_was_under_way() -> None:
    async def main(lab: Lab) -> list[Exchange]:
        server = Recorder()
        connection = connected(lab, server)
        connection.begin(asked(), b"", is_whole=True)
        connection.sever()
        await asyncio.sleep(60)
        return server.arrived

    assert in_lab(main) == []


def test_a_second_copy_arrives_later_and_its_answer_goes_nowhere() -> None:
    async def main(lab: Lab) -> tuple[int, bool, bool]:
        server = Recorder()
        connection, exchange = connected(lab, server), asked()
        lab.network.bind("server", Address("server:1"), server)
        lab.network.faults = NetworkFaults(duplicate=1)
        connection.begin(exchange, b"", is_whole=True)
        await asyncio.sleep(60)
        original, copy = server.arrived
        answer(connection, copy)
        connection.close_after(copy)
        await asyncio.sleep(1)
        was_open = connection.is_open
        answer(connection, original)
        return (await exchange.reply()).status, original is exchange, was_open

    assert in_lab(main) == (200, True, True)


def test_a_second_copy_is_altered_as_the_first_was(monkeypatch: pytest.MonkeyPatch) -> None:
    head = request_head("PUT", "/x", address=Address("s:1"), headers={}, body_length=5, limits=LinkSettings())
    to_seven = Flip(is_in_head=True, bit=8 * head.index(b"5") + 1)

    async def main(lab: Lab) -> list[int]:
        server = Recorder()
        lab.network.bind("server", Address("server:1"), server)
        lab.network.faults = NetworkFaults(duplicate=1)
        monkeypatch.setattr(lab.network, "draw_flip", lambda *_, **__: to_seven)
        exchange = Exchange(Request("PUT", "/x"), SimBody(5, patience_ns=SECOND), head=head)
        connected(lab, server).begin(exchange, b"bytes", is_whole=True)
        await asyncio.sleep(60)
        return [each.request_body.length for each in server.arrived]

    assert in_lab(main) == [7, 7]
