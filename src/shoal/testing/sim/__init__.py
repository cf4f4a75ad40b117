"""The simulated world: a disk that loses what was not synced, time that jumps, and everything from one seed."""
