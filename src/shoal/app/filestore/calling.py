"""From a file verb to the service that keeps the files."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shoal.app import calling
from shoal.app.filestore.cluster_files import ClusterFiles
from shoal.app.filestore.service import FileService
from shoal.app.options import Shared

T = TypeVar("T")


def call_files(shared: Shared, work: Callable[[FileService], Awaitable[T]]) -> T:
    """Do `work` with the files of the cluster that was named. Raises: as `call_cluster`."""
    return calling.call_cluster(shared, lambda client: work(ClusterFiles(client)))
