"""The committed gRPC stubs are what the `.proto` files give, and both are in the wheel."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import protos
from shoal_pb import admin_pb2, filestore_pb2

ROOT = Path(__file__).parents[2]


def test_stubs_fit_their_protos() -> None:
    assert list(protos.stale()) == [], "run `python tools/protos.py`"


def test_a_proto_that_changed_makes_its_stubs_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / protos.PACKAGE
    package.mkdir()
    for name in ("filestore.proto", "filestore_pb2.py", "filestore_pb2.pyi", "filestore_pb2_grpc.py"):
        text = (protos.SOURCES / protos.PACKAGE / name).read_text()
        (package / name).write_text(text.replace("success = 5", "success = 8"))
    monkeypatch.setattr(protos, "SOURCES", tmp_path)
    assert list(protos.stale()) == ["filestore_pb2.py"]


def test_the_wheel_has_protos_and_stubs(tmp_path: Path) -> None:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
    for stem in ("filestore", "admin"):
        wanted = (f"{stem}.proto", f"{stem}_pb2.py", f"{stem}_pb2.pyi", f"{stem}_pb2_grpc.py")
        assert {f"shoal_pb/{name}" for name in wanted} <= names


TABLE = {
    "UploadRequest": "filename 1, chunk 2, total_size 3, content_type 4",
    "UploadResponse": "file_id 1, version_id 2, size 3, node_locations 4, success 5, message 6",
    "DownloadRequest": "file_id 1, version_id 2",
    "DownloadResponse": "chunk 1, total_size 2, content_type 3",
    "DeleteRequest": "file_id 1",
    "DeleteResponse": "success 1, message 2",
    "FileInfoRequest": "file_id 1",
    "FileInfoResponse": (
        "file_id 1, filename 2, size 3, content_type 4, created_at 5, updated_at 6, versions 7, replicas 8"
    ),
    "ListFilesRequest": "page 1, page_size 2",
    "ListFilesResponse": "files 1, total_count 2",
    "VersionRequest": "file_id 1, version_id 2",
}


def test_the_file_service_has_the_fields_that_its_clients_were_built_with() -> None:
    messages = filestore_pb2.DESCRIPTOR.message_types_by_name
    assert {
        name: ", ".join(f"{field.name} {field.number}" for field in kind.fields) for name, kind in messages.items()
    } == TABLE
    service = filestore_pb2.DESCRIPTOR.services_by_name["FileStore"]
    assert service.full_name == "filestore.FileStore"
    assert [method.name for method in service.methods] == [
        "Upload", "Download", "Delete", "GetFileInfo", "ListFiles", "GetVersion",
    ]  # fmt: skip


def test_the_admin_service_is_a_first_version() -> None:
    assert admin_pb2.DESCRIPTOR.services_by_name["Admin"].full_name == "shoal.v1.Admin"
