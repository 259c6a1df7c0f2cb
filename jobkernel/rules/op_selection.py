"""Read op and step selections (``*build++``) and say which ops or steps they select.

Source of the language: Dagster's op selection. Knows names and a graph only. Subset plans, re-execution and
the older form of asset selections ask it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from jobkernel.errors import InvalidSubset, UnknownName, did_you_mean
from jobkernel.model.definitions import EMPTY
from jobkernel.records import dataclass
from jobkernel.rules.graph import Graph

CLAUSE = re.compile(r"(?P<up>\*?\+*)(?P<name>[./\w\[\]?-]+)(?P<down>\+*\*?)")


@dataclass(frozen=True, slots=True)
class Clause:
    """One name and how far to go from it: 0 not at all, None without limit."""

    up: int | None
    name: str
    down: int | None


def clause_of(text: str) -> Clause | None:
    """Return what a clause such as ``*build++`` says, or None where the text is no clause."""
    match = CLAUSE.fullmatch(text.strip())
    if match is None:
        return None
    return Clause(_reach(match["up"]), match["name"], _reach(match["down"]))


def _reach(signs: str) -> int | None:
    return None if "*" in signs else len(signs)


def select_ops(graph: Graph, selection: Sequence[str]) -> set[str]:
    """Return the ops that a list of clauses selects: the union; ``["*"]`` alone is everything.

    Raises:
        InvalidSubset: one clause names no op of the graph, or is none; it spoils the list.
    """
    if list(selection) == ["*"]:
        return set(graph.keys)
    selected: set[str] = set()
    for text in selection:
        selected |= _selected_by(graph, text)
    return selected


def select_steps(graph: Graph, selection: Sequence[str], called: Mapping[str, str] = EMPTY) -> set[str]:
    """Return the steps that a list of clauses selects; every unknown step is named in the error.

    ``called`` are further names of steps, each with the step's key; where there are some, errors speak them.

    Raises:
        UnknownName: clauses name steps that the graph does not hold.
        InvalidSubset: a text is no clause.
    """
    selection = [_by_key(text, called) for text in selection]
    clauses = [clause for clause in map(clause_of, selection) if clause is not None]
    unknown = [clause.name for clause in clauses if clause.name not in graph]
    if unknown:
        named = set(called.values())
        raise UnknownName(_unknown_steps(unknown, [*called, *(key for key in graph.keys if key not in named)]))
    return set().union(*(_selected_by(graph, text) for text in selection))


def _by_key(text: str, called: Mapping[str, str]) -> str:
    clause = clause_of(text)
    return text if clause is None or clause.name not in called else text.replace(clause.name, called[clause.name], 1)


def _selected_by(graph: Graph, text: str) -> set[str]:
    clause = clause_of(text)
    if clause is None:
        raise InvalidSubset(f"'{text}' selects nothing; write a name, with * or + before or after it.")
    if clause.name not in graph:
        remedy = did_you_mean(clause.name, graph.keys)
        raise InvalidSubset(f"'{text}' selects nothing: there is no '{clause.name}' here.{remedy}")
    above = graph.upstream([clause.name], depth=clause.up)
    return {clause.name} | above | graph.downstream([clause.name], depth=clause.down)


def _unknown_steps(unknown: list[str], known: Iterable[str]) -> str:
    names = ", ".join(f"'{name}'" for name in unknown)
    several = "steps" if len(unknown) > 1 else "step"
    return f"The selection names unknown {several} {names}.{did_you_mean(unknown[0], known)}"
