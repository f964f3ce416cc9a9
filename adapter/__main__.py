"""`python -m adapter` is the same as `pluton-qingstor`."""

import sys

from adapter.cli import main

if __name__ == "__main__":
    sys.exit(main())
