"""The calls of `shoal.v1.Admin`, joined. Requests are served as streams, and read when their turn has come."""

from typing import Any

import grpc

from shoal.base.env import Clock
from shoal.gateway.admin.cluster_status import StatusReport
from shoal.gateway.admin.listing import ObjectListing
from shoal.gateway.admin.nodes import NodeListing
from shoal.gateway.admin.watch import NodeWatch
from shoal.gateway.rpc.door import RpcDoor

SERVICE = "shoal.v1.Admin"


def admin_service(door: RpcDoor, *, clock: Clock) -> grpc.GenericRpcHandler:
    """What a server adds to answer the calls of the admin service."""
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "GetStatus": grpc.stream_unary_rpc_method_handler(StatusReport(door).call),
        "ListNodes": grpc.stream_unary_rpc_method_handler(NodeListing(door).call),
        "WatchNodes": grpc.stream_stream_rpc_method_handler(NodeWatch(door, clock=clock).call),
        "ListFiles": grpc.stream_unary_rpc_method_handler(ObjectListing(door).call),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)
