"""F6: the real Env; roles joined with hands; the doors of the SDK."""
