"""The cells that this notebook's definitions need: those that define, and those that make the names they use.

Kept in the project's history as they run, so that a later kernel can run just them (``%jk restore``), and a headless
one without the notebook (``%jk pin``). Knows cells by their text; runs none.
"""

from __future__ import annotations

import ast
import hashlib
import re
import symtable
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from types import ModuleType
from typing import Any, Final, NamedTuple

from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.notebook.cell_order import OrderedCell, Place, run_order
from jobkernel.notebook.defining_source import DEFINING, defining_source
from jobkernel.records import dataclass
from jobkernel.rules.free_names import BUILTINS, names_of
from jobkernel.storage.history import History

CELL: Final = "cell"
"""The kind under which the history keeps a cell among the definitions."""
_WORDS: Final = frozenset({"get_ipython", "display", "context"})


@dataclass(slots=True)
class RanCell:
    """A cell that ran: what it defines, the names it makes or changes, and those it reads from before.

    ``late`` are those that its functions read: what they are when they are called counts, not when the cell ran.
    """

    key: str
    text: str
    ran_us: int
    number: int
    defines: tuple[Place, ...] = ()
    binds: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The cells that a notebook's definitions need, in an order to run them, and which names none of them makes."""

    cells: tuple[RanCell, ...]
    unmade: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def definitions(self) -> list[Place]:
        """What they define."""
        return sorted({place for cell in self.cells for place in cell.defines})

    @property
    def digest(self) -> str:
        """A hash of what they do: it changes when one of them does, and not when one has just run again."""
        text = "\0".join(sorted(defining_source(cell.text) or "" for cell in self.cells))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class KeptCells:
    """The cells of one kernel that ran well, newest text of each."""

    def __init__(self, history: History, notebook: str | None, now_us: Callable[[], int]) -> None:
        self._history = history
        self._notebook = notebook
        self._now_us = now_us
        self._ran: dict[str, RanCell] = {}
        self._kept: dict[str, tuple[str, tuple[Place, ...], tuple[str, ...]]] = {}
        self._earlier: dict[str, set[Place]] | None = None

    def note(
        self,
        text: str,
        *,
        cell_id: str | None,
        number: int,
        defines: Iterable[Place],
        transform: Callable[[str], str],
        namespace: Mapping[str, Any],
        entries: Iterable[Place],
    ) -> None:
        """Take in a cell that ran without an error; keep in the history what changed of what is needed.

        ``entries`` are all definitions that stand now.
        """
        key = cell_id or hashlib.sha256(text.encode()).hexdigest()[:12]
        names = names_in_cell(text, transform, namespace)
        cell = RanCell(key, text, self._now_us(), number, tuple(defines), names.binds, names.reads, names.late)
        for other in self._ran.values():  # another cell defines it now
            other.defines = tuple(place for place in other.defines if place not in cell.defines)
        if cell.defines or cell.binds:
            self._ran.pop(key, None)
            self._ran[key] = cell
        self._keep(set(entries), namespace)

    def snapshot(self, entries: Iterable[Place], namespace: Mapping[str, Any]) -> Snapshot:
        """Return the cells that the standing definitions need."""
        standing = set(entries)
        chosen: dict[str, RanCell] = {}
        unmade: dict[str, set[str]] = {}
        makers = self._makers()
        pending: list[RanCell] = []
        for cell in self._ran.values():
            if standing.intersection(cell.defines):
                chosen[cell.key] = cell
                pending.append(cell)
        while pending:
            cell = pending.pop()
            needs = []
            for name in sorted(cell.reads):
                found = _makers_of(name, cell, makers.get(name, ()))
                if not found and name in namespace and not isinstance(namespace[name], ModuleType):
                    unmade.setdefault(name, set()).update(each for _, each in cell.defines)
                for maker in found:
                    needs.append(maker.key)
                    if maker.key not in chosen:
                        chosen[maker.key] = maker
                        pending.append(maker)
            cell.needs = tuple(dict.fromkeys(needs))
        as_they_ran = sorted(chosen.values(), key=lambda cell: cell.ran_us)
        order = run_order(OrderedCell(cell.key, cell.defines, cell.needs) for cell in as_they_ran)
        return Snapshot(
            cells=tuple(chosen[key] for key in order),
            unmade={name: tuple(sorted(users)) for name, users in unmade.items()},
        )

    def _makers(self) -> dict[str, list[RanCell]]:
        """Return the cells that make or change each name, newest first."""
        found: dict[str, list[RanCell]] = {}
        for cell in reversed(list(self._ran.values())):
            for name in cell.binds:
                found.setdefault(name, []).append(cell)
        return found

    def _keep(self, entries: set[Place], namespace: Mapping[str, Any]) -> None:
        snapshot = self.snapshot(entries, namespace)
        now = self._now_us()
        wanted = {cell.key: cell for cell in snapshot.cells}
        for key, cell in wanted.items():
            state = (cell.text, cell.defines, cell.needs)
            if self._kept.get(key) != state:
                self._kept[key] = state
                self._history.emit(Event(ev.CELL_KEPT, None, None, now, self._body(cell)))
        if self._earlier is None:
            self._earlier = {row["options"]["key"]: _places(row) for row in self.known()}
        for key in [*(key for key in self._kept if key not in wanted), *self._replaced(wanted)]:
            self._kept.pop(key, None)
            body = {"kind": CELL, "name": self._name(key), "notebook": self._notebook}
            self._history.emit(Event(ev.CELL_FORGOTTEN, None, None, now, body))

    def _replaced(self, wanted: Mapping[str, RanCell]) -> list[str]:
        """Take out cells of earlier kernels all of whose definitions stand in other cells by now."""
        earlier = self._earlier or {}
        here = {place for cell in wanted.values() for place in cell.defines}
        found = [key for key, places in earlier.items() if places and places <= here and key not in self._ran]
        for key in [*found, *wanted]:
            earlier.pop(key, None)
        return found

    def _body(self, cell: RanCell) -> dict[str, Any]:
        options = {"key": cell.key, "ran_us": cell.ran_us, "number": cell.number, "defines": cell.defines}
        return {
            "kind": CELL,
            "name": self._name(cell.key),
            "notebook": self._notebook,
            "source": defining_source(cell.text),
            "options": options,
            "deps": list(cell.needs),
        }

    def _name(self, key: str) -> str:
        return f"{self._notebook or 'notebook'}#{key}"

    def has_run(self, key: str) -> bool:
        """Whether a cell of this key ran in this kernel."""
        return key in self._ran

    def known(self) -> list[dict[str, Any]]:
        """Return the cells that the history keeps of this notebook, in the order they last ran."""
        rows = self._history.query("cells_of", notebook=self._notebook)
        return sorted(rows, key=lambda row: row["options"]["ran_us"])


