"""10 GiB through the command line, in and out, one copy: every byte, and no process that grows with the object.

It needs 32 GiB of free disk. `SHOAL_TEST_BIG_SIZE` (such as 2GiB) makes it smaller.
"""

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from shoal.base.units import GIB, MIB, format_size, parse_size
from support.big_files import peak_bytes, write_random
from support.processes import SHOAL, LocalProcesses, shoal_up

SIZE = parse_size(os.environ.get("SHOAL_TEST_BIG_SIZE", "10GiB"))
PEAK_BYTES_MAX = 300 * MIB


def run_measured(cluster: LocalProcesses, *words: str | Path) -> tuple[int, float]:
    """Peak resident memory of one command, and its seconds."""
    began = time.monotonic()
    process = subprocess.Popen([*SHOAL, *words, "--data", cluster.data, "-q"])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * 1024, time.monotonic() - began


@pytest.mark.timeout(3600)
def test_ten_gib_in_and_out_with_flat_memory(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 3 * SIZE + 2 * GIB:
        pytest.skip(f"three times {format_size(SIZE)} do not fit below {tmp_path}; set SHOAL_TEST_BIG_SIZE")
    source, target = tmp_path / "source", tmp_path / "target"
    expected = write_random(source, SIZE)
    with shoal_up(tmp_path / "data", "--nodes", "3", "--replicas", "1") as cluster:
        put_peak, put_s = run_measured(cluster, "put", source, "big")
        get_peak, get_s = run_measured(cluster, "get", "big", target)
        peaks = {name: peak_bytes(pid) for name, pid in cluster.pids.items()}
    peaks |= {"put": put_peak, "get": get_peak}
    told = ", ".join(f"{name} {peak // MIB} MiB" for name, peak in peaks.items())
    rates = f"put {SIZE / MIB / put_s:.0f} MiB/s, get {SIZE / MIB / get_s:.0f} MiB/s"
    print(f"{format_size(SIZE)}: {rates}; peaks: {told}")  # noqa: T201, these figures are what it is run for
    with target.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == expected
    assert max(peaks.values()) <= PEAK_BYTES_MAX, told
