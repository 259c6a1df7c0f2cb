"""What of a cell's text defines, without what it runs or shows. Pure text; for kernels that only define."""

from __future__ import annotations

import ast
import re
from typing import Final

from jobkernel.notebook.heading import COMMENT, WORDS

DEFINING: Final = re.compile(rf"\s*(%%|{COMMENT})({'|'.join(WORDS)})\b")
RUNS_ASSET: Final = re.compile(r"\s(--run|-r)(?=\s|$)")
ACTS: Final = re.compile(r"^\s*(\w+\s*=\s*)?%(materialize|launch|runs|logs|graph|why|jk(?!\s+use\b))\b.*$")
STATEMENTS: Final = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.With, ast.If, ast.For, ast.Try,
)  # fmt: skip


def defining_source(source: str) -> str | None:
    """Return what a cell does to define things, without what it runs or shows; None where nothing is left.

    ``%%asset`` and its kin stay, without ``--run``; ``%materialize``, ``%launch`` and what shows are left out; plain
    Python stays where it imports, defines or assigns.
    """
    if DEFINING.match(source):
        first, _, rest = source.lstrip("\n").partition("\n")
        return f"{RUNS_ASSET.sub('', first)}\n{rest}"
    if source.lstrip().startswith("%%"):
        return None
    lines = [line for line in source.splitlines() if not ACTS.match(line)]
    return "\n".join(lines) if _defines(lines) else None


def _defines(lines: list[str]) -> bool:
    """Say whether anything but looking is left: a magic, or a statement that is not a bare expression."""
    if any(line.lstrip().startswith("%") for line in lines):
        return True
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return bool(lines)
    return any(isinstance(statement, STATEMENTS) for statement in tree.body)
