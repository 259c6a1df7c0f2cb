"""``python -m jobkernel`` is the command ``jobkernel``."""

import sys

from jobkernel.cli.main import main

sys.exit(main())
