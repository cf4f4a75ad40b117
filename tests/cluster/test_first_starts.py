"""First starts of coordinators and nodes, killed behind changes of what is on their disks: the next start is well, and
no key that anybody may have read is another one."""

from pathlib import Path

import pytest

from support.first_start import killed_starts


@pytest.mark.parametrize(("role", "every"), [("coordinator", 9), ("node", 190)])
def test_after_a_kill_in_its_first_start_a_process_starts_and_is_who_it_was(
    tmp_path: Path, role: str, every: int
) -> None:
    assert killed_starts(role, tmp_path, every=every) >= 3


def test_a_process_that_is_ready_has_made_all_of_its_names_durable(tmp_path: Path) -> None:
    killed_starts("names", tmp_path, every=1)
