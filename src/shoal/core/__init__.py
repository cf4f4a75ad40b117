"""F3: decisions. Sans-I/O machines (`handle(event, now) -> commands`) and pure rules; no clock, no disk, no network."""
