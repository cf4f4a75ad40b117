"""The file that knows how many commits there were, beside the database that holds them.

A flipped bit in a write-ahead log ends it for SQLite, silently, and drops every commit behind it. The witness is
written and synced after each commit and before anybody is told of it, so a database with fewer commits has lost some.
"""

from shoal.base.env import BlockingFile, Disk
from shoal.base.errors import CorruptionError
from shoal.engine.catalog_state import CatalogState
from shoal.formats.commit_witness import (
    SLOT_BYTES,
    WITNESS_BYTES,
    Witness,
    newest_witness,
    seal_witness,
    slot_offset,
)

_WHAT_TO_DO = "put the missing file back or restore the catalog from a backup; nothing was changed"


class CommitWitness:
    """I keep the number of the last commit in two slots, written in turn."""

    def __init__(self, file: BlockingFile, catalog: bytes, *, writes: int) -> None:
        self._file = file
        self._catalog = catalog
        self._writes = writes

    def advance(self, commit_number: int) -> None:
        """Durable on return. Raises: DiskFailed, StorageFull."""
        slot = seal_witness(Witness(self._catalog, commit_number))
        self._file.pwrite(slot_offset(self._writes), slot)
        self._file.fdatasync()
        self._writes += 1

    def close(self) -> None:
        """Release the file."""
        self._file.close()


async def read_witness(disk: Disk, path: str) -> Witness | None:
    """What the file says; None if there is none, or its making was cut short. Raises: FormatUnknown, DiskFailed."""
    if not await disk.exists(path):
        return None
    file = disk.open_blocking(path)
    try:
        found = newest_witness(file.pread(0, WITNESS_BYTES))
    finally:
        file.close()
    return found[0] if found else None


def confirm(state: CatalogState, witness: Witness | None, *, path: str) -> None:
    """Refuse a database that is not the one witnessed, or has lost commits.

    Raises: CorruptionError, whose sentence tells an operator what to do.
    """
    facts = {"path": path, "commit_number": state.commit_number}
    if witness is None:
        if state.commit_number:
            raise CorruptionError(f"the commit witness of catalog {path} is gone or damaged: {_WHAT_TO_DO}", **facts)
        return
    if witness.catalog != state.catalog:
        raise CorruptionError(f"the catalog {path} and its commit witness are of two catalogs: {_WHAT_TO_DO}", **facts)
    if witness.commit_number > state.commit_number:
        lost = witness.commit_number - state.commit_number
        raise CorruptionError(
            f"the catalog {path} has lost its last {lost} commits, which were acknowledged: its write-ahead log is "
            f"damaged or missing; {_WHAT_TO_DO}",
            **facts,
            witnessed=witness.commit_number,
        )


async def open_witness(disk: Disk, path: str, state: CatalogState) -> CommitWitness:
    """The witness of a confirmed database, made if there is none, showing the number that the database has.

    Raises: DiskFailed, StorageFull.
    """
    file = disk.open_blocking(path)
    found = newest_witness(file.pread(0, WITNESS_BYTES))
    witness = CommitWitness(file, state.catalog, writes=found[1] + 1 if found else 0)
    witness.advance(state.commit_number)
    if not found:
        # Both slots exist from the start: later syncs need not write a new length.
        file.pwrite(slot_offset(1), bytes(SLOT_BYTES))
        witness.advance(state.commit_number)
    await disk.sync_dir(path.rpartition("/")[0])
    return witness
