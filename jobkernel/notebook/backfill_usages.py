"""The options of the magics of backfills; a part of ``usages``."""

from __future__ import annotations

from typing import Final

from jobkernel.notebook.options import Option, Usage

OF_SEVERAL: Final = (
    Option(name="max-runs", help="of several partitions: at most so many runs at once", metavar="N"),
    Option(name="single-run", help="of several partitions: one run for each contiguous range", shape="flag"),
)
BACKFILLS: Final = Usage(
    magic="%jk backfills",
    about="The backfills of this project, newest first.",
    options=(Option(name="limit", help="how many (20)", metavar="N"),),
    examples=("%jk backfills",),
)
BACKFILL: Final = Usage(
    magic="%jk backfill",
    about="One backfill: how far it is and what failed; cancel it, retry, or go on after its kernel died.",
    positional=("backfill",),
    options=(
        Option(name="cancel", help="launch nothing more and cancel what runs", shape="flag"),
        Option(name="retry", help="run again what failed, was left out or canceled", shape="flag"),
        Option(name="resume", help="go on with what a kernel that is gone had not launched", shape="flag"),
    ),
    examples=("%jk backfill qwertzui", "%jk backfill qwertzui --retry"),
)
