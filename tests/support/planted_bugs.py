"""Bugs to plant in a simulated cluster: each takes the place of a part of the product that does it right."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import msgspec

from shoal.base.env import Env
from shoal.base.errors import QuorumNotReached
from shoal.base.ids import NodeId, ReplicaId, parse_file_id
from shoal.base.units import KIB, MILLISECOND, SECOND
from shoal.client.block_check import BlockCheck
from shoal.client.cluster_view import PlacementWish
from shoal.client.put import ObjectPut, PutOptions
from shoal.core.catalog import files, rows
from shoal.core.catalog.chunks import WriteRules
from shoal.core.catalog.versions import release
from shoal.core.names import ObjectName
from shoal.core.placement import spread
from shoal.core.trust import receipts
from shoal.core.trust.receipts import ChunkFacts
from shoal.engine.overlay import OverlayTx
from shoal.engine.sqlite import SqliteEngine
from shoal.formats import keys
from shoal.formats.keys import Range
from shoal.formats.seal import Seal, check_bound, verify_seal
from shoal.formats.segment.scan import Damage, Scanner, SegmentScan
from shoal.gateway.jsonl.call import Call
from shoal.gateway.jsonl.reply import PLAIN, Answer
from shoal.gateway.jsonl.service import FILE_COMMANDS
from shoal.model.catalog import Bucket, Version
from shoal.model.cluster import ClusterMap, ClusterSettings, MapDelta
from shoal.model.messages.objects import ChunkUpload, Commit
from shoal.model.messages.replicas import Receipt
from shoal.node.keeping import Keeping
from shoal.node.primary_put import PrimaryPut
from shoal.node.put_request import ForwardedPut
from shoal.node.replica_body import ReplicaBody
from shoal.ports.chunk_store import ChunkStore, ReplicaWriter, StoredReplica
from shoal.ports.engine import Tx
from shoal.ports.log import Log
from shoal.ports.transfer import Source
from shoal.store.disk import open_disk_store
from shoal.store.layout import FILES, SEGMENTS
from shoal.store.settings import StoreSettings
from shoal.testing.sim.cluster import Hands, OpenStore
from shoal.testing.sim.contents import ContentSettings
from shoal.testing.sim.disk import DiskOperation, FaultKind, OperationKind, SimDisk
from shoal.testing.sim.disk_harm import ROT
from shoal.testing.sim.network_faults import NetworkFaults
from shoal.testing.sim.sqlite_vfs import open_sim_engine
from shoal.testing.sim.swarm import SwarmOptions, tiny_memory_bytes

_COMMITS_AT_START = 10
_SEGMENT_BYTES = 64 * KIB
_CRAMPED_BYTES = 96 * KIB
_CRAMPED_PUTS = 40


def mostly(**mix: int) -> Callable[[SwarmOptions], SwarmOptions]:
    """Many users do these things, often on one name, and the network itself does nothing wrong."""

    def change(options: SwarmOptions) -> SwarmOptions:
        work = replace(options.workload.work, registers=1, think_mean_ns=20 * MILLISECOND, mix=mix, hurry=0)
        return replace(
            options,
            world=replace(options.world, faults=NetworkFaults(), crashpoint=0),
            workload=replace(options.workload, clients=3, workers=3, work=work),
        )

    return change


def leaving_out(*names: str) -> Callable[[SwarmOptions], SwarmOptions]:
    """Nobody does these things: they would find the bug in another way."""

    def change(options: SwarmOptions) -> SwarmOptions:
        mix = {name: weight for name, weight in options.workload.work.mix.items() if name not in names}
        work = replace(options.workload.work, mix=mix)
        return replace(options, workload=replace(options.workload, work=work))

    return change


def rotting(options: SwarmOptions) -> SwarmOptions:
    """A weak disk with all replicas in segments rots and crashes, and nothing worse happens to it."""
    chunk_bytes = 512
    return replace(
        options,
        shape=replace(
            options.shape,
            cluster=msgspec.structs.replace(options.shape.cluster, chunk_bytes=chunk_bytes),
            store=replace(
                options.shape.store,
                small_bytes_max=chunk_bytes,
                segment_bytes_min=_SEGMENT_BYTES,
                segment_bytes_max=_SEGMENT_BYTES,
            ),
        ),
        nemesis=replace(
            options.nemesis,
            harms=(ROT, ROT, "crash"),
            sick=replace(options.nemesis.sick, weak="node-1"),
            calm_mean_ns=SECOND,
        ),
        workload=replace(
            options.workload, work=replace(options.workload.work, contents=ContentSettings(chunk_bytes, chunk_bytes))
        ),
        rest=("node-1",),
    )


def cramped(options: SwarmOptions) -> SwarmOptions:
    """Nodes have memory for one or two of the largest chunks, and all that users do is put."""
    contents = ContentSettings(_CRAMPED_BYTES, _CRAMPED_BYTES)
    options = mostly(put=1)(options)
    work = replace(options.workload.work, contents=contents)
    node = replace(options.shape.node, memory_bytes=tiny_memory_bytes(contents.chunk_bytes_max))
    return replace(
        options,
        shape=replace(options.shape, node=node),
        workload=replace(options.workload, operations=_CRAMPED_PUTS, acknowledged_min=0, work=work),
    )


def filing(options: SwarmOptions) -> SwarmOptions:
    """Users keep files, and there is no network that does anything wrong."""
    options = mostly(put=1, filing=20)(options)
    return replace(options, workload=replace(options.workload, acknowledged_min=0, operations=200))


_right_quorum = spread.write_quorum


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """What is done wrong, by which hands, or by what in the place of which names; `found_as` is part of the sentence
    in which a seed fails."""

    name: str
    found_as: str
    hands: Hands = field(default_factory=Hands)
    patches: tuple[tuple[str, object], ...] = ()
    change: Callable[[SwarmOptions], SwarmOptions] | None = None
    """What makes of a seed's options some that can find it."""

    @contextmanager
    def planted(self) -> Iterator[Hands]:
        """The hands to join a cluster with, while the bug is in."""
        with ExitStack() as stack:
            for target, replacement in self.patches:
                stack.enter_context(patch(target, replacement))
            yield self.hands


