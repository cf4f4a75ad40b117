"""What users of a simulated cluster store: nothing, pieces of chunks, many chunks, streams; each under a tag."""

from dataclasses import dataclass
from random import Random

from shoal.client.put import PutOptions
from shoal.model.cluster import INLINE_CHUNKS_MAX
from shoal.model.messages.objects import Precondition
from shoal.testing.sim.chronicle import COPIES, TAG, Chronicle
from shoal.wiring.transfers import BytesSource

_PAGED_CHUNK_BYTES = 700
_PAGED_CHUNKS_MAX = INLINE_CHUNKS_MAX + 8
_LONG_CHUNKS_MAX = 60
"""Several pages where pages are small."""
_SHAPES = {"none": 1, "piece": 8, "whole": 3, "several": 5, "paged": 2, "long": 1, "streamed": 1}
"""How often each comes."""


@dataclass(frozen=True, slots=True)
class ContentSettings:
    """How large what users store is, and what they want of copies and selectors, each as often as it stands here; 0
    and None are the cluster's."""

    chunk_bytes: int
    streamed_bytes_max: int
    """Of an object that is one chunk, however large."""
    copies: tuple[int, ...] = (0,)
    selectors: tuple[str | None, ...] = (None,)

    @property
    def chunk_bytes_max(self) -> int:
        """The largest chunk of all."""
        return max(self.chunk_bytes, self.streamed_bytes_max, _PAGED_CHUNK_BYTES)


class Contents:
    """I draw what is stored next."""

    def __init__(self, chronicle: Chronicle, rng: Random, settings: ContentSettings) -> None:
        self._chronicle = chronicle
        self._rng = rng
        self._settings = settings

    def draw(self, tag: str, precondition: Precondition | None = None) -> tuple[BytesSource, PutOptions]:
        """Bytes that nobody else writes, and how to put them: cut into few chunks, or so many that the manifest is
        paged."""
        chunk_bytes = self._settings.chunk_bytes
        match self._rng.choices(list(_SHAPES), list(_SHAPES.values()))[0]:
            case "none":
                size = 0
            case "piece":
                size = self._rng.randint(1, chunk_bytes)
            case "whole":
                size = chunk_bytes * self._rng.randint(1, 3)
            case "several":
                size = self._rng.randint(chunk_bytes, 4 * chunk_bytes)
            case "paged":
                chunk_bytes = self._rng.randint(1, _PAGED_CHUNK_BYTES)
                size = chunk_bytes * self._rng.randint(INLINE_CHUNKS_MAX, _PAGED_CHUNKS_MAX) + 1
            case "long":
                chunk_bytes = self._rng.randint(1, _PAGED_CHUNK_BYTES)
                size = chunk_bytes * self._rng.randint(_PAGED_CHUNKS_MAX, _LONG_CHUNKS_MAX) + 1
            case _:
                size = chunk_bytes = self._rng.randint(1, self._settings.streamed_bytes_max)
        copies = self._rng.choice(self._settings.copies)
        options = PutOptions(
            chunk_bytes=chunk_bytes,
            precondition=precondition or Precondition(),
            metadata={TAG: tag, COPIES: str(copies)},
            copies=copies,
            selector=self._rng.choice(self._settings.selectors),
        )
        return BytesSource(self._chronicle.mint(tag, size)), options
