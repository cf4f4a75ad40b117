"""Rows come back as they were put, and stay readable for later releases."""

from pathlib import Path
from typing import Any

import pytest

from shoal.base.errors import ManifestDamaged
from shoal.base.ids import Address, ChunkId, NodeId, SessionId, VersionId, WallNs
from shoal.core.catalog import rows
from shoal.formats import keys, wire
from shoal.model.access_keys import AccessKeyRow, Scope
from shoal.model.catalog import (
    Bucket,
    CatalogIdentity,
    ChunkRef,
    ChunkRow,
    ChunkState,
    FileCount,
    FileRow,
    Lease,
    ManifestHead,
    ManifestPage,
    ManifestState,
    OperationResult,
    Placement,
    PlacementState,
    Session,
    SessionState,
    Version,
    VersionKind,
)
from shoal.model.cluster import ClusterSettings, MapChange, MapUpdate, NodeRecord, NodeState
from support.catalog_bench import CatalogBench


def test_a_row_reads_as_it_was_written() -> None:
    bench = CatalogBench()
    bucket = Bucket("photos", created_ns=bench.clock.wall(), is_versioned=False)
    bench.tx(lambda tx: rows.BUCKET.put(tx, keys.bucket("photos"), bucket))
    assert rows.BUCKET.find(bench.rows, keys.bucket("photos")) == bucket
    assert rows.BUCKET.find_many(bench.rows, [keys.bucket("none"), keys.bucket("photos")]) == [None, bucket]


@pytest.mark.parametrize("value", [b"", b"\xff\xff", b"\xc1", b"\x93\x01\x02\x03"])
def test_a_row_that_is_something_else_is_damage(value: bytes) -> None:
    with pytest.raises(ManifestDamaged, match="no Bucket"):
        rows.BUCKET.load(value)


NODE_ID = NodeId("0123456789abcdef" * 2)
NODE = NodeRecord(NODE_ID, "n", Address("h:1"), "z", "m", "d", 5, 6, NodeState.SUSPECT, True, False, True)
REF = ChunkRef(ChunkId(bytes(16)), 1, bytes(32), 2)
SAMPLES: list[tuple[rows.RowKind[Any], object]] = [
    (rows.IDENTITY, CatalogIdentity("c", 1, 2, 3)),
    (rows.SETTINGS, ClusterSettings()),
    (rows.BUCKET, Bucket("b", WallNs(1))),
    (
        rows.VERSION,
        Version(
            version_id=VersionId(bytes(16)),
            kind=VersionKind.OBJECT,
            size=1,
            created_ns=WallNs(2),
            root=bytes(32),
            chunk_count=1,
            chunk_bytes=4,
            chunks=(REF,),
            manifest=b"",
            placement_key="p",
            file_id="f",
            session=SessionId(3),
            sequence=4,
            content_type="t",
            metadata={"k": "v"},
        ),
    ),
    (rows.FILE, FileRow("b", "k", WallNs(1), VersionId(bytes(16)))),
    (rows.FILE_COUNT, FileCount(1)),
    (rows.MANIFEST, ManifestHead(ManifestState.LIVE, SessionId(1), 2, 3, 4, 5)),
    (rows.PAGE, ManifestPage((REF,))),
    (
        rows.CHUNK,
        ChunkRow(
            size=1,
            sha256=bytes(32),
            crc64=2,
            codec=0,
            copies=3,
            placements=(Placement(1, 0, NODE_ID, PlacementState.CONFIRMED, 7),),
            references=1,
            state=ChunkState.LIVE,
            mark=8,
        ),
    ),
    (rows.SESSION, Session(key_id="k", state=SessionState.DEAD, opened_ns=WallNs(1), opened_at=2, floor=3)),
    (rows.RESULT, OperationResult(b"r", WallNs(1))),
    (rows.NODE, NODE),
    (rows.MAP_UPDATE, MapUpdate(9, MapChange.CHANGED, NODE)),
    (rows.LEASE, Lease("h", 1)),
    (
        rows.ACCESS_KEY,
        AccessKeyRow(
            name="n",
            scope=Scope.WRITE,
            buckets=("b",),
            created_ns=WallNs(1),
            expires_ns=None,
            sealed=b"s",
            revoked_ns=WallNs(2),
        ),
    ),
]


def test_rows_are_stored_as_they_were_in_layout_1() -> None:
    golden = (Path(__file__).parents[3] / "golden" / "catalog-rows-v1.txt").read_text().splitlines()
    lines = [f"{type(record).__name__} {wire.encode(record).hex()}" for _, record in SAMPLES]
    assert lines == golden
    assert rows.BUCKET.load(bytes.fromhex("93a16201c3")) == Bucket("b", WallNs(1)), "of an older release"
    for (kind, record), line in zip(SAMPLES, golden, strict=True):
        assert kind.load(bytes.fromhex(line.split()[1])) == record


def test_a_row_of_a_node_from_before_doors_is_read() -> None:
    before = (
        "9dd9203031323334353637383961626364656630313233343536373839616263646566a16ea3683a31a17aa16da164050601c3c2c3c2"
    )
    assert rows.NODE.load(bytes.fromhex(before)).jsonl == ""


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x90", b"\x93\xa1\xff\x01\xc3", b"\x91" * 5000])
def test_what_is_no_record_is_damage_also_where_its_text_is_not_utf_8(value: bytes) -> None:
    with pytest.raises(ManifestDamaged):
        rows.BUCKET.load(value)
