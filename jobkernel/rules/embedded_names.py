"""Names that a call hides in a string: shell commands, line magics, SQL, pandas' ``query``.

Looks at literal strings only. Knows the calls that IPython makes of ``!cmd`` and ``%magic``; called by the scope rules.
"""

from __future__ import annotations

import ast
import re
from typing import Final

_SQL_CALLS: Final = frozenset({"sql", "execute", "query"})
_PANDAS_CALLS: Final = frozenset({"query", "eval"})
_SQL_WORD: Final = re.compile(r"\b(?:from|join|into|update|table|pivot|summarize|describe)\b", re.IGNORECASE)
_PANDAS_VARIABLE: Final = re.compile(r"@([A-Za-z_]\w*)")
_SHELL_VARIABLE: Final = re.compile(r"\$\$|\{\{|\$(?P<name>[A-Za-z_]\w*)|\{(?P<expression>[^{}]+)\}")
_DOLLAR_NAME: Final = re.compile(r"\$[A-Za-z_]\w*")
_COMMANDS: Final = frozenset({"system", "getoutput"})
_TIMED: Final = frozenset({"time", "timeit", "prun", "mprun", "lprun", "memit"})
_OPTIONS: Final = re.compile(r"^(?:\s*-\w+(?:\s+\d+)?)*\s+(?=\S)")

Embedded = tuple[list[str], list[str], str | None]
"""Names read, names written, and a literal query."""

_NOTHING: Final[Embedded] = ([], [], None)


def names_in_call(node: ast.Call) -> Embedded:
    """Return the names that a call reads and writes through its literal strings, and the SQL text that it holds."""
    function = node.func
    if not isinstance(function, ast.Attribute) or not node.args:
        return _NOTHING
    texts = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
    if _is_shell(function.value):
        return _shell_names(function.attr, [text if isinstance(text, str) else "" for text in texts])
    first = texts[0]
    if not isinstance(first, str):
        return _NOTHING
    if function.attr in _SQL_CALLS and _SQL_WORD.search(first):
        return [], [], first
    if function.attr in _PANDAS_CALLS:
        return _PANDAS_VARIABLE.findall(first), [], None
    return _NOTHING


def _is_shell(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_ipython"


def _shell_names(method: str, texts: list[str]) -> Embedded:
    if method in _COMMANDS:
        return names_in_command(texts[0]), [], None
    if method == "run_line_magic" and len(texts) > 1:
        reads, writes = names_in_statement(texts[1]) if texts[0] in _TIMED else ([], [])
        return [*reads, *names_in_command(texts[1])], writes, None
    return _NOTHING


def names_in_command(command: str) -> list[str]:
    """Return the names that IPython would expand in a shell command: ``$name`` and ``{expression}``."""
    found: list[str] = []
    for match in _SHELL_VARIABLE.finditer(command):
        if match["name"]:
            found.append(match["name"])
        elif match["expression"]:
            found.extend(names_in_statement(match["expression"].partition("!r")[0])[0])
    return found


def shell_variables(tree: ast.AST) -> frozenset[str]:
    """Return the names that code has only as ``$name`` in shell commands, where they may be the shell's own."""
    dollars: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            others.add(node.id)
        elif isinstance(node, ast.Call) and (command := _command(node)) is not None:
            dollars.update(match["name"] for match in _SHELL_VARIABLE.finditer(command) if match["name"])
            others.update(names_in_command(_DOLLAR_NAME.sub("", command)))
    return frozenset(dollars - others)


def _command(node: ast.Call) -> str | None:
    """Return the literal shell command that a call runs; None for any other call."""
    function, first = node.func, node.args[0] if node.args else None
    if not isinstance(function, ast.Attribute) or function.attr not in _COMMANDS or not _is_shell(function.value):
        return None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def names_in_statement(text: str) -> tuple[list[str], list[str]]:
    """Return the names that Python text loads and stores; text that is no Python has none."""
    try:
        tree = ast.parse(_OPTIONS.sub("", text).strip())
    except SyntaxError:
        return [], []
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    writes = [node.id for node in names if isinstance(node.ctx, ast.Store)]
    return [node.id for node in names if isinstance(node.ctx, ast.Load)], writes
