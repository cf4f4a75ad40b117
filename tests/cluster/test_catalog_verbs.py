"""Copies, restores, undeletes and buckets on real processes, by the plain door: what is shared stays readable."""

import pytest

import shoal
from shoal.base.errors import NotFound, PreconditionFailed
from support.processes import LocalProcesses

SMALL = bytes(range(256)) * 40
LARGE = bytes(range(251)) * 400
CHUNK_BYTES = 4096
"""Cuts LARGE into more chunks than a version row holds."""


def test_copies_outlive_their_sources_and_what_was_deleted_comes_back(cluster: LocalProcesses) -> None:
    with shoal.connect(cluster.data) as door:
        door.create_bucket("verbs")
        for name, content in (("small", SMALL), ("large", LARGE)):
            source = door.put(name, content, chunk_bytes=CHUNK_BYTES)
            copied = door.copy(name, f"shoal://verbs/{name}")
            assert door.delete(name, version=source.version)
            assert door.get(f"shoal://verbs/{name}") == content
            door.put(f"shoal://verbs/{name}", b"newer")
            door.restore(f"shoal://verbs/{name}", copied.version)
            assert door.get(f"shoal://verbs/{name}") == content
            door.delete(f"shoal://verbs/{name}")
            with pytest.raises(NotFound):
                door.get(f"shoal://verbs/{name}")
            door.undelete(f"shoal://verbs/{name}")
            door.move(f"shoal://verbs/{name}", f"shoal://verbs/moved/{name}")
            assert door.get(f"shoal://verbs/moved/{name}", start=5000, stop=5010) == content[5000:5010]
        usage = door.usage("shoal://verbs/moved/")
        assert (usage.objects, usage.object_bytes) == (2, len(SMALL) + len(LARGE))
        with pytest.raises(PreconditionFailed):
            door.delete_bucket("verbs")
        for name in ("small", "large", "moved/small", "moved/large"):
            for version in list(door.versions(f"shoal://verbs/{name}")):
                door.delete(f"shoal://verbs/{name}", version=version.version)
        door.delete_bucket("verbs")
        assert [bucket.name for bucket in door.list_buckets()] == ["default"]
