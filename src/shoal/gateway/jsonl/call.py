"""One command under way: what was asked, who asks, and what the door was told by its operator."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shoal.base.errors import InvalidArgument
from shoal.client.client import Client
from shoal.gateway.jsonl.buckets import DoorBuckets
from shoal.gateway.jsonl.reply import Answer
from shoal.gateway.jsonl.request import Request
from shoal.gateway.jsonl.settings import DoorLimits
from shoal.gateway.jsonl.turns import Turn


@dataclass(frozen=True, slots=True)
class Placing:
    """How files are cut and placed."""

    block_bytes: int = 1024
    selector: str = "round-robin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`client` acts with the caller's rights, `own` with the door's: it makes the doors' buckets."""

    request: Request
    client: Client
    own: Client
    buckets: DoorBuckets
    limits: DoorLimits
    placing: Placing
    turn: Turn

    def file_name(self) -> str:
        """Raises: InvalidArgument."""
        if not self.request.file_name:
            raise InvalidArgument("missing file_name")
        return self.request.file_name

    def block_id(self) -> str:
        """Raises: InvalidArgument."""
        if not self.request.block_id:
            raise InvalidArgument("missing block_id")
        return self.request.block_id


Command = Callable[[Call], Awaitable[Answer]]
Commands = Mapping[str, Command]
