"""The transfers of `shoal get`."""

import os
from pathlib import Path

import pytest

from shoal.app.fetching import Wanted, fetch_file, fetch_stream
from shoal.app.progress import TransferBar
from shoal.base.errors import InvalidArgument
from shoal.client.put import PutOptions
from shoal.core.names import ObjectName
from shoal.wiring.env.blocking_stream import BlockingStream
from shoal.wiring.transfers import BytesSource
from support.fake_client import FakeClient

NAME = ObjectName("default", "a")


@pytest.fixture
async def client() -> FakeClient:
    """Holds `a`."""
    fake = FakeClient()
    await fake.put(*NAME, BytesSource(b"hello"), PutOptions())
    return fake


async def test_file_has_the_range_and_the_bar_its_total(client: FakeClient, tmp_path: Path) -> None:
    bar = TransferBar("a", is_wanted=False)
    fetched = await fetch_file(client.as_client(), Wanted(NAME, start=1, stop=4), tmp_path / "a", bar)
    assert (tmp_path / "a").read_bytes() == b"ell"
    assert fetched.size == bar.total == 3
    assert fetched.version.size == 5


async def test_range_outside_leaves_no_file(client: FakeClient, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument):
        await fetch_file(client.as_client(), Wanted(NAME, stop=6), tmp_path / "a", TransferBar("a", is_wanted=False))
    assert not os.listdir(tmp_path)


async def test_stream_has_the_bytes_in_order(client: FakeClient) -> None:
    read_end, write_end = os.pipe()
    bar = TransferBar("a", is_wanted=False)
    fetched = await fetch_stream(client.as_client(), Wanted(NAME), BlockingStream(write_end), bar)
    os.close(write_end)
    assert os.read(read_end, 100) == b"hello"
    assert fetched.size == 5
    os.close(read_end)


async def test_reader_that_has_gone_is_told(client: FakeClient) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with pytest.raises(BrokenPipeError):
        await fetch_stream(
            client.as_client(), Wanted(NAME), BlockingStream(write_end), TransferBar("a", is_wanted=False)
        )
    os.close(write_end)