def _unsynced(kind: OperationKind, below: str) -> Callable[[DiskOperation], bool]:
    return lambda operation: operation.kind is kind and operation.path.startswith(below)


def _store_without(kind: OperationKind, below: str) -> OpenStore:
    """A store whose calls of one kind do nothing."""

    async def open_store(
        env: Env, settings: StoreSettings, /, *, node_id: NodeId, store_uuid: bytes, log: Log
    ) -> ChunkStore:
        assert isinstance(env.disk, SimDisk)
        env.disk.fail(FaultKind.SYNC_LIE, _unsynced(kind, below), times=None)
        return await open_disk_store(env, settings, node_id=node_id, store_uuid=store_uuid, log=log)

    return open_store


async def _open_and_lose_a_replica(
    env: Env, settings: StoreSettings, /, *, node_id: NodeId, store_uuid: bytes, log: Log
) -> ChunkStore:
    """Always the first placement of its chunk: another is left to readers."""
    store = await open_disk_store(env, settings, node_id=node_id, store_uuid=store_uuid, log=log)
    held = store.replicas(after=None, limit=1000)
    for replica in [replica for replica in held if replica.placement == 1][:1]:
        await store.delete(replica)
    return store


async def _open_unsynced_engine(env: Env, disk: SimDisk, /, *, name: str, log: Log) -> SqliteEngine:
    disk.fail(FaultKind.SYNC_LIE, _unsynced(OperationKind.SYNC, name), times=None)
    return await open_sim_engine(env, disk, name=name, log=log)


_right_durable = SqliteEngine._durable


async def _not_durable(engine: SqliteEngine, group: object) -> None:
    """Answer at once; only a new catalog is made with care."""
    engine._work.set()
    if engine._number < _COMMITS_AT_START:
        await _right_durable(engine, group)  # type: ignore[arg-type]


def corrupting(options: SwarmOptions) -> SwarmOptions:
    """Nothing happens but that bits turn over on the way, and machines crash."""
    work = replace(options.workload.work, think_mean_ns=20 * MILLISECOND, mix={"put": 3, "get": 2}, hurry=0)
    return replace(
        options,
        world=replace(options.world, faults=NetworkFaults(corrupt=0.05), crashpoint=0),
        nemesis=replace(options.nemesis, harms=("crash",), sick=replace(options.nemesis.sick, weak=None)),
        workload=replace(options.workload, clients=3, workers=3, operations=200, work=work),
    )


