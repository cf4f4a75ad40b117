"""Blocks as users of the door see them: block n of a file is chunk n of its object, called `<file name>-<n>`."""

import re
from contextlib import aclosing

from shoal.client.get import ObjectGet
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.reply import Block, FileMetadata
from shoal.model.catalog import PlacementState
from shoal.model.cluster import ClusterMap
from shoal.model.messages.objects import ChunkLocation

_ENTRY_BYTES = 256
"""What a block may take in memory while it is told, roughly."""

_BLOCK_ID = re.compile(r"(.+)-(0|[1-9][0-9]{0,8})", re.DOTALL)


def block_id(file_name: str, index: int) -> str:
    """What block `index` of a file is called."""
    return f"{file_name}-{index}"


def parse_block_id(text: str) -> tuple[str, int] | None:
    """Of which file this would be a block, and which; None if it is no such name."""
    match = _BLOCK_ID.fullmatch(text)
    return None if match is None else (match[1], int(match[2]))


async def file_metadata(call: Call, name: str, found: ObjectGet) -> FileMetadata:
    """What the door tells of a file. Cost: of a large file one call for each 1,024 blocks.

    Raises: Throttled, ManifestDamaged, NotFound if the version was removed meanwhile, and as `Client.open`.
    """
    await call.turn.grow(found.version.chunk_count * _ENTRY_BYTES)
    said = said_by(call.client.view.map)
    blocks: list[Block] = []
    async with aclosing(found.slices(0, found.version.size)) as slices:
        async for each in slices:
            server = first_holder(each.location)
            size = each.location.ref.size
            blocks.append(Block(block_id(name, len(blocks)), said.get(server, server), size))
    return FileMetadata(name, found.version.size, blocks)


def first_holder(location: ChunkLocation) -> str:
    """Whose replica was placed first, of those that there are or that are on their way; empty if there is none."""
    here = [(each.placement, each.node) for each in location.replicas]
    coming = [(each.placement, each.node) for each in location.withheld if each.state is PlacementState.INTENDED]
    return min(here + coming)[1] if here or coming else ""


def said_by(members: ClusterMap) -> dict[str, str]:
    """What each node is called in replies: its own `--jsonl` as it was written, else its name."""
    return {node.node_id: node.jsonl or node.name for node in members.nodes}
