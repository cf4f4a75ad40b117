"""What the doors tell and are asked."""

from datetime import UTC, datetime

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.ids import parse_version, version_text
from shoal.core.names import ObjectName
from shoal.model.catalog import Bucket, VersionKind
from shoal.model.messages.objects import ListedObject, Precondition
from shoal.wiring.object_version import (
    BucketInfo,
    bucket_told,
    entry_told,
    precondition_asked,
    version_asked,
    version_told,
)
from support.fake_client import made_at, make_version

NAME = ObjectName("photos", "1.jpg")


def test_a_version_is_told_in_words_and_times() -> None:
    told = version_told(NAME, make_version(3, size=5))
    assert (told.bucket, told.key, told.size, told.is_delete_marker) == ("photos", "1.jpg", 5, False)
    assert told.created == datetime(2025, 10, 9, 8, 53, 23, tzinfo=UTC)
    assert parse_version(told.version) == make_version(3, size=5).version_id
    assert version_told(NAME, make_version(3, size=0, kind=VersionKind.DELETE_MARKER)).is_delete_marker


def test_an_entry_of_a_listing_is_told_like_its_version_but_for_the_metadata() -> None:
    version = make_version(3, size=5)
    entry = ListedObject("1.jpg", 5, version.version_id, version.created_ns)
    told = entry_told("photos", entry)
    assert told.metadata is None
    assert (told.version, told.created) == (version_told(NAME, version).version, version_told(NAME, version).created)


def test_a_bucket_is_told() -> None:
    created = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert bucket_told(Bucket("photos", made_at(0), False)) == BucketInfo(
        name="photos", created=created, is_versioned=False
    )


def test_versions_are_asked_for_by_their_text() -> None:
    number = make_version(3, size=5).version_id
    assert version_asked(None) is None
    assert version_asked(version_text(number)) == number
    assert precondition_asked(if_version=version_text(number)) == Precondition(if_version=number)
    assert precondition_asked(if_absent=True, if_version=None) == Precondition(if_absent=True)
    with pytest.raises(InvalidArgument):
        version_asked("newest")
