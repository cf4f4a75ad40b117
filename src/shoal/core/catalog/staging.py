"""Staging: the pages of a large manifest and the rows of its chunks, invisible until the commit flips it."""

import hashlib
from dataclasses import dataclass

from msgspec.structs import replace

from shoal.base.errors import AccessDenied, AlreadyExists, InvalidArgument, NotFound
from shoal.core.catalog import rows
from shoal.core.catalog.arguments import check_chunk_id, check_number
from shoal.core.catalog.chunks import WriteRules, check_unused, prove_chunk, write_chunk
from shoal.core.catalog.sessions import require_living
from shoal.formats import keys
from shoal.model.catalog import ChunkRef, ChunkState, ManifestHead, ManifestPage, ManifestState
from shoal.model.cluster import CHUNKS_PER_PUT_MAX, PAGE_CHUNKS_MAX
from shoal.model.messages.objects import Commit, Stage, Staged
from shoal.ports.engine import Snapshot, Tx


@dataclass(frozen=True, slots=True)
class ProvenPage:
    """A page whose receipts are believed."""

    request: Stage
    key_id: str
    page: ManifestPage


def prove_page(request: Stage, *, key_id: str, rules: WriteRules) -> ProvenPage:
    """Check all that needs no row. Raises: InvalidArgument, AccessDenied, QuorumNotReached."""
    check_number(request.session, "the session number")
    check_number(request.page, "the page", below=CHUNKS_PER_PUT_MAX)
    if check_chunk_id(request.manifest, "a manifest id")[:8] != request.session.to_bytes(8, "big"):
        raise AccessDenied("the manifest was minted by another session", manifest=request.manifest.hex())
    if not 1 <= len(request.chunks) <= PAGE_CHUNKS_MAX:
        raise InvalidArgument(f"a page has 1 to {PAGE_CHUNKS_MAX} chunks", got=len(request.chunks))
    refs = tuple([prove_chunk(upload, request.session, rules) for upload in request.chunks])
    if len({ref.chunk for ref in refs}) != len(refs):
        raise InvalidArgument("a chunk id comes twice")
    return ProvenPage(request, key_id, ManifestPage(refs))


def stage_page(tx: Tx, proven: ProvenPage) -> Staged:
    """Write a page; again, if it says the same.

    Raises: StaleEpoch, AccessDenied for the session; AlreadyExists if the page was staged with other chunks, a chunk
    id was used before, or the manifest is committed; InvalidArgument for more chunks than an object may have.
    """
    request = proven.request
    require_living(tx, request.session, proven.key_id)
    page_key = keys.manifest_page(request.manifest, request.page)
    staged = rows.PAGE.find(tx, page_key)
    if staged is not None:
        if staged != proven.page:
            raise AlreadyExists("this page was staged with other chunks", page=request.page)
        return Staged(request.manifest, request.page)
    rows.MANIFEST.put(tx, keys.manifest(request.manifest), _grown_head(tx, proven))
    rows.PAGE.put(tx, page_key, proven.page)
    check_unused(tx.get_many([keys.chunk(ref.chunk) for ref in proven.page.chunks]), request.chunks)
    for upload in request.chunks:
        write_chunk(tx, upload, state=ChunkState.STAGED, manifest=request.manifest)
    return Staged(request.manifest, request.page)


def read_page(snapshot: Snapshot, manifest: bytes, page: int) -> ManifestPage:
    """A page of a manifest. Raises: NotFound."""
    found = rows.PAGE.find(snapshot, keys.manifest_page(manifest, page))
    if found is None:
        raise NotFound(f"the manifest has no page {page}", manifest=manifest.hex())
    return found


class ManifestAudit:
    """I look at the pages of a manifest, in order, before its commit: do they make the object that is committed?

    Staged pages never change, so this needs no transaction, and a large manifest holds nobody up.
    """

    def __init__(self, request: Commit) -> None:
        self._request = request
        self._root = hashlib.sha256()
        self._size = self._chunk_count = 0
        self._page_chunks = self._last_page_chunks = 0

    def add(self, page: ManifestPage) -> None:
        """The next page. Raises: InvalidArgument."""
        # Readers of a range find its page by the size of the first one.
        self._page_chunks = self._page_chunks or len(page.chunks)
        if self._last_page_chunks not in (0, self._page_chunks) or len(page.chunks) > self._page_chunks:
            raise InvalidArgument("all pages have as many chunks as the first, and the last no more")
        self._last_page_chunks = len(page.chunks)
        for ref in page.chunks:
            self._add(ref)

    def finish(self) -> None:
        """All pages were added. Raises: InvalidArgument unless they make the object."""
        request = self._request
        if (self._size, self._chunk_count) != (request.size, request.chunk_count):
            raise InvalidArgument("the staged pages do not make the object", size=self._size, chunks=self._chunk_count)
        if self._root.digest() != request.root:
            raise InvalidArgument("the root is not that of the staged chunks")

    def _add(self, ref: ChunkRef) -> None:
        # So every chunk but the last is whole: a short one leaves the size behind what its successors need.
        if self._size != self._chunk_count * self._request.chunk_bytes or ref.size > self._request.chunk_bytes:
            raise InvalidArgument("all chunks but the last have the chunk size", chunk=ref.chunk.hex())
        self._root.update(ref.sha256 + ref.size.to_bytes(8, "big"))
        self._size += ref.size
        self._chunk_count += 1


def _grown_head(tx: Tx, proven: ProvenPage) -> ManifestHead:
    request, page = proven.request, proven.page
    head = rows.MANIFEST.find(tx, keys.manifest(request.manifest))
    if head is None:
        head = ManifestHead(ManifestState.STAGED, request.session, page_count=0, chunk_count=0, size=0)
    if head.state is not ManifestState.STAGED:
        raise AlreadyExists("the manifest is committed: it takes no more pages", manifest=request.manifest.hex())
    chunks = head.chunk_count + len(page.chunks)
    if chunks > CHUNKS_PER_PUT_MAX:
        raise InvalidArgument(f"an object has at most {CHUNKS_PER_PUT_MAX:,} chunks; use a larger chunk size")
    size = head.size + sum(ref.size for ref in page.chunks)
    return replace(head, page_count=head.page_count + 1, chunk_count=chunks, size=size)
