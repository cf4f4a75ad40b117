"""F4, hands: chunk stores (segments, one file each, memory) behind `ports.chunk_store`."""
