"""F4: the coordinator: catalog, sessions, membership, over a metadata engine. Stateless but for what it heard."""
