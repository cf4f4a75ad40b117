"""Real SQLite on a simulated disk."""

import random

import apsw
import pytest

from shoal.testing.sim.disk import FaultKind, OperationKind, PowerCut, SimDisk, Survival
from shoal.testing.sim.sqlite_vfs import SimVfs


def database(disk: SimDisk) -> apsw.Connection:
    vfs = SimVfs(disk)
    connection = apsw.Connection("db", vfs=vfs.name)
    connection.pragma("locking_mode", "exclusive")
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
    return connection


def count(connection: apsw.Connection) -> int:
    return len(connection.execute("SELECT x FROM t").fetchall())


@pytest.fixture
def disk() -> SimDisk:
    return SimDisk(random.Random(0), record=True)


def test_what_is_committed_survives_a_power_cut(disk: SimDisk) -> None:
    connection = database(disk)
    connection.execute("INSERT INTO t VALUES (1)")
    disk.power_cycle(Survival.ALL_LOST)
    assert count(database(disk)) == 1


def test_a_power_cut_ends_the_statement_and_all_after_it(disk: SimDisk) -> None:
    connection = database(disk)
    disk.crash_after(2)
    with pytest.raises(PowerCut):
        connection.execute("INSERT INTO t VALUES (1)")
    operations = disk.operations
    connection.close()
    assert disk.operations == operations
    disk.power_cycle(Survival.ALL_KEPT)
    assert count(database(disk)) == 0


def test_a_connection_of_an_earlier_life_reaches_nothing(disk: SimDisk) -> None:
    connection = database(disk)
    disk.process_crash()
    operations = disk.operations
    connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    assert disk.operations == operations
    assert count(database(disk)) == 0


@pytest.mark.parametrize("fault", [FaultKind.SYNC_EIO, FaultKind.WRITE_EIO])
def test_a_failing_disk_is_an_input_output_error(disk: SimDisk, fault: FaultKind) -> None:
    connection = database(disk)
    disk.fail(fault, times=None)
    with pytest.raises(apsw.IOError):
        connection.execute("INSERT INTO t VALUES (1)")
    disk.faults.clear()
    connection.close()


def test_a_full_disk_is_a_full_database(disk: SimDisk) -> None:
    connection = database(disk)
    disk.fail(FaultKind.NO_SPACE, times=None)
    with pytest.raises(apsw.FullError):
        connection.execute("INSERT INTO t VALUES (1)")
    disk.faults.clear()
    connection.close()


def test_the_name_of_a_new_log_is_synced_with_it(disk: SimDisk) -> None:
    database(disk).execute("INSERT INTO t VALUES (1)")
    kinds = [operation.kind for operation in disk.journal]
    assert OperationKind.SYNC_DIR in kinds[kinds.index(OperationKind.CREATE) :]


def test_databases_of_two_disks_do_not_meet(disk: SimDisk) -> None:
    other = SimDisk(random.Random(1))
    first, second = database(disk), database(other)
    first.execute("INSERT INTO t VALUES (1)")
    assert (count(first), count(second)) == (1, 0)


def test_a_missing_file_is_not_made_for_a_reader(disk: SimDisk) -> None:
    vfs = SimVfs(disk)
    with pytest.raises(apsw.CantOpenError):
        apsw.Connection("none", vfs=vfs.name, flags=apsw.SQLITE_OPEN_READONLY)
    assert not disk.exists_now("none")
