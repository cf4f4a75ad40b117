"""`python -m shoal.testing.deletion`: explore every cluster and every mutant, and say which way each went."""

import sys

from shoal.testing.deletion.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
