"""A user of the gateway's door: files and blocks under names that nobody else has, and what they must be.

The door answers with a sentence, which does not say whether a change was done: after an error the name is left alone.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

from shoal.base.errors import NotFound, TransientError
from shoal.base.units import KIB
from shoal.client.client import Client
from shoal.core.names import BLOCKS_BUCKET, JSONL_BUCKET
from shoal.model.messages.objects import Name
from shoal.testing.sim.chronicle import Chronicle
from shoal.testing.sim.contents import ContentSettings
from shoal.testing.sim.failure import SimulationFailed
from shoal.testing.sim.gateway import Ask
from shoal.wiring.transfers import BytesSink

_KEPT_MAX = 3
_BYTES_MAX = 100 * KIB
_ABSENT = {JSONL_BUCKET: "file not found", BLOCKS_BUCKET: "block not found"}
_PING = b'{"command": "ping"}'
_BLOCK_SHARE = 0.3
_NEW_SHARE = 0.3


class DoorMisled(SimulationFailed):
    """The door has told, or shown, what is not so."""


@dataclass(frozen=True, slots=True)
class _Visited:
    """One name, and the tag of what it holds; None: nothing."""

    bucket: str
    key: str
    tag: str | None


class Visitor:
    """I store, fetch, look at, list and delete, one thing at a time."""

    def __init__(
        self, name: str, ask: Ask, chronicle: Chronicle, *, contents: ContentSettings, nodes: int, rng: Random
    ) -> None:
        """`nodes`: how many there are; no more copies are asked for."""
        self._name = name
        self._ask = ask
        self._chronicle = chronicle
        self._size_max = min(4 * contents.chunk_bytes, _BYTES_MAX)
        self._copies = [copies for copies in contents.copies if copies <= nodes]
        self._rng = rng
        self._kept: dict[str, _Visited] = {}
        self._made = 0
        chronicle.claims.append(self)

    def names(self) -> list[Name]:
        """See `Claim.names`."""
        return [Name(each.bucket, each.key) for each in self._kept.values() if each.tag is not None]

    async def read_back(self, client: Client) -> None:
        """See `Claim.read_back`."""
        for each in self._kept.values():
            self._check_content(each, await _read(client, each))

    async def step(self, tag: str) -> str:
        """Do one thing. Raises: DoorMisled; what the way to the door raises."""
        if not self._kept or (len(self._kept) < _KEPT_MAX and self._rng.random() < _NEW_SHARE):
            return await self._store(self._new(), tag)
        visited = self._rng.choice(list(self._kept.values()))
        acts: list[Callable[[_Visited, str], Awaitable[str]]] = [self._store, self._fetch, self._fetch]
        if visited.bucket == JSONL_BUCKET:
            acts += [self._look, self._list, self._delete]
        return await self._rng.choice(acts)(visited, tag)

    def _new(self) -> _Visited:
        self._made += 1
        bucket = BLOCKS_BUCKET if self._rng.random() < _BLOCK_SHARE else JSONL_BUCKET
        return _Visited(bucket, f"{self._name}/{self._made}", None)

    async def _store(self, visited: _Visited, tag: str) -> str:
        content = self._chronicle.mint(tag, self._rng.randint(1, self._size_max))
        data = base64.b64encode(content).decode()
        if visited.bucket == BLOCKS_BUCKET:
            request: dict[str, object] = {"command": "store", "block_id": visited.key, "data": data}
        else:
            request = {"command": "store_file", "file_name": visited.key, "data": data}
            request["replicas"] = self._rng.choice(self._copies)
        self._kept.pop(visited.key, None)
        reply = await self._say(request)
        stored = _Visited(visited.bucket, visited.key, tag)
        if visited.bucket == JSONL_BUCKET:
            self._check_metadata(stored, reply)
        self._kept[visited.key] = stored
        return "stored"

    async def _fetch(self, visited: _Visited, _tag: str) -> str:
        if visited.bucket == BLOCKS_BUCKET:
            reply = await self._look_up(visited, {"command": "retrieve", "block_id": visited.key})
        else:
            reply = await self._look_up(visited, {"command": "fetch_file", "file_name": visited.key})
        try:
            found = None if reply is None else base64.b64decode(reply.get("data", ""), validate=True)
        except binascii.Error as exc:
            raise DoorMisled(f"{visited.key!r} was answered with what is no base64") from exc
        self._check_content(visited, found)
        return "fetched"

    async def _look(self, visited: _Visited, _tag: str) -> str:
        reply = await self._look_up(visited, {"command": "get_metadata", "file_name": visited.key})
        if reply is None:
            self._check_content(visited, None)
        else:
            self._check_metadata(visited, reply)
        return "looked"

    async def _list(self, _visited: _Visited, _tag: str) -> str:
        """All files, also those of others."""
        listed: dict[str, int] = {}
        after = ""
        while True:
            reply = await self._say({"command": "list_files", "after": after})
            listed.update({each["name"]: each["total_size"] for each in reply.get("files", [])})
            after = reply.get("next_after", "")
            if not after:
                break
        for each in self._kept.values():
            wanted = None if each.tag is None else len(self._chronicle.content(each.tag))
            if each.bucket == JSONL_BUCKET and listed.get(each.key) != wanted:
                raise DoorMisled(f"{each.key!r} is listed with {listed.get(each.key)} bytes, and has {wanted}")
        return "listed"

    async def _delete(self, visited: _Visited, _tag: str) -> str:
        del self._kept[visited.key]
        await self._say({"command": "delete_file", "file_name": visited.key})
        self._kept[visited.key] = _Visited(visited.bucket, visited.key, None)
        return "deleted"

    async def _look_up(self, visited: _Visited, request: dict[str, object]) -> Any:
        """The reply; None if there is nothing of that name."""
        try:
            return await self._say(request)
        except _Refused as exc:
            if str(exc) == _ABSENT[visited.bucket]:
                return None
            raise

    async def _say(self, request: dict[str, object]) -> Any:
        """One request, at times behind another one. Raises: _Refused; DoorMisled; as `Ask`."""
        said = json.dumps(request).encode()
        is_second = self._rng.random() < 0.5
        lines = (await self._ask(_PING + said if is_second else said)).splitlines()
        replies = [json.loads(line) for line in lines]
        for reply in replies:
            if reply["status"] == "error":
                raise _Refused(reply["error"])
        if len(replies) != 1 + is_second:
            raise DoorMisled(f"{1 + is_second} requests have {len(replies)} replies")
        return replies[-1]

    def _check_metadata(self, visited: _Visited, reply: Any) -> None:
        told = reply["metadata"]
        size = 0 if visited.tag is None else len(self._chronicle.content(visited.tag))
        blocks = sum(block["size"] for block in told["blocks"])
        if visited.tag is None or (told["name"], told["total_size"], blocks) != (visited.key, size, size):
            raise DoorMisled(f"{visited.key!r} has {size} bytes ({visited.tag!r}), and is told of as {told}")

    def _check_content(self, visited: _Visited, found: bytes | None) -> None:
        if (found is None) != (visited.tag is None):
            shown = "nothing" if found is None else "something"
            raise DoorMisled(f"{visited.key!r} must hold {visited.tag!r}, and {shown} is there")
        if found is not None and visited.tag is not None:
            size = len(self._chronicle.content(visited.tag))
            self._chronicle.check_bytes(visited.tag, found, start=0, stop=size)


class _Refused(TransientError):
    """The door could not do it, or will not."""


async def _read(client: Client, visited: _Visited) -> bytes | None:
    async with AsyncExitStack() as stack:
        try:
            found = await stack.enter_async_context(client.open(visited.bucket, visited.key))
        except NotFound:
            return None
        sink = BytesSink(found.version.size)
        await found.into(sink, 0, found.version.size)
        return sink.content
