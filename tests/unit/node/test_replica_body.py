"""Payload and seal, however the frames are cut."""

import pytest

from shoal.base.errors import InvalidArgument, OutcomeUnknown
from shoal.formats.seal import SEAL_BYTES, open_seal
from shoal.node.replica_body import ReplicaBody
from support.frames import Frames, cut
from support.node_lab import client_seal
from support.stores import content

PAYLOAD = content(1, 300)
SEAL = client_seal(PAYLOAD)


async def payload_of(body: ReplicaBody) -> bytes:
    frames = []
    while frame := await body.next_frame():
        frames.append(bytes(frame))
    return b"".join(frames)


@pytest.mark.parametrize("size", [1, 7, 63, 64, 65, 100, 299, 300, 301, 330, 363, 364])
async def test_frames_may_be_cut_anywhere(size: int) -> None:
    body = ReplicaBody(Frames(cut(PAYLOAD + SEAL, size)), len(PAYLOAD))
    assert await payload_of(body) == PAYLOAD
    assert await body.seal() == open_seal(SEAL)


@pytest.mark.parametrize("size", [1, 100, 300, 364])
async def test_whole_and_skip_go_to_the_same_place(size: int) -> None:
    whole = ReplicaBody(Frames(cut(PAYLOAD + SEAL, size)), len(PAYLOAD))
    assert await whole.whole() == PAYLOAD
    assert await whole.seal() == open_seal(SEAL)
    assert await ReplicaBody(Frames(cut(PAYLOAD + SEAL, size)), len(PAYLOAD)).skip() == open_seal(SEAL)


async def test_an_empty_payload_is_only_a_seal() -> None:
    body = ReplicaBody(Frames([client_seal(b"")]), 0)
    assert await body.next_frame() == b""
    assert await body.whole() == b""
    assert await body.seal() == open_seal(client_seal(b""))


async def test_frames_are_handed_on_without_a_copy() -> None:
    frame = memoryview(PAYLOAD + SEAL)
    given = await ReplicaBody(Frames([frame]), len(PAYLOAD)).next_frame()
    assert isinstance(given, memoryview)
    assert given.obj is frame.obj


@pytest.mark.parametrize("frames", [[], [PAYLOAD[:10]], [PAYLOAD], [PAYLOAD, SEAL[:-1]]])
async def test_a_body_that_ends_early_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(InvalidArgument):
        await ReplicaBody(Frames(frames), len(PAYLOAD)).skip()


@pytest.mark.parametrize("change", [1, -1, 8])
async def test_a_payload_of_another_length_has_no_seal_where_it_should_be(change: int) -> None:
    payload = content(1, len(PAYLOAD) + change)
    data = payload + client_seal(payload)
    with pytest.raises(InvalidArgument):
        await ReplicaBody(Frames([data[: len(PAYLOAD) + SEAL_BYTES]]), len(PAYLOAD)).skip()


async def test_what_breaks_the_body_off_passes() -> None:
    body = ReplicaBody(Frames([PAYLOAD[:50], OutcomeUnknown("cut")]), len(PAYLOAD))
    with pytest.raises(OutcomeUnknown):
        await body.whole()
