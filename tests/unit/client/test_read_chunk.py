"""A chunk is read from whichever replica is good, and from where the one before it failed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from shoal.base.digests import BLOCK_BYTES, crc64, sha256
from shoal.base.errors import (
    AccessDenied,
    ChecksumMismatch,
    DiskFailed,
    InvalidArgument,
    InvariantBroken,
    NodeUnreachable,
    NotFound,
    OutcomeUnknown,
    ShoalError,
    Throttled,
)
from shoal.base.ids import ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import SECOND
from shoal.client.cluster_view import ClusterView
from shoal.client.read_chunk import ChunkReader
from shoal.client.settings import ClientSettings
from shoal.model.catalog import ChunkRef
from shoal.model.cluster import MapDelta
from shoal.model.messages.objects import ChunkLocation, ReplicaLocation
from support.client_lab import READ_GRANT, Answer, ClientLab, breaking, content, in_client_lab, refusing, table_of

CHUNK = mint_chunk_id(SessionId(7), 1)
SMALL, LARGE = 5000, 5 * BLOCK_BYTES + 17
AWAY = NodeUnreachable("refused")


class Case:
    """A chunk with replicas on `a`, `b` and `c`, placed as 1, 2 and 3."""

    def __init__(self, lab: ClientLab, view: ClusterView, size: int) -> None:
        self.data = content(size)
        self.ref = ChunkRef(CHUNK, size, sha256(self.data), crc64(self.data))
        self.lab = lab
        self.damaged: list[tuple[str, ReplicaId]] = []
        self.got = bytearray()
        for place, name in enumerate("abc", start=1):
            lab.nodes.stored[name, ReplicaId(CHUNK, 0, place)] = self.data
        self.reader = ChunkReader(
            lab.env,
            link=lab.nodes,
            view=view,
            settings=ClientSettings(patience_ns=2 * SECOND),
            on_damage=lambda place, replica: self.damaged.append((view.name_of(place.node), replica)),
            log=lab.log,
        )

    @property
    def location(self) -> ChunkLocation:
        ids = self.lab.nodes.ids
        places = [ReplicaLocation(ids[name], 0, place, READ_GRANT) for place, name in enumerate("abc", start=1)]
        return ChunkLocation(self.ref, tuple(places))

    async def _relocate(self) -> ChunkLocation:
        return self.location

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        end = self.ref.size if stop is None else stop
        async with aclosing(self.reader.frames(self.location, start, end, relocate=self._relocate)) as frames:
            async for frame in frames:
                self.got += frame
        return bytes(self.got)

    def forge(self, name: str, data: bytes, ref: ChunkRef | None = None) -> None:
        """Let `name` send other bytes, with the table that belongs to them."""
        self.ref = ref or self.ref
        self.lab.nodes.spoils[name] = lambda _body: [table_of(data) + data]


def _in_lab(main: Callable[[Case], Awaitable[None]], *, size: int = LARGE) -> None:
    async def within(lab: ClientLab) -> None:
        async with lab.client() as client:
            client.view.follow(MapDelta(full=lab.catalog.map))
            await main(Case(lab, client.view, size))

    in_client_lab(within)


def test_one_good_replica_is_enough() -> None:
    async def main(case: Case) -> None:
        assert await case.read() == case.data
        assert case.lab.nodes.asked("GET") == ["a"]
        assert case.damaged == []

    _in_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(
    "answer",
    [
        breaking(AWAY),
        breaking(OutcomeUnknown("cut")),
        refusing(NotFound("no such replica")),
        refusing(AccessDenied("the grant has expired")),
        refusing(Throttled("busy")),
        refusing(InvalidArgument("the range lies outside the replica's bytes")),
        refusing(DiskFailed("the disk is gone")),
        refusing(InvariantBroken("a bug over there")),
        refusing(ShoalError("what?")),
    ],
)
def test_whatever_is_wrong_with_a_node_the_next_one_is_asked(size: int, answer: Answer) -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = answer
        assert await case.read() == case.data
        assert case.damaged == []
        assert len(case.lab.log.named("replica_unreadable")) == 1

    _in_lab(main, size=size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: [body[:-1]],
        lambda body: [body + b"!"],
        lambda body: [body[:-1] + bytes([body[-1] ^ 1])],
        lambda body: [bytes([body[0] ^ 1]) + body[1:]],
        lambda body: [b""],
    ],
    ids=["short", "long", "last byte", "table", "empty"],
)
def test_a_node_that_sends_other_bytes_is_not_believed_and_reported_once(
    size: int, spoil: Callable[[bytes], list[bytes]]
) -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.spoils["a"] = spoil
        assert await case.read() == case.data
        assert case.damaged == [("a", ReplicaId(CHUNK, 0, 1))]

    _in_lab(main, size=size)


def test_other_bytes_with_the_right_table_for_them_are_not_believed() -> None:
    async def main(case: Case) -> None:
        case.forge("a", content(LARGE, seed=2))
        assert await case.read() == case.data
        assert [name for name, _ in case.damaged] == ["a"]

    _in_lab(main)


def test_reading_goes_on_from_the_next_byte_at_another_node() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.spoils["a"] = lambda body: [body[:150_000], OutcomeUnknown("cut")]
        assert await case.read() == case.data
        assert case.lab.nodes.asked("GET") == ["a", "b"]
        assert case.lab.nodes.heard[1].headers["range"] == f"bytes={2 * BLOCK_BYTES}-{LARGE - 1}"

    _in_lab(main)


def test_a_block_that_rotted_in_the_middle_is_read_elsewhere() -> None:
    async def main(case: Case) -> None:
        rotten = bytearray(case.data)
        rotten[2 * BLOCK_BYTES + 5] ^= 1
        table = table_of(case.data)
        case.lab.nodes.spoils["a"] = lambda _body: [table + bytes(rotten[:100_000]), bytes(rotten[100_000:])]
        assert await case.read() == case.data
        assert case.damaged == [("a", ReplicaId(CHUNK, 0, 1))]

    _in_lab(main)


def _same_crc(data: bytes) -> ChunkRef:
    """What the catalog says of a chunk whose CRC64NVME is that of `data`, and whose SHA-256 is another's."""
    return ChunkRef(CHUNK, len(data), sha256(b"the true bytes"), crc64(data))


