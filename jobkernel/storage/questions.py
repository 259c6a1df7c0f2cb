"""The named questions of ``queries.sql``: read once, asked by name with plain values.

Knows how parameters and bounds are filled in and which columns are JSON; knows no socket.
"""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from jobkernel.errors import HistoryError, did_you_mean
from jobkernel.records import dataclass
from jobkernel.storage.encoding import rows_as_dicts
from jobkernel.storage.run_bounds import STILL_OPEN
from jobkernel.storage.store import Store, sentences

if TYPE_CHECKING:
    import duckdb

LOOK_BACK = 20
"""A filtered question for n runs looks first among the latest n times this."""


@dataclass(frozen=True, slots=True)
class Question:
    """One named query: its text, the values it takes, and those a caller may leave out."""

    name: str
    text: str
    parameters: frozenset[str]
    defaults: dict[str, Any]
    details: tuple[str, ...]
    """The columns that the column "details" is taken apart into."""


class Answer(NamedTuple):
    """Rows as they travel: column names, which columns are JSON text, and the rows."""

    columns: list[str]
    json_columns: list[int]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """Return one dict a row, JSON parsed."""
        return rows_as_dicts(self.columns, self.json_columns, self.rows)


BOUNDS = frozenset({"floor_seq", "first_seq", "last_seq"})


@functools.cache
def questions() -> dict[str, Question]:
    """Return every named query."""
    script = resources.files("jobkernel.storage").joinpath("queries.sql").read_text("utf-8")
    header = r"^-- name: (\w+)\n-- defaults: (.*)\n(?:-- details: (.*)\n)?"
    parts = re.split(header, script, flags=re.MULTILINE)[1:]
    found = zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=True)
    return {
        name: Question(
            name,
            text.strip(),
            frozenset(re.findall(r"\$(\w+)", text)),
            json.loads(defaults),
            tuple((details or "").split()),
        )
        for name, defaults, details, text in found
    }


def ask(store: Store, cursor: duckdb.DuckDBPyConnection, name: str, given: dict[str, Any]) -> Answer:
    """Answer one named question. Raises :class:`HistoryError` for a name or a parameter that does not exist."""
    question = questions().get(name)
    if question is None:
        raise HistoryError(f"The history answers no question named '{name}'.{did_you_mean(name, questions())}")
    values = _values(store, question, given)
    answer = _run(store, cursor, question, values)
    counts_rows = question.text.endswith("limit $limit")
    if counts_rows and values.get("floor_seq") and len(answer.rows) < values["limit"]:
        return _run(store, cursor, question, values | {"floor_seq": 0})
    return answer


def _values(store: Store, question: Question, given: dict[str, Any]) -> dict[str, Any]:
    values = question.defaults | given
    wanted = question.parameters - BOUNDS
    needed = wanted | ({"run_id"} if question.parameters & {"first_seq", "last_seq"} else set())
    if unknown := set(given) - needed:
        raise HistoryError(f"'{question.name}' takes no {', '.join(sorted(unknown))}.")
    if missing := needed - set(values):
        raise HistoryError(f"'{question.name}' needs {', '.join(sorted(missing))}.")
    if "floor_seq" in question.parameters:
        filtered = any(value is not None for word, value in values.items() if word != "limit")
        values["floor_seq"] = store.bounds.floor(values["limit"] * (LOOK_BACK if filtered else 1))
    if "first_seq" in question.parameters:
        values["first_seq"], last_seq = store.bounds.of(values["run_id"])
        values["last_seq"] = last_seq if "last_seq" in question.parameters else STILL_OPEN
    return {word: value for word, value in values.items() if word in question.parameters}


def _run(store: Store, cursor: duckdb.DuckDBPyConnection, question: Question, values: dict[str, Any]) -> Answer:
    with sentences(store.path):
        cursor.execute(question.text, values or None)
        described = cursor.description or []
        rows = cursor.fetchall()
    columns = [column[0] for column in described]
    if question.details:
        return Answer([*columns[:-1], *question.details], [], [_taken_apart(row, question.details) for row in rows])
    return Answer(columns, [place for place, column in enumerate(described) if str(column[1]) == "JSON"], rows)


def _taken_apart(row: tuple[Any, ...], names: tuple[str, ...]) -> tuple[Any, ...]:
    details = json.loads(row[-1])
    return (*row[:-1], *[details.get(name) for name in names])
