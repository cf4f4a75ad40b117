"""Nonces of calls that must not be replayed, for as long as their signatures hold."""

from shoal.base.errors import AccessDenied, Throttled
from shoal.base.ids import WallNs


class NonceMemory:
    """I know which calls came already. Bounded: when I am full, new calls wait."""

    __slots__ = ("_expiries", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._expiries: dict[str, int] = {}

    def remember(self, nonce: str, *, until_ns: int, wall: WallNs) -> None:
        """Take in a nonce whose signature holds `until_ns`. Raises: AccessDenied if it came before; Throttled."""
        if nonce in self._expiries:
            raise AccessDenied("this call came before: each call is signed anew")
        self._forget_expired(wall)
        if len(self._expiries) >= self._limit:
            raise Throttled("too many calls of this kind in the last minutes; try again later")
        self._expiries[nonce] = until_ns

    def _forget_expired(self, wall: WallNs) -> None:
        """Oldest first, up to the first that still holds: nobody's clock is far off, so the order is nearly theirs."""
        expired = []
        for nonce, until_ns in self._expiries.items():
            if until_ns >= wall:
                break
            expired.append(nonce)
        for nonce in expired:
            del self._expiries[nonce]
