"""The options of the magics of backfills; a part of ``usages``."""

from __future__ import annotations

from typing import Final

from jobkernel.notebook.options import Option, Usage

_PER_RUN: Final = (
    Option(name="single-run", help="of several partitions: one run for each contiguous range", shape="flag"),
    Option(name="per-run", help="of several partitions: runs of at most so many that follow each other", metavar="N"),
)
OF_SEVERAL: Final = (
    Option(name="max-runs", help="of several partitions: at most so many runs at once", metavar="N"),
    *_PER_RUN,
)
OF_PARTITIONS: Final = (
    Option(
        name="partitions",
        help="its partitions: daily:2024-01-01, hourly:…, weekly:…, monthly:…, static:a,b, dynamic:NAME",
        metavar="daily:2024-01-01",
        completes="partitions",
    ),
    Option(
        name="mapping",
        help="which partitions of an input: same, all, last, -6..0, keys:a,b, dimension:NAME; may be repeated",
        shape="many",
        metavar="NAME=WHAT",
    ),
    *_PER_RUN,
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
    examples=("%jk backfill qwertzui", "%jk backfill qwertzui --retry", "%jk backfill handle"),
)
