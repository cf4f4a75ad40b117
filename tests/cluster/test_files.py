"""Files by id against real processes, as scripts of the first file service use them."""

import json
from pathlib import Path
from random import Random
from typing import Any

from shoal.base.units import MIB
from support.processes import LocalProcesses

CONTENT = Random(3).randbytes(2 * MIB + 1)


def upload(cluster: LocalProcesses, path: Path) -> str:
    """What `upload` says is the id: the third word of its line."""
    told = cluster.run("upload", path)
    assert told.exit_code == 0
    [line] = [line for line in told.output.decode().splitlines() if "File ID:" in line]
    return line.split()[2]


def info(cluster: LocalProcesses, file_id: str) -> dict[str, Any]:
    """What `info` tells programs."""
    document: dict[str, Any] = json.loads(cluster.run("info", file_id, "--json").output)
    return document


def test_a_file_lives_under_one_id_until_it_is_deleted(cluster: LocalProcesses, tmp_path: Path) -> None:
    file, other, out = tmp_path / "a & b.bin", tmp_path / "empty", tmp_path / "out"
    other.write_bytes(b"")
    file.write_bytes(b"first")
    file_id, other_id = upload(cluster, file), upload(cluster, other)
    file.write_bytes(CONTENT)
    assert upload(cluster, file) == file_id
    told = info(cluster, file_id)
    assert (told["filename"], told["size"]) == ("a & b.bin", len(CONTENT))
    assert len(set(told["replicas"])) == 2
    newest, first = told["versions"]
    assert newest == told["version"]

    assert cluster.run("download", file_id, out).exit_code == 0
    assert out.read_bytes() == CONTENT
    assert cluster.run("download", file_id, out, "--version", first).exit_code == 0
    assert out.read_bytes() == b"first"
    listed = [json.loads(line)["file_id"] for line in cluster.run("list", "--json").output.splitlines()]
    assert listed[:2] == [other_id, file_id]
    assert cluster.run("get", "shoal://filestore/a & b.bin", "-").output == CONTENT

    assert cluster.run("delete", file_id).exit_code == 0
    assert cluster.run("info", file_id).exit_code == 3
    assert cluster.run("versions", "shoal://filestore/a & b.bin").exit_code == 3
    assert info(cluster, other_id)["size"] == 0
    assert upload(cluster, file) != file_id
