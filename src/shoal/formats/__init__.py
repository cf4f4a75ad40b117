"""F2: bytes <-> model, one versioned file per layout; checked before writing and after reading."""
