"""The file verbs talk to the cluster that was named, or to the server that SERVER_ADDR names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shoal.app import calling
from shoal.app.filestore.calling import call_files
from shoal.app.filestore.cluster_files import ClusterFiles
from shoal.app.filestore.served_files import ServedFiles
from shoal.app.filestore.service import FileService
from shoal.app.options import Shared
from shoal.base.units import SECOND
from shoal.core.trust.signing import Credential
from shoal.wiring import file_server
from support.fake_client import FakeClient, call_with


async def name_of(files: FileService) -> str:
    return type(files).__name__


def test_work_gets_the_files_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "call_cluster", call_with(FakeClient()))
    assert call_files(Shared(), name_of) == ClusterFiles.__name__


def test_work_gets_the_files_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, Credential | None, int]] = []

    @asynccontextmanager
    async def open_server(address: str, *, credential: Credential | None, patience_ns: int) -> AsyncIterator[None]:
        opened.append((address, credential, patience_ns))
        yield

    monkeypatch.setattr(file_server, "open_file_server", open_server)
    monkeypatch.setenv("SERVER_ADDR", ":50051")
    assert call_files(Shared(), name_of) == ServedFiles.__name__
    monkeypatch.setenv("SHOAL_KEY", "ANN")
    monkeypatch.setenv("SHOAL_SECRET", "secret")
    call_files(Shared(patience_ns=SECOND), name_of)
    assert opened == [
        ("127.0.0.1:50051", None, 30 * SECOND),
        ("127.0.0.1:50051", Credential("ANN", b"secret"), SECOND),
    ]
