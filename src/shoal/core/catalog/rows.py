"""Typed rows: which record lies under which key of `formats.keys`."""

from typing import Generic, TypeVar

import msgspec

from shoal.base.errors import ManifestDamaged
from shoal.formats import wire
from shoal.model import access_keys, catalog, cluster
from shoal.ports.engine import Snapshot, Tx

T = TypeVar("T")


class RowKind(Generic[T]):
    """I read and write rows of one type. Cost: about a microsecond a row."""

    __slots__ = ("_decoder", "_kind")

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.msgpack.Decoder(kind)

    def load(self, value: bytes) -> T:
        """The record in a row's value. Raises: ManifestDamaged if it is anything else."""
        try:
            return self._decoder.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise ManifestDamaged(f"a catalog row is no {self._kind.__name__}: {exc}", row=value[:64].hex()) from exc

    def find(self, rows: Snapshot, key: bytes) -> T | None:
        """The record under `key`, if there is one."""
        value = rows.get(key)
        return None if value is None else self.load(value)

    def find_many(self, rows: Snapshot, keys: list[bytes]) -> list[T | None]:
        """A record or None per key."""
        return [None if value is None else self.load(value) for value in rows.get_many(keys)]

    def put(self, tx: Tx, key: bytes, record: T) -> None:
        """Write the record under `key`."""
        tx.put(key, wire.encode(record))


IDENTITY = RowKind(catalog.CatalogIdentity)
SETTINGS = RowKind(cluster.ClusterSettings)
BUCKET = RowKind(catalog.Bucket)
VERSION = RowKind(catalog.Version)
FILE = RowKind(catalog.FileRow)
FILE_COUNT = RowKind(catalog.FileCount)
OPEN_PURGE = RowKind(catalog.OpenPurge)
MANIFEST = RowKind(catalog.ManifestHead)
PAGE = RowKind(catalog.ManifestPage)
CHUNK = RowKind(catalog.ChunkRow)
SESSION = RowKind(catalog.Session)
RESULT = RowKind(catalog.OperationResult)
NODE = RowKind(cluster.NodeRecord)
MAP_UPDATE = RowKind(cluster.MapUpdate)
LEASE = RowKind(catalog.Lease)
ACCESS_KEY = RowKind(access_keys.AccessKeyRow)

HOLDING = b""
"""A holder row says all with its key."""

NEWEST = b""
"""So does a row in the order of files."""
