"""The head of a PUT, read strictly."""

import pytest

from shoal.base.errors import InvalidArgument
from shoal.base.ids import NodeId
from shoal.core import routes
from shoal.core.write_quorum import Target
from shoal.formats.seal import SEAL_BYTES, put_words
from shoal.model.cluster import CHUNK_BYTES_MAX
from shoal.node.put_request import ClientPut, ForwardedPut, read_put_head
from support.members import node_id
from support.node_lab import changed, put_headers
from support.stores import replica

A, B, C = (node_id(name) for name in "abc")


def test_a_clients_put_names_targets_spares_and_quorum() -> None:
    head = put_headers(targets={A: 2, B: 3}, spares={C: 255}, quorum=2)
    words = put_words(replica(1), size=10, targets=head[routes.TARGETS_HEADER], quorum="2")
    assert read_put_head(replica(1), head, body_bytes=SEAL_BYTES + 10) == ClientPut(
        replica(1), 10, (Target(A, 2), Target(B, 3)), (Target(C, 255),), 2, words
    )


def test_a_put_may_be_for_one_node_alone_and_empty() -> None:
    put = read_put_head(replica(1), put_headers(), body_bytes=SEAL_BYTES)
    assert put == ClientPut(replica(1), 0, (), (), 1, put_words(replica(1), size=0, targets=";", quorum="1"))


def test_a_forward_names_its_primary() -> None:
    head = changed(put_headers(), targets=None, quorum=None, primary=A)
    assert read_put_head(replica(1), head, body_bytes=SEAL_BYTES + 1) == ForwardedPut(replica(1), 1, A)


@pytest.mark.parametrize("body_bytes", [0, SEAL_BYTES - 1, CHUNK_BYTES_MAX + SEAL_BYTES + 1])
def test_a_body_that_cannot_be_a_replica_is_refused(body_bytes: int) -> None:
    with pytest.raises(InvalidArgument):
        read_put_head(replica(1), put_headers(), body_bytes=body_bytes)


def test_the_largest_chunk_is_taken() -> None:
    put = read_put_head(replica(1), put_headers(), body_bytes=CHUNK_BYTES_MAX + SEAL_BYTES)
    assert put.size == CHUNK_BYTES_MAX


@pytest.mark.parametrize(
    "changes",
    [
        {"quorum": None},
        {"quorum": "0"},
        {"quorum": "+1"},
        {"quorum": "100"},
        {"quorum": "1_0"},
        {"quorum": "٣"},
        {"quorum": "1\n"},
        {"targets": None},
        {"targets": ""},
        {"targets": f"{A}.2"},
        {"targets": f"{A}.2;;"},
        {"targets": f"{A}.2,;"},
        {"targets": f"{A};"},
        {"targets": f"{A}.0;"},
        {"targets": f"{A}.02;"},
        {"targets": f"{A}.256;"},
        {"targets": f"{A}.1;"},
        {"targets": f"{A}.2,{B}.2;"},
        {"targets": f"{A}.2;{B}.2"},
        {"targets": f"{node_id('o').upper()}.2;"},
        {"targets": f"{A[1:]}.2;"},
        {"targets": f"{A}.2 ;"},
        {"targets": ",".join(f"{node_id(str(at))}.{at}" for at in range(2, 19)) + ";"},
        {"primary": A},
        {"primary": "me", "targets": None},
        {"primary": "", "targets": None},
    ],
)
def test_a_malformed_head_is_refused(changes: dict[str, str | None]) -> None:
    head = changed(put_headers(), **changes)
    with pytest.raises(InvalidArgument):
        read_put_head(replica(1), head, body_bytes=SEAL_BYTES + 1)


@pytest.mark.parametrize("head", [put_headers(), {"x-shoal-primary": NodeId("0" * 32)}])
def test_a_placement_that_belongs_to_movers_is_refused(head: dict[str, str]) -> None:
    read_put_head(replica(1, placement=255), head, body_bytes=SEAL_BYTES)
    with pytest.raises(InvalidArgument):
        read_put_head(replica(1, placement=256), head, body_bytes=SEAL_BYTES)
