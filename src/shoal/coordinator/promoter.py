"""After commits of large manifests: their chunk rows follow, behind everybody's back."""

from shoal.core.catalog.promotion import PromotionStep, promote_chunks
from shoal.ports.engine import Engine, Tx


class Promoter:
    """I make the chunk rows of committed manifests live. What I have not done is found again after a restart."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: dict[bytes, None] = {}

    def add(self, manifest: bytes) -> None:
        """This manifest was committed."""
        self._waiting[manifest] = None

    async def step(self) -> None:
        """Do all that wait."""
        for manifest in list(self._waiting):
            await self.promote(manifest)
            self._waiting.pop(manifest, None)

    async def promote(self, manifest: bytes) -> None:
        """Do one, a short transaction at a time."""
        step: PromotionStep | None = PromotionStep(manifest)
        while step is not None:
            step = await self._advance(step)

    async def _advance(self, step: PromotionStep) -> PromotionStep | None:
        def advance(tx: Tx) -> PromotionStep | None:
            return promote_chunks(tx, step)

        return await self._engine.tx(advance)
