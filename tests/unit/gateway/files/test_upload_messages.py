"""What the messages of an upload say, and when their end is believed."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.units import MIB
from shoal.gateway.files import upload_messages
from shoal.gateway.files.patience import Patience
from shoal.gateway.files.settings import FileServiceSettings
from shoal.gateway.files.upload_messages import Opening, UploadMessages
from shoal.testing.sim.env import ManualClock
from shoal_pb.filestore_pb2 import UploadRequest
from support.rpc_bench import FakeContext, stream


def messages_of(*sent: UploadRequest | bytes, context: FakeContext | None = None) -> UploadMessages:
    alive = context or FakeContext()
    patience = Patience(ManualClock(), FileServiceSettings())
    return UploadMessages(stream(sent), confirm_alive=lambda: alive.send_initial_metadata(()), patience=patience)


def chunks(*pieces: bytes) -> list[UploadRequest]:
    return [UploadRequest(chunk=piece) for piece in pieces]


async def all_of(messages: UploadMessages) -> tuple[Opening, bytes]:
    opening = await messages.opening()
    return opening, b"".join([frame async for frame in messages.frames()])


async def test_the_first_message_with_a_name_names_the_file() -> None:
    sent = [
        UploadRequest(chunk=b"a", content_type="ignored/1"),
        UploadRequest(filename="one", content_type="text/plain", chunk=b"b"),
        UploadRequest(filename="two", content_type="ignored/2", chunk=b"c"),
    ]
    opening, content = await all_of(messages_of(*sent))
    assert opening == Opening("one", "text/plain", None)
    assert content == b"abc"


async def test_an_empty_file_has_a_message_with_its_name() -> None:
    opening, content = await all_of(messages_of(UploadRequest(filename="empty")))
    assert opening == Opening("empty", "", None)
    assert content == b""


async def test_empty_messages_are_passed_over() -> None:
    messages = messages_of(UploadRequest(filename="n"), *chunks(b"", b"a", b""))
    await messages.opening()
    assert [frame async for frame in messages.frames()] == [b"a"]


@pytest.mark.parametrize("sent", [[], chunks(b"a", b"b"), [b""]])
async def test_an_upload_without_a_name_is_refused(sent: Iterable[UploadRequest | bytes]) -> None:
    with pytest.raises(InvalidArgument, match="no message has a filename"):
        await messages_of(*sent).opening()


async def test_a_name_must_come_before_much_has_come() -> None:
    with pytest.raises(InvalidArgument, match="first messages"):
        await messages_of(*chunks(*[bytes(MIB)] * 18)).opening()


@pytest.mark.parametrize("name", ["a\0b", "x" * 1025, "ä" * 513])
async def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        await messages_of(UploadRequest(filename=name)).opening()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", "a b&c", "x" * 1024, "\N{SNOWMAN}", "\n"])
async def test_a_name_that_looks_like_a_path_is_a_name(name: str) -> None:
    assert (await messages_of(UploadRequest(filename=name)).opening()).filename == name


async def test_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"filestore\.UploadRequest"):
        await messages_of(b"\x0a\x02\xff\xfe").opening()


@pytest.mark.parametrize(("size", "pieces"), [(3, (b"ab",)), (3, ()), (3, (b"ab", b"cd")), (1 << 62, (b"a",))])
async def test_a_size_that_is_told_must_come(size: int, pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(InvalidArgument, match=f"total_size says {size} bytes, and "):
        await all_of(messages_of(UploadRequest(filename="n", total_size=size), *chunks(*pieces)))


async def test_a_size_that_comes_is_told_whoever_says_it() -> None:
    opening, _ = await all_of(messages_of(UploadRequest(filename="n", total_size=2), *chunks(b"ab")))
    assert opening.size == 2
    opening, _ = await all_of(messages_of(UploadRequest(filename="n"), UploadRequest(total_size=2, chunk=b"ab")))
    assert opening.size is None
    with pytest.raises(InvalidArgument, match="total_size"):
        await all_of(messages_of(UploadRequest(filename="n"), UploadRequest(total_size=3, chunk=b"ab")))


@pytest.mark.parametrize("sizes", [(-1, 0), (2, 3), (0, -7)])
async def test_sizes_that_contradict_or_are_none_are_refused(sizes: tuple[int, int]) -> None:
    first, second = sizes
    sent = (UploadRequest(filename="n", total_size=first), UploadRequest(chunk=b"ab", total_size=second))
    with pytest.raises(InvalidArgument, match="total_size is"):
        await all_of(messages_of(*sent))


async def test_who_is_refused_is_heard_out_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = messages_of(UploadRequest(filename="a\0b"), *chunks(*[b"x"] * 100))
    with pytest.raises(InvalidArgument):
        await messages.opening()
    await messages.drain()
    await messages.drain()
    with pytest.raises(InvalidArgument, match="no message has a filename"):
        await messages.opening()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b""

    monkeypatch.setattr(upload_messages, "_DRAIN_S", 0.001)
    patience = Patience(ManualClock(), FileServiceSettings())
    await UploadMessages(endless(), confirm_alive=asyncio.Event().wait, patience=patience).drain()  # type: ignore[arg-type]


async def test_the_end_of_a_stream_whose_call_died_is_no_end() -> None:
    context = FakeContext()
    messages = messages_of(UploadRequest(filename="n", chunk=b"ab"), context=context)
    await messages.opening()
    context.is_dead = True
    with pytest.raises(asyncio.CancelledError):
        [frame async for frame in messages.frames()]
