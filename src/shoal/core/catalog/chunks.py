"""Chunks on their way into the catalog: receipts become placements, and no client's word becomes anything."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from shoal.base.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidArgument,
    ManifestDamaged,
    QuorumNotReached,
    TransientError,
)
from shoal.base.ids import CLIENT_PLACEMENT_MAX, ChunkId, NodeId, SessionId
from shoal.base.units import KIB
from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_chunk_id, check_digests
from shoal.core.placement.spread import copies_asked, write_quorum
from shoal.core.trust.cluster_keys import ClusterKeys
from shoal.core.trust.receipts import ChunkFacts, verify_receipt
from shoal.formats import keys, wire
from shoal.model.catalog import Bucket, ChunkRef, ChunkRow, ChunkState, Placement, PlacementState
from shoal.model.cluster import CHUNK_BYTES_MAX, COPIES_MAX, ClusterSettings, NodeRecord
from shoal.model.messages.objects import ChunkUpload
from shoal.model.messages.replicas import Pending, Receipt
from shoal.ports.engine import Tx

DEDUP_BYTES_MIN = 64 * KIB
"""Smaller chunks are not worth a row of their own."""


@dataclass(frozen=True, slots=True)
class WriteRules:
    """What a write is held against: the keys of the cluster, its members and settings, the copies that it wants of a
    chunk that does not say, and how many members stay."""

    keys: ClusterKeys
    members: Mapping[NodeId, NodeRecord]
    settings: ClusterSettings
    copies: int
    staying: int


def prove_chunk(upload: ChunkUpload, session: SessionId, rules: WriteRules) -> ChunkRef:
    """What the catalog may write of a chunk that W nodes have made durable.

    Raises: AccessDenied for a chunk of another session, a forged receipt or one of a volatile node where those do not
    count; QuorumNotReached for receipts of fewer than W nodes; InvalidArgument.
    """
    if check_chunk_id(upload.chunk)[:8] != session.to_bytes(8, "big"):
        raise AccessDenied("the chunk was minted by another session", chunk=upload.chunk.hex())
    check_digests(upload.sha256, upload.crc64, size=upload.size)
    if not 1 <= upload.size <= CHUNK_BYTES_MAX:
        raise InvalidArgument(f"a chunk has 1 to {CHUNK_BYTES_MAX} bytes", got=upload.size)
    if upload.codec != 0 or not 0 <= upload.copies <= COPIES_MAX:
        raise InvalidArgument(f"a chunk has codec 0 and at most {COPIES_MAX} copies", chunk=upload.chunk.hex())
    _check_places(upload, rules)
    _check_receipts(upload, rules)
    return ChunkRef(upload.chunk, upload.size, upload.sha256, upload.crc64, upload.codec)


def check_unused(values: Sequence[bytes | None], chunks: Sequence[ChunkUpload]) -> None:
    """Raises: AlreadyExists if one of the chunks has a row: an id is used once."""
    for value, upload in zip(values, chunks, strict=True):
        if value is not None:
            raise AlreadyExists("a chunk with this id was committed by another operation", chunk=upload.chunk.hex())


def write_chunk(tx: Tx, upload: ChunkUpload, *, state: ChunkState, manifest: bytes = b"") -> None:
    """Write the row of a proven chunk, and of each node that holds it or is about to. A staged chunk has no reference
    yet; a live one has its first."""
    mark = tx.commit_number
    confirmed = [_placement(receipt, PlacementState.CONFIRMED, mark) for receipt in upload.receipts]
    intended = [_placement(pending, PlacementState.INTENDED, mark) for pending in upload.pending]
    row = ChunkRow(
        size=upload.size,
        sha256=upload.sha256,
        crc64=upload.crc64,
        codec=upload.codec,
        copies=upload.copies,
        placements=(*confirmed, *intended),
        references=1 if state is ChunkState.LIVE else 0,
        state=state,
        mark=mark,
        manifest=manifest,
    )
    tx.put(keys.chunk(upload.chunk), wire.encode(row))
    for placement in row.placements:
        tx.put(keys.holding(placement.node, upload.chunk), rows.HOLDING)


def offer_for_dedup(tx: Tx, bucket: Bucket, upload: ChunkUpload) -> None:
    """Let later chunks of the bucket with the same bytes find this one, unless they find one already, or the bucket
    shares none."""
    if bucket.is_deduplicated and upload.size >= DEDUP_BYTES_MIN:
        key = keys.dedup(bucket.name, upload.sha256)
        if tx.get(key) is None:
            tx.put(key, upload.chunk)


def change_references(tx: Tx, chunks: Sequence[ChunkId], step: int) -> None:
    """Add `step` to the references of each chunk, as often as it comes. Bytes and rows stay when none are left:
    collecting is another's.

    Raises: TransientError if `step` is upwards and a chunk is not live; ManifestDamaged.
    """
    times = Counter(keys.chunk(chunk) for chunk in chunks)
    for key, row in zip(times, rows.CHUNK.find_many(tx, list(times)), strict=True):
        rows.CHUNK.put(tx, key, _referenced(row, step * times[key], key))


def _referenced(row: ChunkRow | None, step: int, key: bytes) -> ChunkRow:
    if row is None or row.references + step < 0:
        raise ManifestDamaged("a version names a chunk that does not count it", row=key.hex())
    if step > 0 and row.state is not ChunkState.LIVE:
        raise TransientError("a chunk is not live: nothing new may refer to it", row=key.hex())
    return replace(row, references=row.references + step)


def _placement(source: Receipt | Pending, state: PlacementState, mark: int) -> Placement:
    return Placement(source.placement, source.shard, source.node, state, mark)


def _check_places(upload: ChunkUpload, rules: WriteRules) -> None:
    numbers = set()
    places: list[Receipt | Pending] = [*upload.receipts, *upload.pending]
    for place in places:
        if place.node not in rules.members:
            raise AccessDenied("a receipt names a node that is not a member of this cluster", node=place.node[:64])
        if not 1 <= place.placement <= CLIENT_PLACEMENT_MAX or place.shard != 0:
            raise InvalidArgument(
                f"placements of an upload are numbered 1 to {CLIENT_PLACEMENT_MAX}, of shard 0",
                placement=place.placement,
                shard=place.shard,
            )
        numbers.add(place.placement)
    if len(numbers) != len(places):
        raise InvalidArgument("two placements of a chunk have one number", chunk=upload.chunk.hex())


def _check_receipts(upload: ChunkUpload, rules: WriteRules) -> None:
    facts = ChunkFacts(upload.chunk, upload.size, upload.sha256, upload.crc64)
    for receipt in upload.receipts:
        if receipt.is_volatile and not rules.settings.is_volatile_allowed:
            raise AccessDenied(
                "a receipt is of a node that keeps replicas in memory only; such receipts count only in a cluster "
                "started with --volatile",
                node=receipt.node,
            )
        verify_receipt(rules.keys.receipt_key(receipt.node), facts, receipt)
    holders = len({receipt.node for receipt in upload.receipts})
    copies = copies_asked(upload.copies, wanted=rules.copies, staying=rules.staying)
    wanted = write_quorum(copies, rules.settings)
    if holders < wanted:
        raise QuorumNotReached(
            f"the chunk is durable on {holders} nodes; {wanted} are needed", chunk=upload.chunk.hex(), quorum=wanted
        )
