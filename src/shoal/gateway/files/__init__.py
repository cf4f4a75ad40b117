"""`filestore.FileStore`: files over gRPC, one call per module."""
