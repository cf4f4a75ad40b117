"""The README's own lines for `nc`, run as they stand there but for the ports; and doors that want keys.

Where no `nc` is installed a small one in Python stands in.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.jsonl import ask, connected, line_of, received
from support.processes import LocalProcesses, command, shoal, shoal_up

README = Path(__file__).parents[2] / "README.md"
STAND_IN = """#!{python}
import socket, sys, threading
words = [word for word in sys.argv[1:] if word != "-N"]
peer = socket.create_connection((words[0], int(words[1])))
def send():
    peer.sendall(sys.stdin.buffer.read())
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while part := peer.recv(65536):
    sys.stdout.buffer.write(part)
"""
BLOCKS = [{"id": f"hello.txt-{number}", "size": 8} for number in range(3)]
DATA = "SGVsbG8gZGlzdHJpYnV0ZWQgd29ybGQh"


def free_port() -> int:
    """One that nobody has now; replies repeat a door as it was written, so it must be known before."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def section() -> str:
    found = re.search(r"### With `nc`\n(.*?)\n### ", README.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def documented_options() -> list[str]:
    found = re.search(r"^shoal up (.*)$", section(), re.MULTILINE)
    assert found is not None
    return found[1].split()


def documented_lines() -> str:
    found = re.search(r"```sh\n(.*?)```", section(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    """What stands here for the README's ports."""
    return {"9000": str(free_port()), "9001": str(free_port())}


@pytest.fixture(scope="module")
def cluster(ports: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcesses]:
    """What the README starts."""
    options = [replaced(word, ports) for word in documented_options()]
    with shoal_up(tmp_path_factory.mktemp("readme") / "data", *options) as processes:
        yield processes
        processes.assert_unharmed()


def replaced(text: str, ports: dict[str, str]) -> str:
    return re.sub(r"\b900[01]\b", lambda match: ports[match[0]], text)


def run(lines: str, tools: str) -> list[Any]:
    environ = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e"], input=lines, env=environ, capture_output=True, text=True, timeout=100, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_replies(replies: list[Any], server: str) -> None:
    metadata = {
        "name": "hello.txt",
        "total_size": 24,
        "blocks": [{"id": block["id"], "data_server": server, "size": 8} for block in BLOCKS],
    }
    assert replies == [
        {"status": "ok", "metadata": metadata},
        {"status": "ok", "metadata": metadata, "data": DATA},
        {"status": "ok", "metadata": metadata},
        {"status": "ok", "data": "c3RyaWJ1dGU="},
        {"status": "ok", "files": [{"name": "hello.txt", "total_size": 24}]},
        {"status": "ok"},
        {"status": "ok"},
    ]


def test_f1_f2_the_readmes_lines_do_what_they_say(
    cluster: LocalProcesses, ports: dict[str, str], tmp_path: Path
) -> None:
    nc = tmp_path / "nc"
    nc.write_text(STAND_IN.format(python=sys.executable))
    nc.chmod(0o755)
    check_replies(run(replaced(documented_lines(), ports), str(tmp_path)), f":{ports['9001']}")


@pytest.mark.parametrize("real", ["nc.openbsd", "nc", "ncat"])
def test_the_readmes_lines_work_with_the_nc_of_this_machine(
    cluster: LocalProcesses, ports: dict[str, str], tmp_path: Path, real: str
) -> None:
    program = shutil.which(real)
    if program is None:
        pytest.skip(f"no {real} is installed")
    knows_option = "-N" in subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stderr
    nc = tmp_path / "nc"
    dropped = "" if knows_option else '[ "$1" = -N ] && shift; '
    nc.write_text(f'#!/bin/sh\n{dropped}exec {program} "$@"\n')
    nc.chmod(0o755)
    check_replies(run(replaced(documented_lines(), ports), str(tmp_path)), f":{ports['9001']}")


def test_eight_byte_blocks_are_too_small_for_ten_mebibytes(cluster: LocalProcesses, ports: dict[str, str]) -> None:
    error = ask(f":{ports['9000']}", command="store_file", file_name="large", data="A" * ((10 << 20) * 4 // 3 // 4 * 4))
    assert error["status"] == "error"
    assert "invalid block size" in error["error"]
    assert "at least 128B" in error["error"]
    assert ask(f":{ports['9000']}", command="get_metadata", file_name="large")["error"] == "file not found"


def test_a_key_that_is_shown_at_this_machines_door_counts(cluster: LocalProcesses, ports: dict[str, str]) -> None:
    door = f":{ports['9000']}"
    reader = made_key(cluster, "read", "--bucket", "jsonl")
    ask(door, command="store_file", file_name="ours", data="QUJD")
    assert ask(door, command="fetch_file", file_name="ours", auth=reader)["data"] == "QUJD"
    refused = ask(door, command="store_file", file_name="ours", data="QUJE", auth=reader)
    assert refused["status"] == "error"
    stranger = made_key(cluster, "admin", "--bucket", "other")
    assert ask(door, command="fetch_file", file_name="ours", auth=stranger)["status"] == "error"
    for wrong in (f"{reader}0", "KEY:SECRET", "KEY", ":", reader.partition(":")[0] + ":"):
        with connected(door) as connection:
            connection.sendall(json.dumps({"command": "ping", "auth": wrong}).encode() + b'{"command":"ping"}')
            (line,) = received(connection).splitlines()
        assert json.loads(line)["status"] == "error"
    assert command("key", "revoke", "--data", cluster.data, reader.partition(":")[0]).exit_code == 0
    assert ask(door, command="fetch_file", file_name="ours", auth=reader)["status"] == "error"
    assert ask(door, command="fetch_file", file_name="ours")["data"] == "QUJD"


def made_key(cluster: LocalProcesses, scope: str, *more: str) -> str:
    done = command("key", "create", "--data", cluster.data, "--scope", scope, *more, "--json")
    assert done.exit_code == 0, done
    made = json.loads(done.output)
    return f"{made['key']}:{made['secret']}"


def test_a_door_to_the_world_is_shut_to_who_shows_no_key(tmp_path: Path) -> None:
    options = ("--jsonl", f"0.0.0.0:{free_port()}", "--jsonl-nodes", f"0.0.0.0:{free_port()}")
    with shoal_up(tmp_path / "data", *options, "--insecure") as cluster:
        for door, request in ((options[1], {"command": "list_files"}), (options[3], {"command": "ping"})):
            at = door.replace("0.0.0.0", "127.0.0.1")
            with connected(at) as connection:
                connection.sendall(json.dumps(request).encode() * 2)
                (line,) = received(connection).splitlines()
            assert "missing auth" in json.loads(line)["error"]
            credentials = json.loads((cluster.data / "credentials").read_text())
            auth = f"{credentials['key']}:{credentials['secret']}"
            with connected(at) as connection:
                connection.sendall(json.dumps(request | {"auth": auth}).encode())
                assert line_of(connection)["status"] == "ok"
                connection.sendall(json.dumps(request).encode())
                assert "missing auth" in line_of(connection)["error"]
        cluster.assert_unharmed()


def test_a_door_to_the_world_is_refused_unless_the_operator_insists(tmp_path: Path) -> None:
    done = shoal("coordinator", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--jsonl", "0.0.0.0:0")
    done.refused(2, "--insecure")
