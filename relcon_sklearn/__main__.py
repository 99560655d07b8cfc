"""Commands: ``python -m relcon_sklearn timeline FILE... --model FILE --out FOLDER``."""

import sys

from ._command import main

if __name__ == "__main__":
    sys.exit(main())
