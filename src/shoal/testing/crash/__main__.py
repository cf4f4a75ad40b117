"""`python -m shoal.testing.crash`: cut the power in as many states as asked for, and say what was lost."""

import sys

from shoal.testing.crash.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
