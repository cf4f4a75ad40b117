"""By name."""

from shoal.core.placement.first_healthy import FirstHealthySelector
from support.members import cluster, member


def test_order_is_that_of_the_names_whatever_the_key() -> None:
    selector = FirstHealthySelector(cluster(member("c"), member("a", is_failed=True), member("b")))
    orders = [[node.name for node in selector.order(key, index)] for key in ("x", "y") for index in (0, 1)]
    assert orders == [["b", "c"]] * 4
