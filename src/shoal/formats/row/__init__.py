"""How a value lies in an engine that keeps bytes: sealed, so that rot is an error and never a wrong row."""

from shoal.formats.row.v1 import VALUE_BYTES_EXTRA, open_row, seal_row

__all__ = ["VALUE_BYTES_EXTRA", "open_row", "seal_row"]