class _Gullible:
    """A node that does not look at the bytes that come, and vouches for what was said of them. (If it vouched for what
    it stored, its receipts would be of no use, and tell.)"""

    def __init__(self) -> None:
        self._said: dict[ReplicaId, int] = {}
        self._right_receipt = Keeping.receipt

    async def check_primary(self, put: PrimaryPut, incoming: ReplicaBody, _digest: bytes, _crc: int) -> ChunkFacts:
        seal = await incoming.seal()
        check_bound(seal, put._put.words)
        self._said[put._put.replica] = seal.crc64
        return ChunkFacts(put._put.replica.chunk, put._put.size, seal.sha256, seal.crc64)

    async def receive(
        self, keeping: Keeping, put: ForwardedPut, incoming: ReplicaBody, *, writer: ReplicaWriter
    ) -> Seal:
        while frame := await incoming.next_frame():
            await writer.write(frame)
        seal = await incoming.seal()
        verify_seal(seal, keeping.keys.seal_key(put.primary), put.replica, size=put.size)
        self._said[put.replica] = seal.crc64
        return seal

    def receipt(self, keeping: Keeping, stored: StoredReplica) -> Receipt:
        said = self._said.get(stored.replica, stored.crc64)
        return self._right_receipt(keeping, replace(stored, crc64=said))


def _vouches_without_looking(*, at_bodies: bool) -> tuple[tuple[str, object], ...]:
    """Of forwards; and of what clients send too, if `at_bodies`: alone that does no harm, for other nodes look."""
    node = _Gullible()

    async def check(put: PrimaryPut, incoming: ReplicaBody, digest: bytes, crc: int) -> ChunkFacts:
        return await node.check_primary(put, incoming, digest, crc)

    def receipt(keeping: Keeping, stored: StoredReplica) -> Receipt:
        return node.receipt(keeping, stored)

    forwards = (("shoal.node.keeping.Keeping.receipt", receipt), ("shoal.node.replica_put._receive", node.receive))
    return (*forwards, ("shoal.node.primary_put.PrimaryPut._checked", check)) if at_bodies else forwards


def _close_block_unchecked(check: BlockCheck) -> None:
    """A reader that does not look at the bytes of a block."""
    check._block += 1
    check._crc = 0
    check._missing = check._block_bytes()


async def _add_unchecked(_check: object, _frame: memoryview) -> None:
    """Nor at those of a whole chunk."""


def _lower_quorum(copies: int, settings: ClusterSettings) -> int:
    return max(1, _right_quorum(copies, settings) - 1)


def _believe(*_arguments: object, **_named: object) -> None:
    """In the place of a check, or of a search: it finds nothing wrong, and nothing at all."""


_right_mac = receipts._mac


def _mac_of_any_place(
    _key: bytes, facts: receipts.ChunkFacts, *, shard: int, placement: int, is_volatile: bool
) -> bytes:
    """A receipt that does not say whose it is, nor for which placement."""
    del placement
    return _right_mac(bytes(32), facts, shard=shard, placement=1, is_volatile=is_volatile)


def _count_receipts(upload: ChunkUpload, rules: WriteRules) -> None:
    """As many receipts as the quorum, whoever gave them."""
    if len(upload.receipts) < _right_quorum(rules.copies, rules.settings):
        raise QuorumNotReached("too few receipts")


_right_finish = Scanner.finish


def _truncate(scanner: Scanner) -> SegmentScan:
    """Take whatever is bad for the end of what was written."""
    scan = _right_finish(scanner)
    bad = [record.offset for record in (*scan.rotten, *scan.unfinished)] + [each.offset for each in scan.damage]
    if not bad:
        return scan
    first = min(bad)
    kept = [record for record in scan.records if record.offset < first]
    torn = Damage(first, scan.end - first)
    return replace(scan, records=kept, rotten=[], unfinished=[], damage=[], torn=torn)


