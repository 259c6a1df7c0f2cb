"""The ``jobkernel`` command: the demo, jobs of notebooks without a front end, and the history from a terminal.

Parses, calls what does the work, prints text: tables and a progress bar in a terminal, plain lines elsewhere. Errors
are one sentence on stderr and exit code 2. Times are UTC, and say so.
"""

from jobkernel.cli.main import COMMANDS, main

__all__ = ["COMMANDS", "main"]
