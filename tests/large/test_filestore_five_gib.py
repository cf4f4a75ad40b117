"""5 GiB through the file service and back: every byte, and no process that grows with the file.

It needs 21 GiB of free disk. `SHOAL_TEST_FILE_SIZE` (such as 512MiB) makes it smaller.
"""

import hashlib
import os
import resource
import shutil
from pathlib import Path

import pytest

from shoal.base.units import GIB, MIB, format_size, parse_size
from support.big_files import peak_bytes, write_random
from support.processes import Done, shoal, shoal_up

SIZE = parse_size(os.environ.get("SHOAL_TEST_FILE_SIZE", "5GiB"))
PEAK_BYTES_MAX = 300 * MIB


@pytest.mark.timeout(3600)
def test_d9_memory_is_flat_for_a_file_of_five_gib(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 4 * SIZE + GIB:
        pytest.skip(f"four times {format_size(SIZE)} do not fit below {tmp_path}; set SHOAL_TEST_FILE_SIZE")
    source, target = tmp_path / "source", tmp_path / "target"
    expected = write_random(source, SIZE)
    with shoal_up(tmp_path / "data", "--nodes", "3", "--grpc", "127.0.0.1:0", "--filestore-open") as cluster:

        def run(*words: str | Path) -> Done:
            done = shoal(*words, environ={"SERVER_ADDR": str(cluster.grpc)}, seconds=3000)
            assert done.exit_code == 0, done
            return done

        told = run("upload", source).output.decode()
        file_id = next(line.split()[2] for line in told.splitlines() if "File ID:" in line)
        run("download", file_id, target)
        peaks = {name: peak_bytes(pid) for name, pid in cluster.pids.items()}
    peaks["clients"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    figures = ", ".join(f"{name} {peak // MIB} MiB" for name, peak in peaks.items())
    print(f"{format_size(SIZE)}: {figures}")  # noqa: T201, these figures are what it is run for
    with target.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == expected
    assert max(peaks.values()) <= PEAK_BYTES_MAX, figures
