"""The body of ``%%asset NAME --sql``: one DuckDB query over upstream values, run in a connection of its own.

Reads the query's tables and parameters when the cell is run, and runs it when the step is. Knows no registry.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from jobkernel.errors import Interrupted, InvalidDefinition, JobkernelError
from jobkernel.model.definitions import EMPTY
from jobkernel.notebook.body import Parameter
from jobkernel.notebook.body_call import PARAMS
from jobkernel.notebook.capture import ByReference, Launch
from jobkernel.notebook.cell_options import TableKind
from jobkernel.notebook.dependencies import Resolution
from jobkernel.notebook.query_stop import stopped_on_cancel
from jobkernel.records import dataclass
from jobkernel.rules.free_names import BodyNames
from jobkernel.rules.sql_text import normalised_sql, table_names

_QUERIES: Final = frozenset({"SELECT", "MULTI", "EXPLAIN", "CALL", "PRAGMA", "RELATION"})
_LINE: Final = re.compile(r"\n\s*LINE (\d+):.*", re.DOTALL)
_OF_FILES: Final = re.compile(r"[.*?:~\\]|^/")
"""What paths, globs and addresses of files have, and names of assets and variables have not."""
_NOT_IN_NAMES: Final = re.compile(r"\W")


class QueryFailed(JobkernelError):
    """A ``--sql`` body failed in DuckDB; the message is DuckDB's own, with the line of the cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlBody:
    """One query. ``tables`` are the unqualified names that it reads, ``query_params`` its ``$names``."""

    text: str
    filename: str
    first_line: int
    name: str
    as_: TableKind
    tables: tuple[str, ...]
    query_params: tuple[str, ...]
    names: BodyNames = field(default_factory=BodyNames)
    parameters: tuple[Parameter, ...] = ()
    resources: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    description: str | None = None
    takes_context: bool = True

    @property
    def free_names(self) -> tuple[str, ...]:
        """The names that may be assets: tables, and for ``"a/b"`` also the variable ``b``."""
        return tuple(dict.fromkeys(name for table in self.tables for name in (table, table.rpartition("/")[2])))

    @property
    def query_words(self) -> frozenset[str]:
        """Further names that may be assets: the tables in other cases, as DuckDB does not tell cases apart."""
        return frozenset(table.lower() for table in self.tables)

    @property
    def normalised(self) -> str:
        """The query without comments and formatting, and the kind of table that it gives."""
        return f"{normalised_sql(self.text)}\n-- as {self.as_}"

    @property
    def written(self) -> str:
        """The query as it was written, and the kind of table that it gives where that was chosen."""
        chosen = [] if self.as_ == "arrow" else [f"--as {self.as_}"]
        return "\n".join([*chosen, self.text.strip()])


def parse_sql_body(
    text: str,
    *,
    name: str | None,
    params: Collection[str] = (),
    as_: TableKind = "arrow",
    filename: str | None = None,
    first_line: int = 2,
) -> SqlBody:
    """Return the body of a ``--sql`` cell; ``params`` are the names of its ``--param``s.

    Raises:
        InvalidDefinition: no name, no query, a syntax error, several statements, or a statement that has no result.
    """
    if name is None:
        raise InvalidDefinition("%%asset --sql needs a name: '%%asset NAME --sql'.")
    statements = _statements(text, name, first_line)
    if not statements:
        raise InvalidDefinition(f"The body of asset '{name}' is empty: write one query, whose result is its value.")
    if len(statements) > 1:
        raise InvalidDefinition(
            f"The body of asset '{name}' holds {len(statements)} statements; keep one query, and make others assets of"
            " their own (or WITH clauses of this one)."
        )
    kind = statements[0].type.name
    if kind not in _QUERIES:
        raise InvalidDefinition(
            f"The value of asset '{name}' is the result of its query, and {kind} has none; write a SELECT."
        )
    used = tuple(sorted(statements[0].named_parameters))
    _refuse_unknown_params(used, params, name)
    return SqlBody(
        text=text, filename=filename or f"<asset {name}>", first_line=first_line, name=name, as_=as_,
        tables=table_names(text), query_params=used,
    )  # fmt: skip


