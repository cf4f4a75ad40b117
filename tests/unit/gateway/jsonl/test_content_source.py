"""The bytes of a request are a source."""

from shoal.gateway.jsonl.content_source import ContentSource


async def test_its_bytes_can_be_read_again_as_long_as_it_lives() -> None:
    source = ContentSource(memoryview(b"hello"))
    assert source.size == 5
    assert [await source.available(offset, 4) for offset in (0, 3, 5, 9)] == [4, 2, 0, 0]
    for _ in range(2):
        assert bytes(await source.read_at(1, 3)) == b"ell"
        source.release(5)
