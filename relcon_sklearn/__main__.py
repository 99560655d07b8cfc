"""Commands: ``python -m relcon_sklearn --help``. Without one, versions are printed."""

import sys

from ._command import main

if __name__ == "__main__":
    sys.exit(main())
