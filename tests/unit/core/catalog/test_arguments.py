"""Ranges and lengths are checked before any row is read."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from shoal.base.errors import InvalidArgument
from shoal.base.ids import SessionId, VersionId
from shoal.core.catalog import arguments
from shoal.model.messages.objects import Name, Precondition
from support.catalog_bench import make_commit

COMMIT = make_commit("name", (), sequence=1)

REFUSED: dict[str, Callable[[], object]] = {
    "negative session": lambda: arguments.check_session_id(SessionId(-1)),
    "session over 64 bits": lambda: arguments.check_session_id(SessionId(1 << 64)),
    "short version": lambda: arguments.check_version_id(VersionId(b"short")),
    "short chunk": lambda: arguments.check_chunk_id(b"short"),
    "short digest": lambda: arguments.check_digests(b"", 0, size=0),
    "negative crc": lambda: arguments.check_digests(bytes(32), -1, size=0),
    "negative size": lambda: arguments.check_digests(bytes(32), 0, size=-1),
    "shard 256": lambda: arguments.check_replica(bytes(16), 256, placement=1),
    "placement over 32 bits": lambda: arguments.check_replica(bytes(16), 0, placement=1 << 32),
    "NUL in a name": lambda: arguments.check_name(Name("default", "a\0b")),
    "NUL in a bucket": lambda: arguments.check_name(Name("de\0fault", "a")),
    "no bucket": lambda: arguments.check_description(replace(COMMIT, bucket="")),
    "long key": lambda: arguments.check_description(replace(COMMIT, key="k" * 1025)),
    "negative sequence": lambda: arguments.check_description(replace(COMMIT, sequence=-1)),
    "short precondition": lambda: arguments.check_description(
        replace(COMMIT, precondition=Precondition(if_version=VersionId(b"x")))
    ),
    "no placement key": lambda: arguments.check_description(replace(COMMIT, placement_key="")),
    "long content type": lambda: arguments.check_description(replace(COMMIT, content_type="t" * 257)),
    "content type that is no text": lambda: arguments.check_description(replace(COMMIT, content_type="\udc80")),
    "metadata that is no text": lambda: arguments.check_description(replace(COMMIT, metadata={"\udc80": ""})),
    "much metadata": lambda: arguments.check_description(replace(COMMIT, metadata={"a": "x" * 1024, "b": "ä" * 512})),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_key_or_row_could_hold_is_refused(what: str) -> None:
    with pytest.raises(InvalidArgument):
        REFUSED[what]()


def test_the_largest_of_everything_is_taken() -> None:
    arguments.check_session_id(SessionId((1 << 64) - 1))
    arguments.check_replica(bytes(16), 255, placement=(1 << 32) - 1)
    arguments.check_digests(bytes(32), (1 << 64) - 1, size=0)
    arguments.check_name(Name("default", "k" * 1024, VersionId(bytes(16))))
    arguments.check_description(replace(COMMIT, key="k" * 1024, metadata={"a": "x" * 2047}))
