"""What a dead session leaves behind: staged chunks are condemned, its manifests and results go, then its own row.

A batch at a time, in an order that can stop anywhere and begin again: the row of the session goes last, so these rows
are the list of what is still to do. Chunks that are condemned here, like those without references, are the
collector's. Nothing new can appear meanwhile, because a dead session stages and commits nothing.
"""

from msgspec.structs import replace

from shoal.base.errors import check
from shoal.base.ids import SessionId
from shoal.core.catalog import rows
from shoal.core.catalog.results import FORGET_ROWS
from shoal.formats import keys
from shoal.model.catalog import ChunkState, ManifestHead, ManifestState, SessionState
from shoal.ports.engine import Snapshot, Tx

CONDEMN_ROWS = 256
"""Rows of one transaction: a few milliseconds, so that commits in between hardly notice."""

_HEAD_KEY_BYTES = len(keys.manifest(bytes(16)))


def next_manifest(snapshot: Snapshot, session: SessionId, *, after: bytes) -> tuple[bytes, ManifestHead] | None:
    """The first manifest that the session minted behind the id `after`; empty begins."""
    start, end = keys.under(keys.manifest(session.to_bytes(8, "big")))
    if after:
        start = keys.under(keys.manifest(after))[1]
    found = snapshot.scan(start, end, limit=1)
    if not found:
        return None
    key, value = found[0]
    check(len(key) == _HEAD_KEY_BYTES, "a manifest begins with its head", row=key.hex())
    return key[1:], rows.MANIFEST.load(value)


def condemn_staged(tx: Tx, manifest: bytes) -> bool:
    """Do the next batch for a manifest that will never be committed: its chunks, its pages, its head.

    True while there is more to do.
    """
    key = keys.manifest(manifest)
    head = rows.MANIFEST.find(tx, key)
    if head is None or head.state is not ManifestState.STAGED:
        return False
    _check_dead(tx, head.session)
    last_key, value = tx.scan(*keys.under(key), limit=1, reverse=True)[0]
    if last_key == key:
        tx.delete(key)
        return False
    chunk_keys = [keys.chunk(ref.chunk) for ref in rows.PAGE.load(value).chunks]
    if _condemn(tx, chunk_keys) < CONDEMN_ROWS:
        tx.delete(last_key)
    return True


def drop_results(tx: Tx, session: SessionId) -> bool:
    """Drop the next results of a dead session. True while there may be more."""
    _check_dead(tx, session)
    found = tx.scan(*keys.results(session), limit=FORGET_ROWS)
    for key, _ in found:
        tx.delete(key)
    return len(found) == FORGET_ROWS


def remove_session(tx: Tx, session: SessionId) -> None:
    """Drop the row of a dead session, after all else: a number that was issued and has no row counts as dead."""
    _check_dead(tx, session)
    tx.delete(keys.session(session))


def _condemn(tx: Tx, chunk_keys: list[bytes]) -> int:
    """Condemn those that are still staged, as many as one batch takes. Returns how many it were."""
    done = 0
    for key, row in zip(chunk_keys, rows.CHUNK.find_many(tx, chunk_keys), strict=True):
        if row is not None and row.state is ChunkState.STAGED and done < CONDEMN_ROWS:
            rows.CHUNK.put(tx, key, replace(row, state=ChunkState.CONDEMNED, mark=tx.commit_number))
            done += 1
    return done


def _check_dead(tx: Tx, session_id: SessionId) -> None:
    session = rows.SESSION.find(tx, keys.session(session_id))
    is_living = session is not None and session.state is SessionState.LIVING
    check(not is_living, "a living session is not cleaned up", session=session_id)
