"""F0: ids, units, digests, errors, the Env protocols and `check()`. Imports nothing of Shoal."""
