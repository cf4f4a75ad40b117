"""Frames are lent again only when nobody can read them any more."""

from shoal.net.receive_memory import POOL_BYTES, ReceiveMemory
from shoal.ports.link import FRAME_BYTES


def test_a_frame_that_nobody_holds_is_lent_again() -> None:
    memory = ReceiveMemory()
    first = memory.frame(FRAME_BYTES)
    first[:4] = b"used"
    del first
    assert bytes(memory.frame(FRAME_BYTES)[:4]) == b"used"


def test_a_frame_of_which_a_slice_is_held_is_not_lent_again() -> None:
    memory = ReceiveMemory()
    frame = memory.frame(FRAME_BYTES)
    frame[:4] = b"mine"
    held = frame[1:3]
    del frame
    for _ in range(3):
        other = memory.frame(FRAME_BYTES)
        other[:4] = b"othr"
    assert bytes(held) == b"in"


def test_frames_held_at_once_are_distinct_also_beyond_the_pool() -> None:
    memory = ReceiveMemory()
    frames = [memory.frame(FRAME_BYTES) for _ in range(POOL_BYTES // FRAME_BYTES + 2)]
    for number, frame in enumerate(frames):
        frame[0] = number
    assert [frame[0] for frame in frames] == list(range(len(frames)))


def test_other_sizes_are_fresh_and_exact() -> None:
    frame = ReceiveMemory().frame(100)
    assert (len(frame), bytes(frame)) == (100, bytes(100))
