"""Which cluster is meant: an argument beats the environment, an endpoint a directory."""

import math
from pathlib import Path

import pytest

from shoal.base.errors import AccessDenied, InvalidArgument, NodeUnreachable
from shoal.base.ids import Address
from shoal.base.units import MIB, SECOND
from shoal.client.settings import ClientSettings
from shoal.model.cluster import CHUNK_BYTES_MAX
from shoal.wiring.cluster_files import found_cluster, write_endpoints
from shoal.wiring.connect import client_settings, find_cluster, open_client
from shoal.wiring.env import RealSecrets
from shoal.wiring.log import StreamLog

KEY = {"SHOAL_KEY": "SHOALX", "SHOAL_SECRET": "s"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of a cluster that listens at port 1."""
    found_cluster(tmp_path, RealSecrets())
    write_endpoints(tmp_path, [Address("127.0.0.1:1")])
    return tmp_path


def test_directory_tells_endpoints_and_key(directory: Path) -> None:
    for cluster in (find_cluster(data=directory, environ={}), find_cluster(environ={"SHOAL_DATA": str(directory)})):
        assert cluster.coordinators == ("127.0.0.1:1",)
        assert cluster.credential.key_id.startswith("SHOAL")


def test_default_is_a_directory_beside_us(directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(NodeUnreachable, match="no cluster in shoal-data"):
        find_cluster(environ={})
    (tmp_path / "here" / "shoal-data").symlink_to(directory)
    assert find_cluster(environ={"SHOAL_DATA": ""}).coordinators == ("127.0.0.1:1",)


def test_endpoint_brings_its_key_from_the_environment() -> None:
    cluster = find_cluster(endpoint="a:1, http://[::1]:2", environ=KEY)
    assert cluster.coordinators == ("a:1", "[::1]:2")
    assert (cluster.credential.key_id, cluster.credential.secret) == ("SHOALX", b"s")


@pytest.mark.parametrize(
    ("arguments", "coordinator"),
    [
        ({}, "env:2"),
        ({"endpoint": "arg:3"}, "arg:3"),
        ({"data": True}, "127.0.0.1:1"),
        ({"data": True, "endpoint": "arg:3"}, "arg:3"),
    ],
)
def test_argument_beats_environment_and_endpoint_beats_directory(
    arguments: dict[str, str | bool], coordinator: str, directory: Path
) -> None:
    environ = {"SHOAL_ENDPOINT": "env:2", "SHOAL_DATA": "nowhere", **KEY}
    endpoint = arguments.get("endpoint")
    cluster = find_cluster(
        data=directory if "data" in arguments else None,
        endpoint=endpoint if isinstance(endpoint, str) else None,
        environ=environ,
    )
    assert cluster.coordinators == (coordinator,)


@pytest.mark.parametrize("environ", [{}, {"SHOAL_KEY": "SHOALX"}, {"SHOAL_SECRET": "s"}, {**KEY, "SHOAL_SECRET": ""}])
def test_endpoint_without_a_key_says_what_is_missing(environ: dict[str, str]) -> None:
    with pytest.raises(AccessDenied, match="set SHOAL_KEY and SHOAL_SECRET"):
        find_cluster(endpoint="a:1", environ=environ)


@pytest.mark.parametrize("endpoint", ["a", "a:b", "a:99999", "a:1,,b:2", "a b:1"])
def test_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidArgument, match="is not an address"):
        find_cluster(endpoint=endpoint, environ=KEY)


@pytest.mark.parametrize("key", ["x" * 65, "schlüssel"])
def test_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(InvalidArgument, match="SHOAL_KEY"):
        find_cluster(endpoint="a:1", environ={"SHOAL_KEY": key, "SHOAL_SECRET": "s"})


async def test_client_that_asks_nothing_opens_and_closes(directory: Path) -> None:
    async with open_client(find_cluster(data=directory), log=StreamLog()):
        pass


async def test_client_of_an_absent_cluster_gives_up(directory: Path) -> None:
    settings = ClientSettings(patience_ns=1)
    async with open_client(find_cluster(data=directory), log=StreamLog(), settings=settings) as client:
        with pytest.raises(NodeUnreachable, match="no coordinator answers"):
            await client.status()


@pytest.mark.parametrize("chunk_bytes", [1, 8 * MIB, CHUNK_BYTES_MAX])
def test_users_say_how_many_chunks_travel_whatever_their_size(chunk_bytes: int) -> None:
    assert [client_settings(parallel=parallel).parallel(chunk_bytes) for parallel in (1, 7, 256)] == [1, 7, 256]
    assert client_settings() == ClientSettings()
    assert client_settings(patience=0.5).patience_ns == SECOND // 2


def test_what_no_client_can_be_is_refused() -> None:
    for parallel in (0, 257):
        with pytest.raises(InvalidArgument, match="1 to 256"):
            client_settings(parallel=parallel)
    for patience in (0, -1, math.inf, math.nan):
        with pytest.raises(InvalidArgument, match="patience"):
            client_settings(patience=patience)