def _ignore_frontier(scanner: Scanner) -> SegmentScan:
    """Take a bad record for a torn one, wherever it lies."""
    scan = _right_finish(scanner)
    return replace(scan, rotten=[], unfinished=[*scan.rotten, *scan.unfinished])


def _apply_in_any_order(cluster_map: ClusterMap, delta: MapDelta) -> ClusterMap:
    """Whatever an answer says last is true."""
    if delta.full is not None:
        cluster_map = delta.full
    members = {node.node_id: node for node in cluster_map.nodes}
    members.update({update.node.node_id: update.node for update in delta.updates})
    version = max([cluster_map.version, *(update.version for update in delta.updates)])
    nodes = tuple(sorted(members.values(), key=lambda node: node.name))
    return msgspec.structs.replace(cluster_map, version=version, nodes=nodes)


def _spare_oldest(tx: Tx, _bucket: Bucket, _name: str, *, span: Range, rows_max: int) -> bool:
    """Remove all versions of a purged name but one."""
    del rows_max
    for key, value in tx.scan(*span, limit=1000)[:-1]:
        tx.delete(key)
        release(tx, rows.VERSION.load(value))
    return False


def _show_whose_ever(tx: Tx, bucket: Bucket, key: str, *, version: Version) -> None:
    """Nobody looks whether a file id is another's."""
    if bucket.has_file_ids and rows.FILE.find(tx, keys.file(parse_file_id(version.file_id))) is None:
        files.show_file(tx, bucket, key, version=version)


def _same_uuid(_token: bytes) -> str:
    return "00000000-0000-4000-8000-000000000000"


def _wish_nothing(key: str, _copies: int = 0, _selector: str | None = None) -> PlacementWish:
    return PlacementWish(key)


_right_put = ObjectPut.run


async def _put_in_any_case(put: ObjectPut, target: ObjectName, source: Source, options: PutOptions) -> Commit:
    return await _right_put(put, target, source, replace(options, before_commit=None))


async def _say_done(_call: Call) -> Answer:
    return PLAIN


class _EarlyTx(OverlayTx):
    """A transaction that reads current versions as they were before it was its turn."""

    __slots__ = ()

    def get(self, key: bytes) -> bytes | None:
        is_of_others = key.startswith(b"o") and key not in self.own.writes
        return self._base.get(key) if is_of_others else super().get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]


