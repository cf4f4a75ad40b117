"""How long a chunk store takes to start with N small replicas, and the memory that its process needs for it.

    python bench/store_start.py [N] [--directory DIR] [--keep]

Builds a volume of N replicas of 4 KiB in the real format (4.3 GB for a million), starts a process on it after a clean
stop and after a kill (the last segment full and without a footer, an empty spare behind it), and prints time and peak
resident memory of each. The page cache is warm.
"""

import argparse
import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from shoal.base.digests import BlockTable
from shoal.base.ids import NodeId, ReplicaId, SessionId, mint_chunk_id
from shoal.base.units import MIB
from shoal.formats.segment import (
    FLAG_BATCH_START,
    SEGMENT_HEADER_BYTES,
    Container,
    FooterEntry,
    RecordHeader,
    RecordKind,
    encode_entry,
    encode_footer,
    encode_record_head,
    encode_segment_header,
    footer_bytes,
    mac_of,
    padding,
    record_bytes,
)
from shoal.formats.volume import VolumeFormat
from shoal.store import layout
from shoal.store.disk import open_disk_store
from shoal.store.format_file import claim_volume
from shoal.store.settings import StoreSettings
from shoal.wiring.env import real_env
from shoal.wiring.log import Level, StreamLog

NODE = NodeId("0a" * 16)
STORE_UUID = bytes(16)
PAYLOAD = bytes(range(256)) * 16
SESSIONS = 7
ROUNDS = 3


class SegmentBuilder:
    """I write one segment without syncing it."""

    def __init__(self, directory: Path, number: int, capacity_bytes: int) -> None:
        self._container = Container(
            number=number, store_uuid=STORE_UUID, node_id=bytes.fromhex(NODE), salt=number.to_bytes(16, "big")
        )
        self._file = (directory / layout.segment_path(number)).open("wb")
        self._file.write(encode_segment_header(self._container))
        self._capacity_bytes = capacity_bytes
        self._end = SEGMENT_HEADER_BYTES
        self._entries: list[bytes] = []
        self._macs = sha256()
        blocks = BlockTable()
        blocks.update(PAYLOAD)
        self._table = blocks.finish()
        self._digest = sha256(PAYLOAD).digest()

    @property
    def is_full(self) -> bool:
        """Whether another record would leave no room for the footer."""
        return self._end + record_bytes(len(PAYLOAD)) + footer_bytes(len(self._entries) + 1) > self._capacity_bytes

    def add(self, replica: ReplicaId) -> None:
        """Append one replica."""
        size = len(PAYLOAD)
        number = self._container.number
        header = RecordHeader(
            RecordKind.CHUNK, FLAG_BATCH_START, 0, replica, size, size, number, self._end, self._digest
        )
        head = encode_record_head(header, table=self._table, salt=self._container.salt)
        self._file.write(head + PAYLOAD + padding(size))
        length = record_bytes(size)
        self._entries.append(encode_entry(FooterEntry(replica, RecordKind.CHUNK, self._end, length)))
        self._macs.update(mac_of(head))
        self._end += length

    def seal(self) -> None:
        """With a footer."""
        self._file.write(
            encode_footer(
                self._container, chunks=self._entries, others=[], at=self._end, macs_digest=self._macs.digest()
            )
        )
        self._file.close()

    def leave(self) -> None:
        """As a killed process leaves it: its space allocated and no footer."""
        self._file.truncate(self._capacity_bytes)
        self._file.close()


def build(directory: Path, count: int, *, is_clean: bool) -> None:
    """A volume of `count` replicas, written in the order of several sessions at once."""
    settings = StoreSettings()
    env = real_env(directory)
    asyncio.run(claim_volume(env.disk, VolumeFormat(STORE_UUID, bytes.fromhex(NODE), settings.fan_out)))
    number, builder = 0, None
    for index in range(count):
        if builder is None or builder.is_full:
            if builder is not None:
                builder.seal()
            number += 1
            builder = SegmentBuilder(directory, number, min(16 * MIB << max(0, number - 2), settings.segment_bytes_max))
        builder.add(ReplicaId(mint_chunk_id(SessionId(1 + index % SESSIONS), index), 0, 1))
    if builder is not None:
        builder.seal() if is_clean else builder.leave()
    if not is_clean:
        SegmentBuilder(directory, number + 1, settings.segment_bytes_max).leave()


async def start(directory: Path) -> dict[str, float]:
    """One start, in this process."""
    env = real_env(directory)
    begun = time.perf_counter()
    store = await open_disk_store(
        env, StoreSettings(), node_id=NODE, store_uuid=STORE_UUID, log=StreamLog(level=Level.WARNING)
    )
    took = time.perf_counter() - begun
    usage = await store.usage()
    await store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"start_s": round(took, 3), "peak_mib": round(peak, 1), "replicas": usage.replica_count}


def measure(directory: Path, count: int, *, is_clean: bool) -> None:
    """Build, then start in a process of its own; the first start after a kill seals, so only it counts as one."""
    title = "clean stop" if is_clean else "kill -9"
    for round_number in range(ROUNDS if is_clean else 1):
        if round_number == 0:
            shutil.rmtree(directory, ignore_errors=True)
            build(directory, count, is_clean=is_clean)
        command = [sys.executable, __file__, "--start", str(directory)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"after {title:10} {json.loads(answer)}", flush=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, help="where to make a temporary directory")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        print(json.dumps(asyncio.run(start(arguments.start))))
        return
    directory = Path(tempfile.mkdtemp(prefix="shoal-start-", dir=arguments.directory))
    for is_clean in (True, False):
        measure(directory / "volume", arguments.count, is_clean=is_clean)
    if not arguments.keep:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
