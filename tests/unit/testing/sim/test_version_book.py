"""The book of versions."""

import pytest

from shoal.base.ids import VersionId
from shoal.testing.sim.version_book import VersionBook, VersionLost

OLD, NEW = VersionId(bytes(15) + b"\x01"), VersionId(bytes(15) + b"\x02")


def book() -> VersionBook:
    """Two versions of one key."""
    made = VersionBook()
    made.made("k", OLD, "first")
    made.made("k", NEW, "second")
    return made


def test_what_was_acknowledged_is_certain() -> None:
    assert book().certain("k") == {OLD: "first", NEW: "second"}
    assert book().certain("another") == {}
    assert (book().made_count, book().keys) == (2, ["k"])


def test_a_version_has_the_content_that_it_was_made_with() -> None:
    book().check_found("k", OLD, "first")
    with pytest.raises(VersionLost, match="was 'first'"):
        book().check_found("k", OLD, "second")


def test_only_a_version_that_somebody_removes_may_be_missing() -> None:
    versions = book()
    with pytest.raises(VersionLost):
        versions.check_missing("k", OLD)
    versions.removing(OLD)
    versions.check_missing("k", OLD)
    assert versions.certain("k") == {NEW: "second"}


def test_a_removal_that_found_nothing_says_that_a_version_was_lost() -> None:
    versions = book()
    versions.removing(OLD)
    with pytest.raises(VersionLost):
        versions.removed("k", OLD, existed=False)
    versions.removed("k", OLD, existed=True)
    assert versions.gone() == {OLD}


def test_a_list_has_all_that_is_certain_in_order() -> None:
    versions = book()
    versions.check_listed("k", [NEW, OLD], certain=[OLD, NEW], gone=[])
    for wrong in ([OLD, NEW], [NEW, NEW, OLD], [NEW]):
        with pytest.raises(VersionLost):
            versions.check_listed("k", wrong, certain=[OLD, NEW], gone=[])


def test_a_list_may_lack_what_was_removed_meanwhile_and_never_shows_it_later() -> None:
    versions = book()
    certain = versions.certain("k")
    versions.removing(OLD)
    versions.check_listed("k", [NEW], certain=certain, gone=[])
    versions.removed("k", OLD, existed=True)
    with pytest.raises(VersionLost, match="after it was removed"):
        versions.check_listed("k", [NEW, OLD], certain=[NEW], gone=versions.gone())
