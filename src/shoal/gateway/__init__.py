"""F5, gateway: doors, each an outside protocol answered by calls of a client of the cluster."""
