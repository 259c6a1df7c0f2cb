"""The first line of a definition cell: a magic, or the comment ``# jk: asset NAME …`` that stands for it.

Knows text alone. The extension reads cells by it, and so do Tab and the command line.
"""

from __future__ import annotations

import difflib
import re
from typing import Final

WORDS: Final = ("asset", "op", "job", "check", "resource", "schedule", "sensor")
COMMENT: Final = r"#[ \t]*jk:[ \t]*"
"""What stands for ``%%`` in a comment, as a pattern."""
_HEADING: Final = re.compile(rf"{COMMENT}(?=(?:{'|'.join(WORDS)})\b)")
_MAGIC: Final = re.compile(rf"%%(?:{'|'.join(WORDS)})\b")
_NEARLY: Final = re.compile(r"#+\s*jk\b[\s:;,.=-]*(\w+)(.*)", re.IGNORECASE)


def as_magic(lines: list[str]) -> list[str]:
    """Return the lines of a cell, a heading of ours as the magic that it stands for.

    A magic without a body gets an empty one, for IPython would not ask us: not for ``--help``, nor what is missing.
    """
    found = _HEADING.match(lines[0]) if lines else None
    if found is not None:
        lines = [f"%%{lines[0][found.end() :]}", *lines[1:]]
    if lines and _MAGIC.match(lines[0]) and not "".join(lines[1:]).strip():
        return [f"{lines[0].rstrip()}\n", "\n"]
    return lines


def near_miss(text: str) -> str | None:
    """Return a sentence for a cell whose first line is nearly a heading of ours, None for any other."""
    first = text.lstrip().partition("\n")[0].rstrip()
    found = _NEARLY.match(first)
    if found is None or _HEADING.match(first):
        return None
    match = difflib.get_close_matches(found[1].lower(), WORDS, 1, 0.75)
    if not match:
        return None
    return f"`{first}` is a comment and defines nothing; a definition begins with `# jk: {match[0]}{found[2]}`."
