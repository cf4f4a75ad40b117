"""The JSON-lines doors as options name them, and what becomes of that."""

from typing import TYPE_CHECKING, Any

import click

from shoal.app.server_settings import SELECTORS
from shoal.app.setting import Run, setting
from shoal.app.value_types import CHUNK_BYTES, Parsed

if TYPE_CHECKING:
    from shoal.wiring.jsonl import JsonlDoor

_PORT_MAX = 65535


def _door(text: str) -> str:
    from shoal.net.address import parse_address
    from shoal.wiring.jsonl import jsonl_address

    parse_address(jsonl_address(text))
    return text


DOOR = Parsed("[HOST]:PORT", _door)
"""A door's address, kept as it was written: replies repeat it."""

_FILE_DOOR = (
    setting("--jsonl", type=DOOR, show_default="none",
            help="Serve files as JSON lines there, for nc; :PORT is of this machine."),
    setting("--block-size", "block_bytes", type=CHUNK_BYTES, default="1KiB", show_default=True,
            help="How files that are stored at --jsonl are cut."),
    setting("--placement", type=click.Choice(SELECTORS), default="round-robin", show_default=True,
            help="How the nodes of their blocks are chosen."),
)  # fmt: skip


def file_door(run: Run) -> Run:
    """Give a verb the options of a coordinator's door."""
    for option in reversed(_FILE_DOOR):
        option(run)
    return run


def opened_at(said: str | None, *, is_insecure: bool, **placing: Any) -> "JsonlDoor | None":
    """The door that was asked for, if one was. Raises: InvalidArgument beyond this machine without --insecure."""
    from shoal.app.listening import check_door
    from shoal.gateway.jsonl.call import Placing
    from shoal.wiring.jsonl import JsonlDoor, jsonl_address

    if not said:
        return None
    is_open = check_door(jsonl_address(said), is_insecure=is_insecure)
    return JsonlDoor(said, needs_auth=not is_open, placing=Placing(**placing))


def node_doors(first: str, nodes: int) -> tuple[str, ...]:
    """One for each of so many nodes, from `first` on; free ports if that names none. Raises: InvalidArgument if the
    ports do not reach."""
    from shoal.base.errors import InvalidArgument

    host, _, port = first.rpartition(":")
    if int(port) + nodes - 1 > _PORT_MAX:
        raise InvalidArgument(f"--jsonl-nodes {first} leaves no room for the ports of {nodes} nodes")
    return tuple(f"{host}:{int(port) + index if int(port) else 0}" for index in range(nodes))
