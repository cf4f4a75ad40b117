"""`shoal demo`: a cluster of processes, a file, and what may happen to both."""
