"""Requests that no client of ours would send: any head, any body, over a plain socket."""

import http.client
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from shoal.base.ids import Address
from shoal.formats import wire
from shoal.model.messages.errors import ErrorBody
from shoal.net.address import parse_address

_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> ErrorBody:
        """The body of a refusal."""
        return wire.decode(self.body, ErrorBody)


def send(
    address: Address, method: str, target: str, *, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """One well-formed request on a connection of its own."""
    host, port = parse_address(address)
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        reply = connection.getresponse()
        named = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, named, reply.read())
    finally:
        connection.close()


def send_bytes(address: Address, *pieces: bytes) -> bytes:
    """Send exactly these bytes, half-close, and give all that comes until the other side closes."""
    with socket.create_connection(parse_address(address), timeout=_SECONDS) as sock:
        with suppress(ConnectionError):  # refused before it was all sent; what it says may still be there
            for piece in pieces:
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(ConnectionResetError):
            while part := sock.recv(1 << 16):
                received += part
        return received


def statuses(received: bytes) -> list[int]:
    """The statuses in what came back: replies without a body of their own, or with one that has no status line."""
    lines = received.split(b"\r\n")
    return [int(line.split(b" ")[1]) for line in lines if line.startswith(b"HTTP/1.1 ")]
