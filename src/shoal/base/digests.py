"""Checksums. CRC64NVME finds accidents at memory speed; SHA-256 names content; BLAKE2b-64 guards our own headers.

CRC64NVME comes from awscrt (35-50 GiB/s, releases the GIL, can combine); SHA-256 from OpenSSL through hashlib.
"""

import hashlib
from collections.abc import Iterator

from awscrt.checksums import combine_crc64nvme, crc64nvme

from shoal.base.errors import check

Buffer = bytes | bytearray | memoryview

BLOCK_BYTES = 64 * 1024
"""The unit that is checked on its own: a ranged read returns whole blocks."""

CRC_BYTES = 8
SHA256_BYTES = 32


def crc64(data: Buffer, previous: int = 0) -> int:
    """CRC64NVME of `data`, continued from `previous`."""
    return int(crc64nvme(data, previous))


def combine_crc64(first: int, second: int, *, second_bytes: int) -> int:
    """The CRC64NVME of two runs of bytes, one after the other, from those of each."""
    return int(combine_crc64nvme(first, second, second_bytes))


def sha256(data: Buffer) -> bytes:
    """SHA-256, 32 bytes. Releases the GIL above 2 KiB."""
    return hashlib.sha256(data).digest()


def keyed64(key: bytes, *parts: Buffer) -> bytes:
    """BLAKE2b-64 under `key` (at most 64 bytes) over the parts joined: the MAC of record headers."""
    mac = hashlib.blake2b(key=key, digest_size=8)
    for part in parts:
        mac.update(part)
    return mac.digest()


def block_count(length: int) -> int:
    """How many blocks `length` bytes make; the last may be short."""
    return -(-length // BLOCK_BYTES)


def block_spans(length: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each block of `length` bytes."""
    for offset in range(0, length, BLOCK_BYTES):
        yield offset, min(BLOCK_BYTES, length - offset)


class BlockTable:
    """I compute the table of block checksums of a stream, whatever the sizes of its frames.

    The table is 8 bytes big-endian per block; `crc64` is that of all bytes so far.
    """

    __slots__ = ("_block_crc", "_block_fill", "_entries", "crc64", "length")

    def __init__(self) -> None:
        self._entries: list[int] = []
        self._block_crc = 0
        self._block_fill = 0
        self.crc64 = 0
        self.length = 0

    def update(self, frame: Buffer) -> None:
        """Add the next bytes of the stream."""
        view = memoryview(frame)
        self.length += len(view)
        while view:
            part = view[: BLOCK_BYTES - self._block_fill]
            self._block_crc = crc64(part, self._block_crc)
            self._block_fill += len(part)
            if self._block_fill == BLOCK_BYTES:
                self._close_block()
            view = view[len(part) :]

    def _close_block(self) -> None:
        self._entries.append(self._block_crc)
        self.crc64 = combine_crc64(self.crc64, self._block_crc, second_bytes=self._block_fill)
        self._block_crc = self._block_fill = 0

    def finish(self) -> bytes:
        """The table; closes a short last block. `crc64` covers everything from now on."""
        if self._block_fill:
            self._close_block()
        return b"".join(entry.to_bytes(CRC_BYTES, "big") for entry in self._entries)


def table_crc64(table: Buffer, *, length: int) -> int:
    """What the block checksums of `table` combine to, for a chunk of `length` bytes, whose table it must be."""
    check(len(table) == block_count(length) * CRC_BYTES, "a table of another length", table=len(table), chunk=length)
    total = 0
    for index, (_, size) in enumerate(block_spans(length)):
        entry = int.from_bytes(table[index * CRC_BYTES : (index + 1) * CRC_BYTES], "big")
        total = combine_crc64(total, entry, second_bytes=size)
    return total