def _statements(text: str, name: str, first_line: int) -> list[Any]:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        try:
            return list(connection.extract_statements(text))
        except duckdb.Error as error:
            raise InvalidDefinition(sentence_of(error, f"asset '{name}'", first_line)) from None


def _refuse_unknown_params(used: Iterable[str], params: Collection[str], name: str) -> None:
    for param in used:
        if param.isdecimal():
            raise InvalidDefinition(f"The query of asset '{name}' has the parameter ${param}; name it, as $limit.")
        if param not in params:
            raise InvalidDefinition(
                f"The query of asset '{name}' has the parameter ${param}; say what it is: --param {param}:int=10."
            )


def sentence_of(error: Exception, what: str, first_line: int) -> str:
    """Return DuckDB's message as one sentence, with the line of the cell where it says one."""
    text = str(error)
    found = _LINE.search(text)
    message = " ".join(text[: found.start()].split() if found else text.split())
    place = f", line {int(found[1]) + first_line - 1} of the cell" if found else ""
    return f"SQL of {what}{place}: {message}"


def resolve_sql(
    body: SqlBody,
    known: Mapping[str, str],
    *,
    ins: Mapping[str, str] = EMPTY,
    params: Collection[str] = (),
    infer: bool = True,
    namespace: Collection[str] = (),
) -> Resolution:
    """Return what the tables of a query are: ``ins``, assets by variable name or key, or notebook variables."""
    keys = {key: key for key in known.values()} | dict(known)
    folded = {name.casefold(): key for name, key in keys.items()} if infer else {}
    inputs, inferred, variables, shadowed = dict(ins), set[str](), [], []
    for table in body.tables:
        if table in ins:
            continue
        key = (keys.get(table) or folded.get(table.casefold())) if infer else None
        if key is not None and key != body.name:
            inputs[table] = key
            inferred.add(table)
            if table in namespace:
                shadowed.append(table)
        elif not _OF_FILES.search(table):
            variables.append(table)
    return Resolution(
        inputs=inputs, inferred=frozenset(inferred), params=tuple(params), variables=tuple(variables),
        shadowed=tuple(shadowed),
    )  # fmt: skip


def input_name(table: str) -> str:
    """Return the input name of a table: a Python name."""
    return _NOT_IN_NAMES.sub("_", table)


