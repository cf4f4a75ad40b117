"""The JSON-lines door: JSON values on a TCP stream, one reply for each; made for `nc` (docs/jsonl.md)."""
