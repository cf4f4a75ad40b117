"""Where the replicas of a chunk go: who may take one, in which order, spread over what can fail together."""
