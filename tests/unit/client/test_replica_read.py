"""One replica, read from one node."""

from contextlib import aclosing

import pytest

from shoal.base.digests import BLOCK_BYTES, crc64, sha256
from shoal.base.errors import ChecksumMismatch, DeadlineExceeded, NotFound, OutcomeUnknown, ShoalError
from shoal.base.ids import ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import SECOND
from shoal.client.block_check import ChunkPart
from shoal.client.replica_read import ReplicaReader
from shoal.core.routes import GRANT_HEADER
from shoal.formats.grant import grant_text
from shoal.model.catalog import ChunkRef
from shoal.model.messages.objects import ReplicaLocation
from shoal.ports.link import Reply
from support.client_lab import READ_GRANT, ClientLab, Heard, breaking, content, in_client_lab, refusing

CHUNK = mint_chunk_id(SessionId(7), 1)
SMALL, LARGE = 5000, 5 * BLOCK_BYTES + 17
DEADLINE_NS = 3 * SECOND


class Case:
    """A chunk of some size on node `a`."""

    def __init__(self, lab: ClientLab, size: int) -> None:
        self.data = content(size)
        self.ref = ChunkRef(CHUNK, size, sha256(self.data), crc64(self.data))
        self.lab = lab
        self.location = ReplicaLocation(lab.nodes.ids["a"], 0, 3, READ_GRANT)
        lab.nodes.stored["a", ReplicaId(CHUNK, 0, 3)] = self.data
        self.reader = ReplicaReader(lab.nodes, clock=lab.clock, head_deadline_ns=DEADLINE_NS)
        self.got = b""

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        part = ChunkPart(self.ref, start, len(self.data) if stop is None else stop)
        address = next(iter(self.lab.nodes.names))
        async with aclosing(self.reader.frames(address, self.location, part)) as frames:
            async for frame in frames:
                assert len(frame)
                self.got += frame
        return self.got


@pytest.mark.parametrize("size", [1, SMALL, BLOCK_BYTES, 2 * BLOCK_BYTES, LARGE])
def test_a_whole_replica_is_asked_for_without_a_range(size: int) -> None:
    async def main(lab: ClientLab) -> None:
        case = Case(lab, size)
        assert await case.read() == case.data
        (heard,) = lab.nodes.heard
        assert (heard.method, heard.replica.placement) == ("GET", 3)
        assert heard.headers == {GRANT_HEADER: grant_text(READ_GRANT)}
        assert heard.deadline - lab.clock.now() <= DEADLINE_NS

    in_client_lab(main)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (BLOCK_BYTES - 1, BLOCK_BYTES + 1), (BLOCK_BYTES, 2 * BLOCK_BYTES), (LARGE - 1, LARGE)]
)
def test_a_part_is_asked_for_with_a_range(start: int, stop: int) -> None:
    async def main(lab: ClientLab) -> None:
        case = Case(lab, LARGE)
        assert await case.read(start, stop) == case.data[start:stop]
        assert lab.nodes.heard[0].headers["range"] == f"bytes={start}-{stop - 1}"

    in_client_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("error", [NotFound("no such replica"), ChecksumMismatch("in quarantine")])
def test_what_the_node_tells_is_raised(size: int, error: ShoalError) -> None:
    async def main(lab: ClientLab) -> None:
        lab.nodes.answers["a"] = refusing(error)
        with pytest.raises(type(error), match=error.sentence):
            await Case(lab, size).read()

    in_client_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_what_the_link_raises_passes(size: int) -> None:
    async def main(lab: ClientLab) -> None:
        lab.nodes.answers["a"] = breaking(DeadlineExceeded("too late"))
        with pytest.raises(DeadlineExceeded):
            await Case(lab, size).read()

    in_client_lab(main)


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("change", [-1, 1, BLOCK_BYTES])
def test_a_body_of_another_length_is_refused_before_any_of_it_leaves(size: int, change: int) -> None:
    async def main(lab: ClientLab) -> None:
        case = Case(lab, size)
        lab.nodes.spoils["a"] = lambda body: [body[:change] if change < 0 else body + bytes(change)]
        with pytest.raises(ChecksumMismatch, match="not of the chunk's size"):
            await case.read()
        assert case.got == b""

    in_client_lab(main)


def test_what_came_before_a_break_is_right_and_has_left() -> None:
    async def main(lab: ClientLab) -> None:
        case = Case(lab, LARGE)
        lab.nodes.spoils["a"] = lambda body: [body[:100_000], body[100_000:200_000], OutcomeUnknown("cut")]
        with pytest.raises(OutcomeUnknown):
            await case.read()
        assert case.got == case.data[: 3 * BLOCK_BYTES]

    in_client_lab(main)


def test_an_answer_that_is_no_replica_is_refused() -> None:
    async def main(lab: ClientLab) -> None:
        async def nonsense(_heard: Heard) -> Reply:
            return Reply(302, {}, b"elsewhere")

        lab.nodes.answers["a"] = nonsense
        with pytest.raises(ShoalError, match="302"):
            await Case(lab, SMALL).read()

    in_client_lab(main)


def test_leaving_early_lets_go_of_the_connection() -> None:
    async def main(lab: ClientLab) -> None:
        case = Case(lab, LARGE)
        part = ChunkPart(case.ref, 0, LARGE)
        async with aclosing(case.reader.frames(next(iter(lab.nodes.names)), case.location, part)) as frames:
            await anext(frames)
            assert lab.nodes.open_exchanges == 1
        assert lab.nodes.open_exchanges == 0

    in_client_lab(main)