def test_a_whole_chunk_that_fits_a_frame_never_leaves_with_a_wrong_sha256() -> None:
    async def main(case: Case) -> None:
        case.ref = _same_crc(case.data)
        with pytest.raises(ChecksumMismatch, match="no replica of chunk"):
            await case.read()
        assert case.got == b""
        assert [name for name, _ in case.damaged] == ["a", "b", "c"]

    _in_lab(main, size=SMALL)


def test_a_larger_one_ends_with_an_error_before_its_last_bytes_leave() -> None:
    async def main(case: Case) -> None:
        case.ref = _same_crc(case.data)
        with pytest.raises(ChecksumMismatch, match="is not what was written"):
            await case.read()
        assert case.data.startswith(bytes(case.got))
        assert 0 < len(case.got) < LARGE
        assert case.lab.nodes.asked("GET") == ["a"]
        assert [name for name, _ in case.damaged] == ["a"]

    _in_lab(main)


def test_a_part_is_checked_by_its_blocks_alone() -> None:
    async def main(case: Case) -> None:
        case.ref = _same_crc(case.data)
        assert await case.read(1) == case.data[1:]

    _in_lab(main)


@pytest.mark.parametrize("start", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 1])
@pytest.mark.parametrize("length", [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_ranges_at_the_edges_of_blocks(start: int, length: int) -> None:
    async def main(case: Case) -> None:
        assert await case.read(start, start + length) == case.data[start : start + length]

    _in_lab(main)


def test_when_all_replicas_are_damaged_the_chunk_is_named() -> None:
    async def main(case: Case) -> None:
        for name in "abc":
            case.lab.nodes.spoils[name] = lambda body: [body[:-1]]
        with pytest.raises(ChecksumMismatch, match=f"no replica of chunk {CHUNK.hex()} is good: damaged on"):
            await case.read()
        assert len(case.damaged) == 3

    _in_lab(main)


def test_nodes_that_come_back_are_waited_for() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.down = set("abc")
        reading = asyncio.get_running_loop().create_task(case.read())
        await asyncio.sleep(1)
        case.lab.nodes.down = set("ab")
        assert await reading == case.data

    _in_lab(main)


def test_patience_ends_with_what_each_node_lacked() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.down = set("abc")
        began = case.lab.clock.now()
        with pytest.raises(NodeUnreachable, match=r"can be read now: unreachable on .*, unreachable on"):
            await case.read()
        assert case.lab.clock.now() - began <= 2.1 * SECOND

    _in_lab(main)


def test_a_reader_that_pauses_for_long_still_gets_everything() -> None:
    async def main(case: Case) -> None:
        for name in "abc":
            case.lab.nodes.spoils[name] = lambda body: [body[: len(table_of(case.data)) + BLOCK_BYTES], AWAY]
        got = b""
        async with aclosing(case.reader.frames(case.location, 0, LARGE, relocate=case._relocate)) as frames:
            async for frame in frames:
                got += frame
                await asyncio.sleep(60)
                if len(got) > 3 * BLOCK_BYTES:
                    case.lab.nodes.spoils.clear()
        assert got == case.data

    _in_lab(main)


def test_a_fault_of_this_process_is_not_taken_for_the_nodes() -> None:
    async def main(case: Case) -> None:
        case.lab.nodes.answers["a"] = breaking(InvariantBroken("two readers of one body"))
        with pytest.raises(InvariantBroken):
            await case.read()

    _in_lab(main)


def test_leaving_early_lets_go_of_the_node() -> None:
    async def main(case: Case) -> None:
        async with aclosing(case.reader.frames(case.location, 0, LARGE, relocate=case._relocate)) as frames:
            await anext(frames)
        assert case.lab.nodes.open_exchanges == 0

    _in_lab(main)
