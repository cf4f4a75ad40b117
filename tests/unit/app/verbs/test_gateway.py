"""`shoal gateway`: what is asked for, and what is refused. That it runs is in `tests/cluster/test_filestore.py`."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from shoal.base.env import Secrets
from shoal.base.ids import Address
from shoal.wiring import gateway
from shoal.wiring.cluster_files import found_cluster, write_endpoints
from shoal.wiring.env import RealSecrets
from shoal.wiring.gateway import GatewayProcess
from support.command_line import Shoal


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[GatewayProcess]:
    """The gateways that would have run; each is interrupted as soon as it runs. ./shoal-data is a cluster's."""
    processes = list[GatewayProcess]()

    @asynccontextmanager
    async def running(process: GatewayProcess, log: object) -> AsyncIterator[SimpleNamespace]:
        async def run() -> None:
            os.kill(os.getpid(), signal.SIGINT)

        processes.append(process)
        yield SimpleNamespace(address=Address("127.0.0.1:4711"), run=run)

    monkeypatch.setattr(gateway, "running_gateway", running)
    for name in ("PORT", "SHOAL_DATA", "SHOAL_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    secrets: Secrets = RealSecrets()
    found_cluster(tmp_path / "shoal-data", secrets)
    write_endpoints(tmp_path / "shoal-data", [Address("127.0.0.1:9100")])
    return processes


def test_it_serves_the_cluster_that_is_here_with_the_doors_own_key(shoal: Shoal, started: list[GatewayProcess]) -> None:
    told = shoal("gateway")
    assert told.out == "gateway listens on 127.0.0.1:4711 (gRPC)\n"
    (process,) = started
    assert process.listen == "127.0.0.1:9101"
    assert process.cluster.coordinators == ("127.0.0.1:9100",)
    assert process.cluster.credential.key_id == "door/gateway"
    assert process.data == Path("shoal-data")
    assert (process.files.is_open, process.files.copies) == (False, 2)


def test_what_was_said_reaches_it(shoal: Shoal, started: list[GatewayProcess]) -> None:
    words = ("--grpc", "127.0.0.1:0", "--filestore-open", "--filestore-copies", "auto", "--filestore-memory", "1GiB")
    assert shoal("gateway", *words).code == 0
    (process,) = started
    assert process.listen == "127.0.0.1:0"
    assert (process.files.is_open, process.files.copies, process.files.memory_bytes) == (True, 0, 1 << 30)


def test_an_endpoint_is_served_under_its_users_key(
    shoal: Shoal, started: list[GatewayProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOAL_KEY", "ANN")
    monkeypatch.setenv("SHOAL_SECRET", "secret")
    assert shoal("gateway", "--endpoint", "127.0.0.1:9999").code == 0
    (process,) = started
    assert process.cluster.credential.key_id == "ANN"
    assert process.cluster.coordinators == ("127.0.0.1:9999",)
    assert process.data is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--grpc", "0.0.0.0:9101"), "add --insecure"),
        (("--grpc", "192.0.2.1:9101", "--insecure", "--filestore-open"), "for this machine only"),
        (("--grpc", "off"), "would serve nothing"),
        (("--grpc", "9101"), "is not an address"),
        (("--filestore-copies", "17"), "copies"),
        (("--filestore-memory", "1MiB"), "too small"),
        (("--data", "elsewhere"), "no cluster in"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    shoal: Shoal, started: list[GatewayProcess], words: tuple[str, ...], says: str
) -> None:
    told = shoal("gateway", *words)
    assert told.code != 0
    assert told.err.count("\n") == 1
    assert says in told.err
    assert started == []
