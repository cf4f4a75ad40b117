"""Stored bytes as a body: in order, at most a frame in memory, the reader closed whatever happens."""

import pytest

from shoal.node.stored_pieces import StoredPieces
from shoal.ports.chunk_store import FileSpan
from shoal.ports.link import FRAME_BYTES, Piece
from support.stores import content, new_disk, open_store, put, replica
from support.watched_store import WatchedStore

SIZE = 2 * FRAME_BYTES + 5


async def pieces_of(store: WatchedStore, offset: int, length: int) -> StoredPieces:
    return StoredPieces(await store.open(replica(1)), offset, length, before=b"before", behind=b"behind")


async def all_of(pieces: StoredPieces) -> list[Piece]:
    return [piece async for piece in pieces]


@pytest.mark.parametrize(("offset", "length"), [(0, SIZE), (7, FRAME_BYTES), (SIZE, 0)])
async def test_pieces_come_in_order_and_add_up(offset: int, length: int) -> None:
    store, data = WatchedStore(), content(1, SIZE)
    await put(store, replica(1), data)
    pieces = await pieces_of(store, offset, length)
    found = await all_of(pieces)
    joined = b"".join(piece for piece in found if not isinstance(piece, FileSpan))
    assert joined == b"before" + data[offset : offset + length] + b"behind"
    assert pieces.stream.length == len(joined)
    assert max(len(piece) for piece in found if not isinstance(piece, FileSpan)) <= FRAME_BYTES
    await pieces.aclose()
    assert store.readers == 0


async def test_a_file_is_left_to_the_link() -> None:
    store = WatchedStore(await open_store(new_disk()))
    await put(store, replica(1), content(1, 5000))
    pieces = await pieces_of(store, 100, 4000)
    before, span, behind = await all_of(pieces)
    assert isinstance(span, FileSpan)
    assert (before, span.length, behind) == (b"before", 4000, b"behind")
    assert await span.file.pread(span.offset, span.length) == content(1, 5000)[100:4100]
    await pieces.aclose()
    await store.close()


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_closing_early_closes_the_reader_once_and_ends_the_pieces(taken: int) -> None:
    store = WatchedStore()
    await put(store, replica(1), content(1, SIZE))
    pieces = await pieces_of(store, 0, SIZE)
    for _ in range(taken):
        await anext(pieces)
    await pieces.aclose()
    await pieces.aclose()
    assert store.readers == 0
