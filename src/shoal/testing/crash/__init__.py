"""Power loss, exhaustively: all that a cut can leave of a disk, recovered and judged by the product's own code."""
