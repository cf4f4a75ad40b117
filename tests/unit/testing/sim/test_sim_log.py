"""The log of a simulated world."""

from shoal.testing.sim.sim_log import Journal, SimLog


def test_lines_carry_time_host_and_fields() -> None:
    journal = Journal(lambda: 1_500_000_000)
    SimLog(journal, {"host": "node-1"}).bind(chunk=7).info("replica_stored", bytes=3)
    assert list(journal.lines) == ["1.500000000 info replica_stored host=node-1 chunk=7 bytes=3"]


def test_events_are_counted_by_name() -> None:
    journal = Journal(lambda: 0)
    log = SimLog(journal, {})
    for write in (log.debug, log.warning, log.error):
        write("disk_failed")
    assert journal.events == {"disk_failed": 3}
