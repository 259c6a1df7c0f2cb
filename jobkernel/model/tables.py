"""Tables as metadata describes them: records, schemas and column lineage. Source: Dagster's ``metadata.table``.

Frozen records, checked once. Knows no table library; :mod:`jobkernel.model.metadata` wraps these as values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from jobkernel.errors import InvalidMetadata
from jobkernel.model.frozen import require, require_all
from jobkernel.model.keys import AssetKey
from jobkernel.records import dataclass

CELL_TYPES = (str, int, float, bool, type(None))
TEXT_OR_NONE = (str, type(None))


def _set(record: Any, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(record, name, value)


@dataclass(frozen=True, slots=True)
class TableRecord:
    """One row: column names to texts, numbers, booleans or None."""

    data: Mapping[str, str | int | float | bool | None]

    def __post_init__(self) -> None:
        require(self.data, Mapping, "TableRecord")
        for name, cell in self.data.items():
            require(name, str, "A column name of TableRecord")
            require(cell, CELL_TYPES, f"Column '{name}' of TableRecord")


@dataclass(frozen=True, slots=True)
class TableConstraints:
    """Rules about the table as a whole, in words."""

    other: Sequence[str]

    def __post_init__(self) -> None:
        require_all(self.other, str, "TableConstraints")


@dataclass(frozen=True, slots=True, init=False)
class TableColumnConstraints:
    """Rules about one column. Columns are nullable and not unique unless they say so."""

    nullable: bool
    unique: bool
    other: Sequence[str]

    def __init__(self, nullable: bool = True, unique: bool = False, other: Sequence[str] | None = None) -> None:
        rules = [] if other is None else other
        require(nullable, bool, "TableColumnConstraints nullable")
        require(unique, bool, "TableColumnConstraints unique")
        require_all(rules, str, "TableColumnConstraints other")
        _set(self, nullable=nullable, unique=unique, other=rules)


NO_COLUMN_RULES = TableColumnConstraints()
NO_TABLE_RULES = TableConstraints(other=[])


@dataclass(frozen=True, slots=True, init=False)
class TableColumn:
    """One column: its name, the word for its type, and what is known of it."""

    name: str
    type: str
    description: str | None
    constraints: TableColumnConstraints
    tags: Mapping[str, str]

    def __init__(
        self,
        name: str,
        type: str = "string",  # Dagster's parameter name
        description: str | None = None,
        constraints: TableColumnConstraints | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        rules = NO_COLUMN_RULES if constraints is None else constraints
        require(name, str, "TableColumn name")
        require(type, str, f"The type of column '{name}'")
        require(description, TEXT_OR_NONE, f"The description of column '{name}'")
        require(rules, TableColumnConstraints, f"The constraints of column '{name}'")
        _set(
            self,
            name=name,
            type=type,
            description=description,
            constraints=rules,
            tags={} if tags is None else tags,
        )


@dataclass(frozen=True, slots=True, init=False)
class TableSchema:
    """The columns of a table in order, and the rules about the table as a whole."""

    columns: Sequence[TableColumn]
    constraints: TableConstraints

    def __init__(self, columns: Sequence[TableColumn], constraints: TableConstraints | None = None) -> None:
        rules = NO_TABLE_RULES if constraints is None else constraints
        require_all(columns, TableColumn, "TableSchema")
        require(rules, TableConstraints, "TableSchema constraints")
        _set(self, columns=columns, constraints=rules)

    @staticmethod
    def from_name_type_dict(name_type_dict: Mapping[str, str]) -> TableSchema:
        """Return the schema of columns given as names and type words."""
        return TableSchema([TableColumn(name=name, type=word) for name, word in name_type_dict.items()])


def column_type_of(value: object) -> str:
    """Return the word for the type of a column that holds ``value``."""
    words = {bool: "bool", int: "int", float: "float"}
    return next((word for kind, word in words.items() if isinstance(value, kind)), "string")


def inferred_schema(record: TableRecord) -> TableSchema:
    """Return the schema that one row suggests."""
    return TableSchema.from_name_type_dict({name: column_type_of(cell) for name, cell in record.data.items()})


@dataclass(frozen=True, slots=True, init=False)
class TableColumnDep:
    """One column of an upstream asset that a column is made from."""

    asset_key: AssetKey
    column_name: str

    def __init__(self, asset_key: Any, column_name: str) -> None:
        _set(self, asset_key=AssetKey.from_coercible(asset_key), column_name=column_name)


@dataclass(frozen=True, slots=True)
class TableColumnLineage:
    """Column names to the upstream columns they are made from; kept sorted by key and column.

    Raises:
        InvalidMetadata: a column names the same upstream column twice.
    """

    deps_by_column: Mapping[str, Sequence[TableColumnDep]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.deps_by_column, Mapping, "TableColumnLineage")
        ordered = {column: _in_order(column, deps) for column, deps in self.deps_by_column.items()}
        _set(self, deps_by_column=ordered)


def _in_order(column: str, deps: Iterable[TableColumnDep]) -> list[TableColumnDep]:
    require(column, str, "A column name of TableColumnLineage")
    require_all(deps, TableColumnDep, f"The lineage of column '{column}'")
    ordered = sorted(deps, key=lambda dep: (dep.asset_key, dep.column_name))
    if len({(dep.asset_key, dep.column_name) for dep in ordered}) < len(ordered):
        raise InvalidMetadata(f"The lineage of column '{column}' names the same upstream column twice.")
    return ordered
