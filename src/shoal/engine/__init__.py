"""F4, hands: metadata engines (memory, SQLite) behind `ports.engine`."""
