"""All that the scripts of the file service can do: 1,000 uploads and downloads by command lines, and every cycle."""

from pathlib import Path

import pytest

from support.filestore_scripts import by_grpc, run
from support.processes import shoal_up

UP = ("--nodes", "3", "--grpc", "127.0.0.1:0", "--filestore-open")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("script", "says"), [("advanced.sh", "ok: 10 cycles"), ("load.sh", "ok: 1000 uploads")])
def test_d2_scripts_have_no_failure(tmp_path: Path, script: str, says: str) -> None:
    with shoal_up(tmp_path / "data", *UP) as cluster:
        told = run(script, by_grpc(cluster), seconds=3600)
        cluster.assert_unharmed()
    print(told)  # noqa: T201, these figures are what it is run for
    assert says in told
