"""Build the front end only where its built files are absent, or when JOBKERNEL_BUILD_JS=1 asks for it.

The built files are committed, so an install from a checkout needs no Node. Hatch's stock hook goes by file times,
which a fresh clone sets in checkout order, and so would rebuild there.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = ["jobkernel/labextension/package.json", "jobkernel/static/widget.js"]


class FrontEndHook(BuildHookInterface):
    """Make the front end's built files before they are packed."""

    def initialize(self, version, build_data):
        """Build where something is missing; refuse in a sentence where Node is not there to do it."""
        root = Path(self.root)
        if all((root / path).is_file() for path in BUILT) and os.environ.get("JOBKERNEL_BUILD_JS") != "1":
            return
        environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        if not shutil.which("node", path=environment["PATH"]):
            raise RuntimeError("Building the front end needs Node 20 or newer; install it, or a released wheel.")
        for command in (["jlpm", "install", "--immutable"], ["jlpm", "build:prod"]):
            program = shutil.which(command[0], path=environment["PATH"])
            subprocess.run([program, *command[1:]], cwd=root / "labextension", env=environment, check=True)
