"""Settings that cannot work are refused at the start."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.ids import Address
from shoal.base.units import MIB
from shoal.model.cluster import STALL_NS
from shoal.node.settings import NodeSettings

HERE = Address("127.0.0.1:9100")


def test_the_defaults_hold_and_stall_as_the_cluster_does() -> None:
    assert NodeSettings(HERE).stall_ns == STALL_NS


@pytest.mark.parametrize("name", ["puts_max", "stall_ns", "control_deadline_ns", "heartbeat_retry_ns"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_number_that_is_not_positive_is_refused(name: str, value: int) -> None:
    with pytest.raises(InvalidArgument, match=name):
        NodeSettings(HERE, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("setting", [{"memory_bytes": 16 * MIB - 1}, {"rate_limit": MIB - 1}])
def test_less_than_transfers_need_is_refused(setting: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match=r"1\.0 MiB/s|16\.0 MiB"):
        NodeSettings(HERE, **setting)  # type: ignore[arg-type]
