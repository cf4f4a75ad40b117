"""Which versions of each object there must be, may be, and cannot be: those that were acknowledged, and not removed."""

from collections.abc import Collection, Sequence

from shoal.base.ids import VersionId
from shoal.testing.sim.failure import SimulationFailed


class VersionLost(SimulationFailed):
    """An acknowledged version is gone, or one that was removed is back, or one is there that nobody made."""


class VersionBook:
    """I remember versions by key, each with the tag of the content that it must have."""

    def __init__(self) -> None:
        self.made_count = 0
        self._tags: dict[str, dict[VersionId, str]] = {}
        self._doubtful: dict[VersionId, None] = {}
        """Somebody asked for their removal, and does not know whether it happened."""
        self._gone: dict[VersionId, None] = {}

    def made(self, key: str, version: VersionId, tag: str) -> None:
        """The making of `version` was acknowledged."""
        self.made_count += 1
        self._tags.setdefault(key, {})[version] = tag

    def removing(self, version: VersionId) -> None:
        """From now on it may be gone."""
        self._doubtful[version] = None

    def removed(self, key: str, version: VersionId, *, existed: bool) -> None:
        """Its removal was acknowledged. Raises: VersionLost if it is said that there was nothing to remove."""
        if not existed:
            raise VersionLost(f"version {version.hex()} of {key!r} was gone before anybody removed it")
        self._gone[version] = None

    @property
    def keys(self) -> list[str]:
        """Every key of which a version was acknowledged."""
        return list(self._tags)

    def certain(self, key: str) -> dict[VersionId, str]:
        """What must be there now, with the tags of their contents."""
        return {version: tag for version, tag in self._tags.get(key, {}).items() if version not in self._doubtful}

    def gone(self) -> frozenset[VersionId]:
        """All whose removal was acknowledged by now."""
        return frozenset(self._gone)

    def check_missing(self, key: str, version: VersionId) -> None:
        """Raises: VersionLost unless a reader may be told now that there is no such version."""
        if version not in self._doubtful:
            raise VersionLost(f"version {version.hex()} of {key!r} is gone, and nobody removed it")

    def check_found(self, key: str, version: VersionId, tag: str) -> None:
        """Raises: VersionLost unless that version has the content with that tag."""
        wanted = self._tags[key][version]
        if tag != wanted:
            raise VersionLost(f"version {version.hex()} of {key!r} is {tag!r}, and was {wanted!r}")

    def check_listed(
        self,
        key: str,
        listed: Sequence[VersionId],
        *,
        certain: Collection[VersionId],
        gone: Collection[VersionId],
    ) -> None:
        """Hold a list of the versions of `key` against what was `certain` and what was `gone` when it was asked for.

        Raises: VersionLost.
        """
        if list(listed) != sorted(set(listed), reverse=True):
            raise VersionLost(f"the versions of {key!r} are listed out of order, or twice")
        for version in certain:
            if version not in listed and version not in self._doubtful:
                raise VersionLost(f"version {version.hex()} of {key!r} is not listed, and nobody removed it")
        for version in listed:
            if version in gone:
                raise VersionLost(f"version {version.hex()} of {key!r} is listed after it was removed")