PLANTED_BUGS = (
    PlantedBug(
        "segments are not synced",
        "is confirmed on",
        Hands(open_store=_store_without(OperationKind.SYNC, SEGMENTS)),
    ),
    PlantedBug(
        "the names of segments are not synced",
        "is confirmed on",
        Hands(open_store=_store_without(OperationKind.SYNC_DIR, SEGMENTS)),
    ),
    PlantedBug(
        "chunk files are not synced",
        "is confirmed on",
        Hands(open_store=_store_without(OperationKind.SYNC, FILES)),
    ),
    PlantedBug(
        "the names of chunk files are not synced",
        "is confirmed on",
        Hands(open_store=_store_without(OperationKind.SYNC_DIR, f"{FILES}/")),
    ),
    PlantedBug(
        "a node loses a replica at its start",
        "is confirmed on",
        Hands(open_store=_open_and_lose_a_replica),
    ),
    PlantedBug(
        "the catalog is not synced",
        "is gone, and nobody removed it",
        Hands(open_engine=_open_unsynced_engine),
    ),
    PlantedBug(
        "a commit is answered before it is durable",
        "",
        patches=(("shoal.engine.sqlite.SqliteEngine._durable", _not_durable),),
    ),
    PlantedBug(
        "one replica fewer is enough",
        "confirmed replicas, and needs",
        patches=tuple(
            (f"{module}.write_quorum", _lower_quorum)
            for module in ("shoal.core.placement.spread", "shoal.core.catalog.chunks")
        ),
        change=leaving_out("trespass"),
    ),
    PlantedBug(
        "receipts are not verified",
        ": accepted",
        patches=(("shoal.core.catalog.chunks.verify_receipt", _believe),),
        change=mostly(put=1, trespass=3),
    ),
    PlantedBug(
        "a dead session commits",
        "a dead session",
        patches=(("shoal.core.catalog.commit.check_living", _believe),),
        change=mostly(put=1, trespass=3),
    ),
    PlantedBug(
        "preconditions are not looked at",
        "have no order",
        patches=(("shoal.core.catalog.commit.check_precondition", _believe),),
    ),
    PlantedBug(
        "a commit that comes again is done again",
        "committed by another operation",
        patches=(("shoal.core.catalog.commit._find_made", _believe),),
        change=leaving_out("echo"),
    ),
    PlantedBug(
        "a precondition is looked at outside of the transaction",
        "",
        patches=(("shoal.engine.sqlite.OverlayTx", _EarlyTx),),
        change=mostly(put=1, put_if=5, get=1),
    ),
    PlantedBug(
        "a foreign placement is accepted",
        "a foreign placement: accepted",
        patches=(("shoal.core.trust.receipts._mac", _mac_of_any_place),),
        change=mostly(put=1, trespass=3),
    ),
    PlantedBug(
        "a primary is counted twice",
        ": accepted",
        patches=(("shoal.core.catalog.chunks._check_receipts", _count_receipts),),
        change=mostly(put=1, trespass=3),
    ),
    PlantedBug(
        "a grant for another chunk is accepted",
        "a grant for another chunk: accepted",
        patches=(("shoal.node.service.check_put", _believe),),
        change=mostly(put=1, trespass=3),
    ),
    PlantedBug(
        "a segment is truncated at its first bad record",
        "replicas",
        patches=(("shoal.formats.segment.scan.Scanner.finish", _truncate),),
        change=rotting,
    ),
    PlantedBug(
        "the frontier is ignored",
        "are missing on",
        patches=(("shoal.formats.segment.scan.Scanner.finish", _ignore_frontier),),
        change=rotting,
    ),
    PlantedBug(
        "differences of the map are applied out of order",
        "",
        patches=(("shoal.core.membership.apply", _apply_in_any_order),),
    ),
    PlantedBug(
        "a refusal is not kept",
        "came again",
        patches=(("shoal.core.catalog.refusals.keep_refusal", _believe),),
        change=mostly(put=1, put_if=4, delete=1, echo=4),
    ),
    PlantedBug(
        "a purge leaves a former version",
        "folder-",
        patches=(("shoal.core.catalog.purge._remove", _spare_oldest),),
        change=filing,
    ),
    PlantedBug(
        "a purge forgets the id of the file",
        " over",
        patches=(("shoal.core.catalog.purge.end_file", _believe),),
        change=filing,
    ),
    PlantedBug(
        "two files get one id",
        "was given the id of",
        patches=(
            ("shoal.client.put.uuid_text", _same_uuid),
            ("shoal.core.catalog.commit.show_file", _show_whose_ever),
        ),
        change=filing,
    ),
    PlantedBug(
        "an upload that was broken off is stored",
        "had broken that off",
        patches=(("shoal.client.client.ObjectPut.run", _put_in_any_case),),
        change=filing,
    ),
    PlantedBug(
        "how many copies are wanted is not told",
        "were wanted",
        patches=(("shoal.client.put.PlacementWish", _wish_nothing),),
    ),
    PlantedBug(
        "memory is never given back",
        "not over after",
        patches=(("shoal.node.admission.Share.let_go", _believe),),
        change=cramped,
    ),
    PlantedBug(
        "a door deletes nothing and says that it did",
        "visitor/",
        patches=(("shoal.testing.sim.gateway.FILE_COMMANDS", {**FILE_COMMANDS, "delete_file": _say_done}),),
        change=mostly(put=1, visit=5),
    ),
    PlantedBug(
        "nodes vouch for bytes that they did not look at",
        "is not what was written",
        patches=_vouches_without_looking(at_bodies=True),
        change=corrupting,
    ),
    PlantedBug(
        "a node vouches for a forward that it did not look at",
        "is not what was written",
        patches=_vouches_without_looking(at_bodies=False),
        change=corrupting,
    ),
    PlantedBug(
        "a reader does not check what nodes send",
        "differs at byte",
        patches=(
            ("shoal.client.block_check.BlockCheck._close_block", _close_block_unchecked),
            ("shoal.client.read_chunk._WholeCheck.add", _add_unchecked),
        ),
        change=corrupting,
    ),
)
"""The regression suite of the simulator: each of them must be found within a few seeds."""
