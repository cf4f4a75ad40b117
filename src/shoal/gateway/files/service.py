"""The calls of `filestore.FileStore`, joined.

Requests arrive as bytes and are parsed inside of the call, so that a malformed one is refused like any other that is
wrong, and replies leave as bytes. A request that is one message is served as a stream, and read when its turn has come.
"""

from typing import Any

import grpc

from shoal.base.env import Clock
from shoal.gateway.files.delete import Deletion
from shoal.gateway.files.download import Download
from shoal.gateway.files.info import FileInfo
from shoal.gateway.files.listing import FileListing
from shoal.gateway.files.settings import FileServiceSettings
from shoal.gateway.files.upload import Upload
from shoal.gateway.memory import TransferMemory
from shoal.gateway.rpc.door import RpcDoor

SERVICE = "filestore.FileStore"


def file_service(door: RpcDoor, *, clock: Clock, settings: FileServiceSettings) -> grpc.GenericRpcHandler:
    """What a server adds to answer the calls of the file service."""
    memory = TransferMemory(settings.memory_bytes, patience_ns=settings.memory_patience_ns)
    upload = Upload(door, clock=clock, memory=memory, settings=settings)
    download = Download(door, clock=clock, memory=memory, settings=settings)
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Upload": grpc.stream_unary_rpc_method_handler(upload.call),
        "Download": grpc.stream_stream_rpc_method_handler(download.call),
        "GetVersion": grpc.stream_stream_rpc_method_handler(download.version_call),
        "Delete": grpc.stream_unary_rpc_method_handler(Deletion(door, is_open=settings.is_open).call),
        "GetFileInfo": grpc.stream_unary_rpc_method_handler(FileInfo(door, is_open=settings.is_open).call),
        "ListFiles": grpc.stream_unary_rpc_method_handler(FileListing(door, is_open=settings.is_open).call),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)
