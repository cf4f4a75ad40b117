"""The trace of a run."""

from shoal.testing.sim.trace import TAIL_ENTRIES, Trace, first_divergence


def traced(*steps: tuple[int, str]) -> Trace:
    trace = Trace(keep_all=True)
    for now_ns, label in steps:
        trace.record(now_ns, label)
    return trace


def test_equal_steps_have_equal_digests() -> None:
    assert traced((1, "a"), (2, "b")).hexdigest() == traced((1, "a"), (2, "b")).hexdigest()


def test_order_and_time_are_part_of_the_digest() -> None:
    digests = {
        traced((1, "a"), (1, "b")).hexdigest(),
        traced((1, "b"), (1, "a")).hexdigest(),
        traced((1, "a"), (2, "b")).hexdigest(),
    }
    assert len(digests) == 3


def test_only_the_tail_is_kept_unless_asked() -> None:
    trace = Trace()
    for now_ns in range(TAIL_ENTRIES + 5):
        trace.record(now_ns, "a")
    assert trace.step_count == TAIL_ENTRIES + 5
    assert len(trace.entries) == TAIL_ENTRIES
    assert trace.entries[0] == "5:a"


def test_the_first_divergence_is_named() -> None:
    one, other = traced((1, "a"), (2, "b")), traced((1, "a"), (2, "c"))
    assert first_divergence(one.entries, other.entries) == "step 1: '2:b' against '2:c'"


def test_a_trace_that_goes_on_longer_diverges_there() -> None:
    one, other = traced((1, "a"), (2, "b")), traced((1, "a"))
    said = "one trace ends after 1 steps, the other goes on with '2:b'"
    assert first_divergence(one.entries, other.entries) == said
    assert first_divergence(other.entries, one.entries) == said


def test_equal_traces_do_not_diverge() -> None:
    assert first_divergence(["1:a"], ["1:a"]) is None
