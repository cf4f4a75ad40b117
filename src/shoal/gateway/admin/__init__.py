"""`shoal.v1.Admin`: how the cluster is, over gRPC, one call per module."""
