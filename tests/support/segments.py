"""Segments as bytes, without a store: for tests of the format."""

from dataclasses import dataclass

from shoal.base.digests import BlockTable, sha256
from shoal.base.ids import ReplicaId
from shoal.formats.segment import (
    FLAG_BATCH_START,
    SEGMENT_HEADER_BYTES,
    Container,
    FooterEntry,
    RecordHeader,
    RecordKind,
    encode_entry,
    encode_footer,
    encode_record_head,
    encode_segment_header,
)
from support.stores import content, replica

CONTAINER = Container(number=3, store_uuid=bytes(range(16)), node_id=bytes(range(16, 32)), salt=bytes(range(32, 48)))


def encode_record(
    address: ReplicaId,
    payload: bytes,
    *,
    offset: int,
    kind: int = RecordKind.CHUNK,
    flags: int = FLAG_BATCH_START,
    ext: bytes = b"",
    container: Container = CONTAINER,
) -> bytes:
    """A whole record for one place in a segment."""
    blocks = BlockTable()
    blocks.update(payload)
    size = len(payload)
    header = RecordHeader(kind, flags, 0, address, size, size, container.number, offset, sha256(payload))
    head = encode_record_head(header, table=blocks.finish(), salt=container.salt, ext=ext)
    return head + payload + bytes(-(len(head) + size) % 8)


@dataclass(frozen=True, slots=True)
class Built:
    """A segment and where its records are."""

    data: bytes
    spans: tuple[tuple[int, int], ...]
    """(start, end) of each record, padding included."""

    @property
    def end(self) -> int:
        """Behind the last record."""
        return self.spans[-1][1] if self.spans else SEGMENT_HEADER_BYTES


def build_segment(payloads: list[bytes], *, starts_batch: set[int] | None = None) -> Built:
    """Records of chunks 0, 1, 2 ...; each a batch of its own unless `starts_batch` says which begin one."""
    data, spans = encode_segment_header(CONTAINER), []
    for number, payload in enumerate(payloads):
        flags = FLAG_BATCH_START if starts_batch is None or number in starts_batch else 0
        record = encode_record(replica(number), payload, offset=len(data), flags=flags)
        spans.append((len(data), len(data) + len(record)))
        data += record
    return Built(data, tuple(spans))


def sealed(built: Built, macs_digest: bytes = bytes(32)) -> bytes:
    """The same with a footer."""
    entries = [
        encode_entry(FooterEntry(replica(number), RecordKind.CHUNK, start, end - start))
        for number, (start, end) in enumerate(built.spans)
    ]
    footer = encode_footer(CONTAINER, chunks=entries, others=[], at=built.end, macs_digest=macs_digest)
    return built.data + footer


def few_payloads() -> list[bytes]:
    """Small replicas, one of them empty."""
    return [content(number, size) for number, size in enumerate((40, 0, 61, 129))]
