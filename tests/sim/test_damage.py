"""Rot and cuts: every bit of every structure, every length to which a file can be cut.

Damage is found, costs no more than the record that it is in, and is never silent.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from shoal.base.digests import sha256
from shoal.base.errors import AccessDenied, CorruptionError, InvalidArgument, ShoalError
from shoal.base.ids import NodeId, SessionId
from shoal.engine.sqlite import SqliteEngine
from shoal.formats.commit_witness import Witness, newest_witness, seal_witness
from shoal.formats.grant import Grant, GrantKind, open_grant, seal_grant
from shoal.formats.identity import NodeIdentity, pack_identity, unpack_identity
from shoal.formats.row import open_row, seal_row
from shoal.formats.seal import open_seal, pack_seal, sign_seal, verify_seal
from shoal.formats.segment import SEGMENT_HEADER_BYTES, record_bytes
from shoal.formats.volume import VolumeFormat, decode_volume_format, encode_volume_format
from shoal.node.identity import IDENTITY_PATH, open_identity
from shoal.ports.engine import Row, Tx
from shoal.store import layout
from shoal.testing.sim.disk import SimDisk, Survival
from shoal.testing.sim.platter import Platter
from shoal.wiring.cluster_files import JoinFile, read_json, write_json
from support.damaged_volume import (
    IN_NEW,
    IN_OLD,
    LAST,
    NEW_SEGMENT,
    OLD_SEGMENT,
    Outcome,
    bytes_of,
    copy_of,
    cuts,
    flips,
    look,
    size_of,
    volume,
)
from support.engines import CATALOG, SimulatedKind
from support.stores import NODE, STORE_UUID, env_on, new_disk, replica

pytestmark = pytest.mark.timeout(400)
"""Seconds of a machine that has other things to do: some of these take a quarter of a minute alone."""


async def test_an_undamaged_volume_is_whole_and_silent() -> None:
    assert await look(copy_of(await volume())) == Outcome(frozenset(), frozenset(), False, frozenset(), False)


@pytest.mark.parametrize("part", range(4))
async def test_every_bit_of_a_sealed_segment_costs_one_record_at_most(part: int) -> None:
    size = await size_of(OLD_SEGMENT)
    for bit, found in await flips(OLD_SEGMENT, range(SEGMENT_HEADER_BYTES * 8 + part, size * 8, 4)):
        assert not found.lost, bit
        assert len(found.reported) <= 1, bit
        assert not found.has_returned, bit


async def test_every_bit_of_an_unsealed_segment_costs_one_record_at_most_and_is_reported() -> None:
    used = SEGMENT_HEADER_BYTES + sum(record_bytes(len(bytes_of(number))) for number in IN_NEW)
    for bit, found in await flips(NEW_SEGMENT, range(SEGMENT_HEADER_BYTES * 8, used * 8)):
        assert len(found.lost | found.reported) <= 1, bit
        assert found.alarms, bit
        assert not found.lost or found.has_damage or found.lost == {LAST}, bit


async def test_a_bit_behind_the_last_record_costs_nothing() -> None:
    size = await size_of(NEW_SEGMENT)
    for _, found in await flips(NEW_SEGMENT, range((SEGMENT_HEADER_BYTES + 600) * 8, size * 8, 61)):
        assert not found.lost
        assert not found.reported


@pytest.mark.parametrize("path", [OLD_SEGMENT, NEW_SEGMENT])
async def test_every_byte_of_a_segment_header_is_there_twice(path: str) -> None:
    for at, found in await flips(path, range(0, SEGMENT_HEADER_BYTES * 8, 47)):
        assert not found.lost | found.reported, at
        assert found.alarms == {"segment_header_damaged"}, at


async def test_every_bit_of_a_chunk_file_is_seen_and_costs_that_chunk() -> None:
    path = f"{layout.directory_path(0)}/{layout.file_name(replica(21), 70)}"
    size = await size_of(path)
    padding_from = size - (-70 % 8)
    for bit, found in await flips(path, range(size * 8)):
        assert not found.lost, bit
        assert found.reported == ({replica(21)} if bit // 8 < padding_from else set()), bit


@pytest.mark.parametrize("path", [layout.FORMAT_FILE, f"{layout.FORMAT_FILE}.prev"])
async def test_every_bit_of_a_format_file_is_there_twice(path: str) -> None:
    for bit, found in await flips(path, range(await size_of(path) * 8)):
        assert not found.lost | found.reported, bit


# Cuts.


@pytest.mark.parametrize(("path", "there"), [(OLD_SEGMENT, IN_OLD), (NEW_SEGMENT, IN_NEW)])
async def test_a_cut_segment_loses_what_was_cut_off_and_says_so(path: str, there: tuple[int, ...]) -> None:
    size = min(await size_of(path), SEGMENT_HEADER_BYTES + 900)
    lengths = (*range(0, SEGMENT_HEADER_BYTES, 97), *range(SEGMENT_HEADER_BYTES, size))
    for length, found in await cuts(path, lengths):
        assert found.lost <= {replica(number) for number in there}, length
        assert not found.reported, length
        assert found.alarms or found.has_damage or not found.lost, length


async def test_a_cut_chunk_file_is_seen_at_every_length() -> None:
    path = f"{layout.directory_path(0)}/{layout.file_name(replica(21), 70)}"
    for length, found in await cuts(path, range(await size_of(path))):
        assert not found.lost, length
        assert found.reported == {replica(21)}, length


@pytest.mark.parametrize("path", [layout.FORMAT_FILE, f"{layout.FORMAT_FILE}.prev"])
async def test_a_cut_format_file_costs_nothing(path: str) -> None:
    for length, found in await cuts(path, range(await size_of(path))):
        assert not found.lost | found.reported, length


# The write-ahead log of the catalog.

LOG = f"{CATALOG}-wal"
FRAME_BYTES = 24 + 4096
COMMITS = 6


@asynccontextmanager
async def killed(engine: SqliteEngine) -> AsyncIterator[None]:
    """Serves within the block; behind it the process is dead, and nothing was folded into the database."""
    serving = asyncio.create_task(engine.run())
    yield
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def change(tx: Tx) -> None:
    tx.put(b"row/%d" % tx.commit_number, b"%d" % tx.commit_number)


def rows_of(commits: int) -> list[Row]:
    return [(b"row/%d" % number, b"%d" % number) for number in range(1, commits + 1)]


async def catalog() -> Platter:
    """A catalog whose power went with all commits in the log."""
    disk = new_disk()
    engine = await SimulatedKind(disk).open()
    async with killed(engine):
        for _ in range(COMMITS):
            await engine.tx(change)
    disk.power_cycle(Survival.ALL_LOST)
    return disk.platter


async def is_served(disk: SimDisk) -> bool:
    """Whether the catalog opens; then it has every row. Otherwise it says what to do."""
    try:
        async with SimulatedKind(disk).serving() as engine:
            assert await engine.read(lambda rows: rows.scan(b"", b"\xff", limit=100)) == rows_of(COMMITS)
    except CorruptionError:
        return False
    return True


async def test_a_bit_in_any_byte_of_the_log_is_refused_or_harmless() -> None:
    platter = await catalog()
    size = copy_of(platter).size_now(LOG)
    heads = [at for at in range(size) if at < 32 or (at - 32) % FRAME_BYTES < 64]
    refused = 0
    for at in sorted({*heads, *range(0, size, 11)}):
        disk = copy_of(platter)
        disk.flip_bit(LOG, at, at % 8)
        refused += not await is_served(disk)
    assert refused > 1000


async def test_a_log_cut_anywhere_is_refused_or_harmless() -> None:
    platter = await catalog()
    size = copy_of(platter).size_now(LOG)
    edges = [at + by for at in range(32, size, FRAME_BYTES) for by in (-1, 0, 1, 24)]
    refused = 0
    for length in sorted({*edges, *range(0, size, 37)}):
        disk = copy_of(platter)
        disk.truncate_now(LOG, length)
        disk.power_cycle(Survival.ALL_KEPT)
        refused += not await is_served(disk)
    assert refused > 400


# The files of a node and of its cluster.

CLUSTER_ID = "c" * 32


async def node_directory(*, has_previous: bool) -> SimDisk:
    """A node that was given its name, which makes a predecessor, or was never asked."""
    disk = new_disk()
    identity = await open_identity(env_on(disk), cluster_id=CLUSTER_ID)
    if has_previous:
        await identity.rename("node-1")
    return disk


async def changes_of(has_previous: bool) -> AsyncIterator[SimDisk]:
    """A node's directory for every flipped bit and every cut of its identity."""
    size = (await node_directory(has_previous=has_previous)).size_now(IDENTITY_PATH)
    for bit in range(size * 8):
        disk = await node_directory(has_previous=has_previous)
        disk.flip_bit(IDENTITY_PATH, bit // 8, bit % 8)
        yield disk
    for length in range(size):
        disk = await node_directory(has_previous=has_previous)
        disk.truncate_now(IDENTITY_PATH, length)
        yield disk


async def test_a_damaged_identity_gives_way_to_its_predecessor() -> None:
    whole = await open_identity(env_on(await node_directory(has_previous=True)), cluster_id=CLUSTER_ID)
    async for disk in changes_of(has_previous=True):
        found = await open_identity(env_on(disk), cluster_id=CLUSTER_ID)
        assert found.current.node_id == whole.current.node_id
        assert disk.exists_now(f"{IDENTITY_PATH}.damaged")


async def test_a_damaged_identity_without_a_predecessor_stops_the_node() -> None:
    async for disk in changes_of(has_previous=False):
        with pytest.raises(CorruptionError):
            await open_identity(env_on(disk), cluster_id=CLUSTER_ID)


def test_a_damaged_join_file_is_refused_or_is_another(tmp_path: Path) -> None:
    """It has no checksum: a wrong secret or cluster id is refused by the coordinator, and nothing is lost by that."""
    path = tmp_path / "join"
    write_json(path, JoinFile(CLUSTER_ID, "0a" * 32))
    content_before = path.read_bytes()
    for bit in range(len(content_before) * 8):
        flipped = bytearray(content_before)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found = read_json(path, JoinFile)
        except InvalidArgument:
            continue
        changed_blank = content_before[bit // 8 : bit // 8 + 1].isspace()
        assert changed_blank or found != JoinFile(CLUSTER_ID, "0a" * 32)


# Every bit and every cut of the small formats.

KEY = bytes(range(32))
WITNESS = Witness(bytes(16), 7)
GRANT = Grant(kind=GrantKind.READ, expires_ms=5, session=SessionId(1), replica=replica(1), node=NodeId("ab" * 16))
IDENTITY = NodeIdentity(node_id=NodeId(NODE), cluster_id="c", store_uuid=STORE_UUID, name="node-1", seen_commit=9)
VOLUME = VolumeFormat(store_uuid=STORE_UUID, node_id=bytes.fromhex(NODE), fan_out=4)
SEAL = sign_seal(KEY, replica(1), size=4, sha256=sha256(b"data"), crc64=99)


def read_seal(data: bytes) -> object:
    seal = open_seal(data)
    verify_seal(seal, KEY, replica(1), size=4)
    return seal


@dataclass(frozen=True)
class Format:
    """Bytes, how they are read, what they say, and how damage shows: an error, or None as the answer."""

    name: str
    data: bytes
    read: Callable[[bytes], object]
    says: object
    errors: tuple[type[ShoalError], ...]


FORMATS = [
    Format("row", seal_row(b"key", b"value"), lambda data: open_row(b"key", data), b"value", (CorruptionError,)),
    Format("volume", encode_volume_format(VOLUME), decode_volume_format, VOLUME, (CorruptionError,)),
    Format("identity", pack_identity(IDENTITY), unpack_identity, IDENTITY, (CorruptionError,)),
    Format("witness", seal_witness(WITNESS), newest_witness, (WITNESS, 0), (CorruptionError,)),
    Format("grant", seal_grant(GRANT, KEY), lambda data: open_grant(data, KEY), GRANT, (AccessDenied,)),
    Format("seal", pack_seal(SEAL), read_seal, SEAL, (AccessDenied, InvalidArgument)),
]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_bit_and_every_cut_of_a_format_is_seen(form: Format) -> None:
    assert form.read(form.data) == form.says
    damaged = [form.data[:length] for length in range(len(form.data))]
    damaged += [form.data + b"\0", form.data[1:]] if form.name != "witness" else []
    for bit in range(len(form.data) * 8):
        flipped = bytearray(form.data)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    for data in damaged:
        try:
            assert form.read(data) is None
        except form.errors:
            continue
