"""F4: the node: takes, forwards, keeps and serves replicas of one volume."""
