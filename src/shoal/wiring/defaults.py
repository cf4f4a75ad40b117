"""Where a cluster is looked for if nobody says; apart, because help texts show it and must load nothing else."""

from pathlib import Path

DEFAULT_DATA = Path("shoal-data")
