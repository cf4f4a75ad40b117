"""Settings that cannot work are refused."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.units import HOUR, SECOND
from shoal.coordinator.settings import CoordinatorSettings, changed_settings, check_times
from shoal.model.cluster import ClusterSettings


def test_the_defaults_fit_together() -> None:
    assert CoordinatorSettings("cluster").cluster == ClusterSettings()


@pytest.mark.parametrize(
    ("cluster", "names"),
    [
        (ClusterSettings(heartbeat_ns=4 * SECOND), ("suspect-after (6 s)", "heartbeat (4 s)")),
        (ClusterSettings(down_after_ns=6 * SECOND), ("down-after (6 s)", "suspect-after (6 s)")),
        (ClusterSettings(session_ttl_ns=SECOND // 2), ("session-ttl (0.5 s)",)),
    ],
)
def test_the_refusal_names_both_settings(cluster: ClusterSettings, names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_times(cluster)
    assert all(name in refused.value.sentence for name in names)


def test_what_has_changed_is_told_with_both_values() -> None:
    former = ClusterSettings()
    assert changed_settings(former, former) == []
    asked = ClusterSettings(copies=2, selector="random")
    assert changed_settings(former, asked) == [("copies", 0, 2), ("selector", "ring", "random")]


def test_settings_that_contradict_each_other_are_refused() -> None:
    for cluster, changes in (
        (ClusterSettings(heartbeat_ns=4 * SECOND), {}),
        (ClusterSettings(down_after_ns=6 * SECOND), {}),
        (ClusterSettings(heartbeat_ns=0), {}),
        (ClusterSettings(session_ttl_ns=3 * HOUR), {}),
        (ClusterSettings(), {"sweep_ns": 31 * SECOND}),
    ):
        with pytest.raises(InvalidArgument):
            CoordinatorSettings("cluster", cluster, **changes)
    with pytest.raises(InvalidArgument):
        CoordinatorSettings("")
