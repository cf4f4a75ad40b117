"""Randomness from the operating system: directly for secrets, as a seed for everything else."""

import random
import secrets


class RealRng:
    """Jitter and placement: a generator of this process, seeded by the operating system."""

    def __init__(self) -> None:
        self._source = random.Random()

    def random(self) -> float:
        """See `Rng.random`."""
        return self._source.random()

    def below(self, limit: int) -> int:
        """See `Rng.below`."""
        return self._source.randrange(limit)


class RealSecrets:
    """Keys, nonces and ids."""

    def token(self, size: int) -> bytes:
        """See `Secrets.token`."""
        return secrets.token_bytes(size)
