"""SQL as text: which tables a query names, and its form without comments, spacing and case of keywords.

Tables are found by sqlglot, loaded on first use; the normal form is our own, so that it does not change with sqlglot.
Knows no database. Used for ``--sql`` bodies and for queries written in Python bodies.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?\*/)
  | (?P<string>[eE]?'(?:[^']|'')*'|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<word>[^\W\d]\w*)
  | (?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<space>\s+)
  | (?P<operator><=|>=|<>|!=|::|->>|->|\|\||:=|=>|==|\*\*|//|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLAUSES: Final = frozenset({
    "anti", "asof", "cross", "except", "from", "full", "group", "having", "inner", "intersect", "join", "left",
    "limit", "natural", "offset", "on", "order", "pivot", "positional", "qualify", "right", "sample", "select",
    "semi", "union", "unpivot", "using", "values", "where", "window", "with",
})  # fmt: skip
_KEYWORDS: Final = _CLAUSES | {
    "all", "and", "any", "array", "as", "asc", "between", "bigint", "blob", "bool", "boolean", "both", "by",
    "case", "cast", "collate", "cube", "current", "date", "decimal", "default", "desc", "describe", "distinct",
    "double", "else", "end", "escape", "exclude", "exists", "extract", "false", "fetch", "filter", "first",
    "float", "following", "for", "glob", "grouping", "ignore", "ilike", "in", "int", "integer", "interval",
    "into", "is", "isnull", "last", "lateral", "leading", "like", "macro", "map", "materialized", "not",
    "notnull", "null", "nulls", "of", "only", "or", "ordinality", "outer", "over", "partition", "preceding",
    "range", "real", "recursive", "rename", "replace", "respect", "rollup", "row", "rows", "sets", "show",
    "similar", "smallint", "some", "struct", "summarize", "table", "text", "then", "ties", "time", "timestamp",
    "timestamptz", "tinyint", "to", "trailing", "true", "try_cast", "unbounded", "unnest", "uuid", "varchar",
    "when", "within", "without",
}  # fmt: skip
_NO_SPACE_BEFORE: Final = frozenset({",", ")", ".", "]", "::", ";"})
_NO_SPACE_AFTER: Final = frozenset({"(", ".", "[", "::", "$"})


def normalised_sql(text: str) -> str:
    """Return SQL without comments, with one spacing and keywords in lower case; names and texts stay as written."""
    parts: list[str] = []
    previous = ""
    tokens = [(m.lastgroup, m.group()) for m in _TOKEN.finditer(text) if m.lastgroup not in {"space", "comment"}]
    while tokens and tokens[-1][1] == ";":
        tokens.pop()
    for index, (kind, token) in enumerate(tokens):
        word = token
        if kind == "word":
            follows = tokens[index + 1][1] if index + 1 < len(tokens) else ""
            is_name = previous == "." or follows == "."
            if not is_name and (follows == "(" or token.lower() in _KEYWORDS):
                word = token.lower()
        parts.append(_separator(previous, word, kind) + word)
        previous = word
    return "".join(parts)


def _separator(previous: str, word: str, kind: str | None) -> str:
    if not previous or previous in _NO_SPACE_AFTER or word in _NO_SPACE_BEFORE:
        return ""
    if word == "(" and (previous[-1].isalnum() or previous[-1] == "_") and previous not in _KEYWORDS:
        return ""
    return "\n" if kind == "word" and word in _CLAUSES else " "


@lru_cache(maxsize=512)
def table_names(text: str) -> tuple[str, ...]:
    """Return the unqualified names that a query reads as tables, in order, without its CTEs and table functions.

    A text that cannot be read as DuckDB's SQL names none.
    """
    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError

    try:
        trees = parse(text, read="duckdb")
    except (SqlglotError, RecursionError):
        return ()
    names: dict[str, None] = {}
    for tree in trees:
        for table in tree.find_all(exp.Table) if tree is not None else ():
            if isinstance(table.this, exp.Identifier) and not table.args.get("db") and not _is_cte(table):
                names.setdefault(table.name)
    return tuple(names)


def _is_cte(table: Any) -> bool:
    """Whether a CTE that is visible at this table has its name: an earlier one, or itself where it is recursive."""
    from sqlglot import exp

    wanted = table.name.casefold()
    below, node = table, table.parent
    while node is not None:
        if isinstance(node, exp.With):
            visible = node.expressions[: below.index + bool(node.args.get("recursive"))]
            node = node.parent  # the query that the WITH belongs to shows its CTEs to its own body only
        else:
            clause = node.args.get("with_")
            visible = clause.expressions if clause is not None else []
        if any(cte.alias.casefold() == wanted for cte in visible):
            return True
        below, node = node, node.parent if node is not None else None
    return False