@dataclass(slots=True)
class SqlCall:
    """A query with the notebook variables that it names. Call it as an op's ``compute``, with the context first."""

    body: SqlBody
    tables: tuple[str, ...]
    scope: dict[str, Any]
    by_reference: tuple[ByReference, ...] = ()

    @classmethod
    def bound(cls, body: SqlBody, resolution: Resolution, launch: Launch) -> SqlCall:
        """Return the query over the notebook variables that it names, as they are now."""
        names = [name for name in resolution.variables if name in launch.namespace]
        scope = {name: launch.name(name) for name in names}
        used = tuple(launch.by_reference[name] for name in names if name in launch.by_reference)
        return cls(body, tuple(resolution.inputs), scope, used)

    def __reduce__(self) -> tuple[Any, ...]:
        from jobkernel.notebook.travel import packed, restored

        state = (self.body, self.tables, self.scope, self.by_reference)
        what = f"asset '{self.body.name}'"
        return restored, (type(self), packed(state, what=what, variables=self.scope, by_reference=self.by_reference))

    def __call__(self, context: Any = None, **given: Any) -> Any:
        """Run the query with inputs by their input names and parameters; return its result."""
        import duckdb

        params = {name: (given.get(PARAMS) or {})[name] for name in self.body.query_params}
        # names of our own frames must never be taken for tables
        with duckdb.connect(":memory:", config={"python_enable_replacements": "false"}) as connection:
            for table in self.tables:
                connection.register(table, self.as_table(table, given[input_name(table)]))
            for name, value in self.scope.items():
                connection.register(name, self.as_table(name, value))
            try:
                with stopped_on_cancel(connection, context):
                    return self.result(connection, params)
            except duckdb.InterruptException as error:
                raise Interrupted(f"The query of asset '{self.body.name}' was stopped.") from error
            except duckdb.Error as error:
                raise QueryFailed(self.explained(_placed(error, connection, self.body.text))) from error

    def explained(self, error: Exception) -> str:
        """Return DuckDB's message, and which table is neither an asset nor a variable where that is the reason."""
        sentence = sentence_of(error, f"asset '{self.body.name}'", self.body.first_line)
        unknown = [table for table in self.body.tables if table not in self.tables and table not in self.scope]
        named = [table for table in unknown if table in str(error)]
        if type(error).__name__ != "CatalogException" or not named:
            return sentence
        return f"{sentence.partition('! Did you mean')[0]}: '{named[0]}' is neither an asset nor a notebook variable."

    def result(self, connection: Any, params: dict[str, Any]) -> Any:
        relation = connection.sql(self.body.text, params=params or None)
        if self.body.as_ == "pandas":
            return relation.df()
        return relation.pl() if self.body.as_ == "polars" else relation.to_arrow_table()

    def as_table(self, name: str, value: Any) -> Any:
        """Return a value in a form that DuckDB reads as a table; of several partitions, all of their rows.

        Raises:
            QueryFailed: it is no table.
        """
        if _is_of_parts(value):
            return _together(value, name, self.body.name)
        if hasattr(value, "to_arrow_table"):
            return value.to_arrow_table()
        if isinstance(value, list | dict):
            return _arrow_of(value, name, self.body.name)
        if type(value).__module__.partition(".")[0] in _READABLE:
            return value
        raise QueryFailed(_no_table(name, value, self.body.name))


def _placed(error: Exception, connection: Any, text: str) -> Exception:
    """Return the error with its line: relations do not tell it, so a query that does not bind is explained."""
    import duckdb

    if isinstance(error, duckdb.BinderException | duckdb.CatalogException) and not _LINE.search(str(error)):
        try:
            connection.execute(f"EXPLAIN {text}")
        except duckdb.Error as again:
            placed: Exception = again
            return placed
    return error


_READABLE: Final = frozenset({"pandas", "polars", "pyarrow", "numpy"})


def _is_of_parts(value: Any) -> bool:
    """Whether a value is of several partitions: a dict of whole tables, where one of columns is a table itself."""
    return isinstance(value, dict) and bool(value) and all(map(_is_frame, value.values()))


def _is_frame(value: Any) -> bool:
    kind = type(value)
    return kind.__module__.partition(".")[0] in _READABLE and kind.__name__ in ("DataFrame", "Table")


def _together(parts: dict[str, Any], name: str, asset: str) -> Any:
    import pyarrow

    try:
        tables = [_arrow_of_frame(value) for value in parts.values()]
        return pyarrow.concat_tables(tables, promote_options="permissive")
    except pyarrow.ArrowException as error:
        raise QueryFailed(
            f"The query of asset '{asset}' reads {len(parts):,} partitions of '{name}', whose columns do not fit each"
            f" other: {error}"
        ) from error


def _arrow_of_frame(value: Any) -> Any:
    import pyarrow

    if hasattr(value, "to_arrow"):
        return value.to_arrow()
    return value if isinstance(value, pyarrow.Table) else pyarrow.Table.from_pandas(value, preserve_index=False)


def _arrow_of(value: Any, name: str, asset: str) -> Any:
    import pyarrow

    try:
        if isinstance(value, dict):
            return pyarrow.table(value)
        return pyarrow.Table.from_pylist(value)
    except (pyarrow.ArrowException, TypeError, AttributeError, ValueError) as error:
        raise QueryFailed(_no_table(name, value, asset)) from error


def _no_table(name: str, value: Any, asset: str) -> str:
    kind = type(value)
    written = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return (
        f"The query of asset '{asset}' reads '{name}', which is a {written}; a table is pandas, polars, Arrow, numpy, a"
        " list of dicts or a dict of columns."
    )
