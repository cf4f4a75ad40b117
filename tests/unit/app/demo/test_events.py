"""The log that the demo checks."""

from shoal.app.demo.events import EventLog


def test_warnings_and_errors_are_kept_with_all_their_fields() -> None:
    log = EventLog()
    log.bind(node="node-1").warning("replica_unreadable", chunk="c")
    log.error("failed", node="node-2")
    log.info("told")
    log.debug("told")
    assert [event.event for event in log.events] == ["replica_unreadable", "failed"]
    assert log.events[0].fields == {"node": "node-1", "chunk": "c"}


def test_an_event_is_found_by_name_and_fields() -> None:
    log = EventLog()
    log.warning("unreadable", node="node-1", chunk="a")
    log.warning("unreadable", node="node-2", chunk="b")
    assert log.find("unreadable") is log.events[0]
    assert log.find("unreadable", node="node-2") is log.events[1]
    assert log.find("unreadable", node="node-2", chunk="a") is None
    assert log.find("unreadable", zone="x") is None
    assert log.find("other") is None
