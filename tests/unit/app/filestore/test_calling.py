"""The file verbs talk to the cluster that was named."""

import pytest

from shoal.app import calling
from shoal.app.filestore.calling import call_files
from shoal.app.filestore.cluster_files import ClusterFiles
from shoal.app.filestore.service import FileService
from shoal.app.options import Shared
from support.fake_client import FakeClient, call_with


def test_work_gets_the_files_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "call_cluster", call_with(FakeClient()))

    async def work(files: FileService) -> str:
        return type(files).__name__

    assert call_files(Shared(), work) == ClusterFiles.__name__
