"""`shoal status`: how the cluster is."""

from typing import TYPE_CHECKING

import click

from shoal.app.options import Shared, shared_options

if TYPE_CHECKING:
    from shoal.model.messages.status import ClusterStatus


@click.command(epilog="Example: shoal status -q && echo all is well")
@shared_options
def command(shared: Shared) -> None:
    """Show how the cluster is: copies, what has fewer than wanted, nodes, warnings.

    Ends with status 0 only if a coordinator answers, all nodes that it expects have registered and every one is up,
    else with 6.
    """
    from shoal.app.calling import LOOK_PATIENCE_NS, call_cluster
    from shoal.app.node_table import node_documents, not_up
    from shoal.app.output import print_json
    from shoal.base.errors import TransientError

    status = call_cluster(shared, lambda client: client.status(), patience_ns=LOOK_PATIENCE_NS)
    if shared.is_json:
        print_json(_document(status) | {"nodes": node_documents(status)})
    elif not shared.is_quiet:
        _print(status)
    if not status.map.nodes:
        raise TransientError("no node has registered yet")
    if len(status.map.nodes) < status.nodes_expected:
        raise TransientError(f"{len(status.map.nodes)} of {status.nodes_expected} nodes have registered")
    if absent := not_up(status):
        raise TransientError("not all nodes are up: " + ", ".join(absent))


def _document(status: "ClusterStatus") -> dict[str, object]:
    from msgspec import structs

    return {
        "cluster_id": status.map.cluster_id,
        "map_version": status.map.version,
        "copies": status.copies,
        "settings": structs.asdict(status.map.settings),
        "write_quorum": status.write_quorum,
        "objects": status.objects,
        "chunks": status.chunks,
        "under_replicated": status.under_replicated,
        "unreadable": status.unreadable,
        "catalog_copies": status.catalog_copies,
        "sessions": status.sessions,
        "warnings": list(status.warnings),
    }


def _print(status: "ClusterStatus") -> None:
    from shoal.app.node_table import print_nodes
    from shoal.app.output import print_line, shown

    members = status.map
    print_line(f"cluster    {members.cluster_id}, map version {members.version}, {_number(status.sessions, 'session')}")
    print_line(f"copies     {status.copies} wanted of each chunk, {status.write_quorum} on disk before a put succeeds")
    print_line(f"stored     {_number(status.objects, 'object')} in {_number(status.chunks, 'chunk')}")
    endangered = _number(status.under_replicated, "chunk")
    print_line(f"at risk    {endangered} with fewer copies than wanted, {status.unreadable} unreadable")
    print_line(f"catalog    {_number(status.catalog_copies, 'copy', 'copies')}")
    for warning in status.warnings:
        print_line(f"warning    {shown(warning)}")
    if members.nodes:
        print_line("")
        print_nodes(status)


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
