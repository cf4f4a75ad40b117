"""The demo as a user runs it: it passes, and leaves neither a process nor a file behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHOAL = [sys.executable, "-m", "shoal"]


def _environ(temporary: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(temporary)}


def _processes_naming(directory: Path) -> list[str]:
    """Command lines of processes that work below `directory`."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\x00", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if str(directory) in line:
            lines.append(line)
    return lines


def _wait_for(condition: object, *, seconds: float) -> bool:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if callable(condition) and condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("size", [0, 1, 5_000, 20 * 1024 * 1024 + 3])
def test_the_demo_passes_and_leaves_nothing_behind(tmp_path: Path, size: int) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    file = tmp_path / "a file"
    file.write_bytes(os.urandom(size))
    done = subprocess.run(
        [*SHOAL, "demo", str(file)], env=_environ(temporary), capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every byte came back" in done.stdout
    assert list(temporary.iterdir()) == []
    assert _processes_naming(temporary) == []


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [*SHOAL, "demo", "--size", "512MiB"]
    with subprocess.Popen(
        command, env=_environ(temporary), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as demo:
        try:
            assert _wait_for(lambda: len(_processes_naming(temporary)) >= 4, seconds=20)
            demo.send_signal(signal.SIGINT)
            demo.communicate(timeout=20)
        finally:
            demo.kill()
    assert demo.returncode == 130
    assert list(temporary.iterdir()) == []
    assert _processes_naming(temporary) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [*SHOAL, "demo", str(tmp_path / "nothing")], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("shoal: there is no file")
    assert "Traceback" not in done.stderr
