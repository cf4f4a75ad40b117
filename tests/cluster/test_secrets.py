"""Nothing secret is said: a cluster that logs everything is used, misused and killed, and all that any process wrote,
and every command line that was seen meanwhile, is searched for the secrets that it works with."""

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shoal.wiring.cluster_files import CREDENTIALS, JOIN, KEK
from support.processes import SHOAL, Done, child_pids, eventually, shoal

CANARIES = ("root secret", "cluster secret", "key-encryption key", "secret of a new key", "secret of a revoked key")


@dataclass(slots=True)
class Surveillance:
    """All that could give a secret away. `said` by whom, `command_lines` of all processes of this machine."""

    data: Path
    said: dict[str, bytes] = field(default_factory=dict)
    command_lines: set[bytes] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def run(
        self, what: str, *words: str | bytes | Path, environ: Mapping[str, str] | None = None, stdin: bytes = b""
    ) -> Done:
        """One command line at debug level. What it prints may be a secret; what it says on the side may not."""
        done = shoal(*words, "--debug", environ=environ, stdin=stdin)
        self.said[f"{what}, standard error"] = done.said.encode()
        return done

    def run_here(self, what: str, *words: str | bytes | Path, stdin: bytes = b"") -> Done:
        """The same, with the directory of the cluster; its output is searched as well."""
        done = self.run(what, *words, "--data", self.data, stdin=stdin)
        self.said[f"{what}, output"] = done.output
        return done

    def watch(self) -> None:
        """Note the command lines of all processes until `stop`."""
        while not self._is_over.is_set():
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.command_lines.add(entry.read_bytes())
                except (FileNotFoundError, ProcessLookupError):
                    continue  # it ended while we looked
            self._is_over.wait(0.02)

    def stop(self) -> None:
        """Look no more."""
        self._is_over.set()

    def learn_files(self) -> None:
        """The secrets that lie in the cluster's directory."""
        self.secrets["root secret"] = json.loads((self.data / CREDENTIALS).read_bytes())["secret"]
        self.secrets["cluster secret"] = json.loads((self.data / JOIN).read_bytes())["secret"]
        self.secrets["key-encryption key"] = (self.data / KEK).read_bytes().hex()


@contextmanager
def debugging_cluster(seen: Surveillance) -> Iterator["subprocess.Popen[bytes]"]:
    """`shoal up --debug`; everything that it and its children write is kept."""
    output = seen.data.with_name("up.out")
    command: list[str | Path] = [*SHOAL, "up", "--data", seen.data, "--nodes", "2", "--port-base", "0", "--debug"]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    with process:
        try:
            assert eventually(lambda: b"try: shoal put" in output.read_bytes(), seconds=60), output.read_bytes()
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        finally:
            process.kill()
    seen.said["shoal up"] = output.read_bytes()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Surveillance:
    """A cluster's life, from its first start to a start that is refused."""
    surveillance = Surveillance(tmp_path_factory.mktemp("secrets") / "data")
    watcher = threading.Thread(target=surveillance.watch, name="watcher")
    watcher.start()
    try:
        with debugging_cluster(surveillance) as process:
            surveillance.learn_files()
            _use(surveillance)
            _misuse(surveillance)
            _kill(surveillance, process)
        _start_without_key(surveillance)
    finally:
        surveillance.stop()
        watcher.join()
    return surveillance


def _use(seen: Surveillance) -> None:
    assert seen.run_here("put", "put", "-", "name", stdin=os.urandom(3_000_000)).exit_code == 0
    assert seen.run("get", "get", "name", "-", "--data", seen.data).exit_code == 0
    for what in ("secret of a new key", "secret of a revoked key"):
        made = seen.run(what, "key", "create", "--scope", "admin", "--json", "--data", seen.data)
        document = json.loads(made.output)
        seen.secrets[what] = document["secret"]
        environ = _environ(seen, document["key"], document["secret"])
        assert seen.run(f"use of the {what}", "get", "name", "-", environ=environ).exit_code == 0
    assert seen.run_here("key revoke", "key", "revoke", document["key"]).exit_code == 0
    assert seen.run("use of a revoked key", "ls", environ=environ).exit_code == 4
    for verb in (["key", "list"], ["status"], ["nodes"], ["ls"], ["stat", "name"]):
        assert seen.run_here(" ".join(verb), *verb).exit_code == 0