class CellNames(NamedTuple):
    """What a cell does with names of the notebook."""

    binds: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()


def _makers_of(name: str, reader: RanCell, newest_first: Iterable[RanCell]) -> list[RanCell]:
    """Return the last cell that makes a name anew, and those after it that only change it.

    A definition and a function use what a name is at the end; other code what it was when the cell ran, where a cell
    that made it then has not run again since.
    """
    others = [cell for cell in newest_first if cell is not reader]
    is_late = bool(reader.defines) or name in reader.late
    before = others if is_late else [cell for cell in others if cell.ran_us <= reader.ran_us]
    found: list[RanCell] = []
    for cell in before or others:
        found.append(cell)
        if name not in cell.reads:
            break
    return found


def _places(row: Mapping[str, Any]) -> set[Place]:
    return {(kind, name) for kind, name in row["options"]["defines"]}


def names_in_cell(text: str, transform: Callable[[str], str], namespace: Mapping[str, Any]) -> CellNames:
    """Return the names that a cell makes or changes in the notebook, and those that it reads from before.

    A definition cell makes none; it reads what its body reads, and the words of its magic line and its queries.
    """
    if DEFINING.match(text):
        first, _, body = text.lstrip("\n").partition("\n")
        words = _identifiers(first)
        tree = _parsed(body, transform)
        read = {*_reads(tree), *_read_inside(body, transform)} if tree is not None else _identifiers(body)
        return CellNames(reads=frozenset(read | (words & namespace.keys())) - BUILTINS - _WORDS)
    tree = _parsed(defining_source(text) or "", transform)
    if tree is None:
        return CellNames()
    names = names_of(tree)
    changed = _changed(tree, namespace)
    made = names.writes | names.imports
    inside = _read_inside(text, transform) - made
    reads = {*_reads(tree), *changed, *inside} - BUILTINS - _WORDS
    return CellNames(frozenset(made | changed), frozenset(reads), frozenset(inside))


def _read_inside(text: str, transform: Callable[[str], str]) -> set[str]:
    """Return the names that functions and classes of a cell read from the notebook, called or not."""
    found: set[str] = set()
    pending = list(symtable.symtable(transform(defining_source(text) or ""), "<cell>", "exec").get_children())
    while pending:
        table = pending.pop()
        pending += table.get_children()
        found |= {each.get_name() for each in table.get_symbols() if each.is_global() and each.is_referenced()}
    return found


def _parsed(text: str, transform: Callable[[str], str]) -> ast.Module | None:
    try:
        return ast.parse(transform(text))
    except SyntaxError:
        return None


def _reads(tree: ast.Module) -> set[str]:
    names = names_of(tree)
    in_queries = {word for query in names.queries for word in _identifiers(query.text)}
    return {*names.reads, *in_queries}


def _identifiers(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", text))


def _changed(tree: ast.Module, namespace: Mapping[str, Any]) -> set[str]:
    """Return the names whose things a cell changes in place: by items, attributes, and calls for their effect."""
    found: set[str] = set()
    last = tree.body[-1] if tree.body else None
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                found |= _base(node)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            base = _base(statement.value.func)
            is_module = any(isinstance(namespace.get(name), ModuleType) for name in base)
            if statement is not last or is_module:
                found |= base if isinstance(statement.value.func, ast.Attribute) else set()
    return found


def _base(node: ast.AST) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()
