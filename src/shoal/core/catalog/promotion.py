"""After the commit of a large manifest: its chunk rows become live, a batch at a time.

Nothing waits for this: a staged row counts as live as soon as its manifest is. Rows are done in order, so the last
one tells whether all are.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from shoal.core.catalog import rows
from shoal.formats import keys
from shoal.model.catalog import ChunkRow, ChunkState, ManifestHead, ManifestState
from shoal.ports.engine import Snapshot, Tx

PROMOTE_ROWS = 256
"""Rows of one transaction: a few milliseconds, so that commits in between hardly notice."""


@dataclass(frozen=True, slots=True)
class PromotionStep:
    """Where the promotion of a manifest goes on: chunk `offset` of `page`."""

    manifest: bytes
    page: int = 0
    offset: int = 0


def promote_chunks(tx: Tx, step: PromotionStep) -> PromotionStep | None:
    """Make the next rows live. Returns where to go on; None when all are."""
    head = rows.MANIFEST.find(tx, keys.manifest(step.manifest))
    page = rows.PAGE.find(tx, keys.manifest_page(step.manifest, step.page))
    if head is None or page is None or head.state is not ManifestState.LIVE:
        return None
    refs = page.chunks[step.offset : step.offset + PROMOTE_ROWS]
    chunk_keys = [keys.chunk(ref.chunk) for ref in refs]
    for key, row in zip(chunk_keys, rows.CHUNK.find_many(tx, chunk_keys), strict=True):
        if row is not None and row.state is ChunkState.STAGED:
            live = replace(row, state=ChunkState.LIVE, references=row.references + 1, mark=tx.commit_number)
            rows.CHUNK.put(tx, key, live)
    if step.offset + PROMOTE_ROWS < len(page.chunks):
        return PromotionStep(step.manifest, step.page, step.offset + PROMOTE_ROWS)
    return PromotionStep(step.manifest, step.page + 1)


def is_promoted(snapshot: Snapshot, manifest: bytes, head: ManifestHead) -> bool:
    """Whether nothing is left to do for a live manifest."""
    page = rows.PAGE.find(snapshot, keys.manifest_page(manifest, head.page_count - 1))
    last = None if page is None else rows.CHUNK.find(snapshot, keys.chunk(page.chunks[-1].chunk))
    return last is None or last.state is not ChunkState.STAGED


def counts_as_live(snapshot: Snapshot, row: ChunkRow) -> bool:
    """Whether versions may rest on this chunk."""
    if row.state is not ChunkState.STAGED:
        return row.state is ChunkState.LIVE
    head = rows.MANIFEST.find(snapshot, keys.manifest(row.manifest))
    return head is not None and head.state is ManifestState.LIVE
