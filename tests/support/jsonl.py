"""Speaking to a JSON-lines door: as `nc` does, which sends, closes its side, and prints what comes."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shoal.net.address import parse_address
from shoal.wiring.jsonl import jsonl_address

SECONDS = 60.0
"""How long any answer may take on a busy machine."""


@contextmanager
def connected(door: str) -> Iterator[socket.socket]:
    """A connection to a door, called as operators call it."""
    with socket.create_connection(parse_address(jsonl_address(door)), timeout=SECONDS) as connection:
        yield connection


def received(connection: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def line_of(connection: socket.socket) -> Any:
    """The next reply."""
    line = bytearray()
    while not line.endswith(b"\n"):
        part = connection.recv(1 << 20 if len(line) > 100 else 1)
        assert part, "the door closed instead of answering"
        line += part
    return json.loads(line)


def nc(door: str, raw: bytes) -> list[Any]:
    """Send `raw`, say that this is all, and read the replies to the end."""
    with connected(door) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        said = received(connection)
    assert not said or said.endswith(b"\n")
    return [json.loads(line) for line in said.splitlines()]


def ask(door: str, **fields: object) -> Any:
    """One command and its reply."""
    (reply,) = nc(door, json.dumps(fields).encode())
    return reply
