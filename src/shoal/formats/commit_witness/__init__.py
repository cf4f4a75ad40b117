"""The number of a catalog's last commit, kept outside the catalog: what says that a database has lost its end."""

from shoal.formats.commit_witness.v1 import (
    SLOT_BYTES,
    WITNESS_BYTES,
    Witness,
    newest_witness,
    seal_witness,
    slot_offset,
)

__all__ = ["SLOT_BYTES", "WITNESS_BYTES", "Witness", "newest_witness", "seal_witness", "slot_offset"]