def _misuse(seen: Surveillance) -> None:
    """Errors, each with its traceback: of names, of secrets, and of secrets in the wrong places."""
    key, root = json.loads((seen.data / CREDENTIALS).read_bytes())["key"], seen.secrets["root secret"]
    for what, environ in {
        "a wrong secret": _environ(seen, key, "guessed"),
        "key and secret exchanged": _environ(seen, root, key),
        "a secret with more behind it": _environ(seen, f"{root} ", root),
        "a secret twice": _environ(seen, root, root),
        "a secret as endpoint": _environ(seen, key, root) | {"SHOAL_ENDPOINT": "127.0.0.1"},
    }.items():
        assert seen.run(what, "ls", environ=environ).exit_code != 0
    for what, verb in {
        "no such object": ["get", "missing", "-"],
        "no such version": ["get", "name", "-", "--version", "0199b2f0-0000-7000-8000-000000000001"],
        "no such key": ["key", "revoke", "SHOALNOBODY"],
        "a bucket that cannot be": ["key", "create", "--bucket", ".."],
    }.items():
        assert seen.run_here(what, *verb).exit_code != 0
    damaged = seen.data.with_name("damaged")
    damaged.mkdir()
    for name in (CREDENTIALS, JOIN, "endpoints"):
        (damaged / name).write_bytes((seen.data / name).read_bytes()[:-3])
    assert seen.run("damaged credentials", "ls", "--data", damaged).exit_code != 0
    assert seen.run("a damaged join file", "node", "--join", damaged / JOIN, "--data", damaged).exit_code != 0


def _kill(seen: Surveillance, process: "subprocess.Popen[bytes]") -> None:
    """A node and then the coordinator die and are started again."""
    for name in ("node-1", "coordinator"):
        pid = child_pids(process.pid)[name]
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda name=name, pid=pid: child_pids(process.pid).get(name, pid) != pid)  # type: ignore[misc]
        assert eventually(lambda: seen.run_here("status after a crash", "status").exit_code == 0)
    assert seen.run("get after a crash", "get", "name", "-", "--data", seen.data).exit_code == 0


def _start_without_key(seen: Surveillance) -> None:
    """A start that is refused, in words."""
    (seen.data / KEK).write_bytes(bytes(32))
    done = seen.run(
        "a start under another key-encryption key", "coordinator", "--data", seen.data, "--listen", "127.0.0.1:0"
    )
    assert done.exit_code == 4
    assert "the key-encryption key is not the one" in done.said


def _environ(seen: Surveillance, key: str, secret: str) -> dict[str, str]:
    endpoint = json.loads((seen.data / "endpoints").read_bytes())["coordinators"][0]
    return {"SHOAL_ENDPOINT": endpoint, "SHOAL_KEY": key, "SHOAL_SECRET": secret}


def _forms(secret: str) -> Iterator[bytes]:
    """How a secret could stand somewhere: as text, in capitals, as bytes, their repr, and in base 64."""
    raw = bytes.fromhex(secret)
    yield secret.encode()
    yield secret.upper().encode()
    yield raw
    yield repr(raw).encode()
    yield base64.b64encode(raw).rstrip(b"=")
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield secret[:32].encode()


def test_the_search_would_find_something(seen: Surveillance) -> None:
    """All five secrets are known and differ, everybody spoke, and the command lines of all processes were seen."""
    assert sorted(seen.secrets) == sorted(CANARIES)
    assert len(set(seen.secrets.values())) == len(CANARIES)
    assert b"access_key_created" in seen.said["shoal up"]
    assert b"call_refused" in seen.said["shoal up"]
    assert sum(b"Traceback" in said for said in seen.said.values()) >= 10
    seen_verbs = {word for line in seen.command_lines for word in line.split(b"\0")}
    assert {b"up", b"coordinator", b"node", b"put", b"key"} <= seen_verbs


@pytest.mark.parametrize("canary", CANARIES)
def test_no_process_says_a_secret(seen: Surveillance, canary: str) -> None:
    found = [(who, form) for form in _forms(seen.secrets[canary]) for who, said in seen.said.items() if form in said]
    assert found == []


@pytest.mark.parametrize("canary", CANARIES)
def test_no_command_line_has_a_secret(seen: Surveillance, canary: str) -> None:
    assert [line for form in _forms(seen.secrets[canary]) for line in seen.command_lines if form in line] == []


@pytest.mark.parametrize("canary", ["root secret", "secret of a new key", "secret of a revoked key"])
def test_no_secret_of_a_key_lies_open_in_the_catalog(seen: Surveillance, canary: str) -> None:
    files = [path for path in (seen.data / "catalog").rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not any(form in path.read_bytes() for form in _forms(seen.secrets[canary]))
