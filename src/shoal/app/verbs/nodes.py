"""`shoal nodes`: the nodes of the cluster."""

import click

from shoal.app.options import Shared, shared_options


@click.command(epilog="Example: shoal nodes --json")
@shared_options
def command(shared: Shared) -> None:
    """List the nodes: state, zone, address, space, and how long each has been silent. With --json each line is the
    document of a node."""
    from shoal.app.calling import LOOK_PATIENCE_NS, call_cluster
    from shoal.app.node_table import node_documents, print_nodes
    from shoal.app.output import print_json

    status = call_cluster(shared, lambda client: client.status(), patience_ns=LOOK_PATIENCE_NS)
    if shared.is_json:
        for document in node_documents(status):
            print_json(document)
    elif not shared.is_quiet:
        print_nodes(status)
