"""``python -m jobkernel.cli`` is the command ``jobkernel``."""

import sys

from jobkernel.cli.main import main

sys.exit(main())
