"""The kinds of metadata: one frozen class each, made by :class:`MetadataValue`'s constructors.

Source: Dagster's ``MetadataValue`` (names, fields, defaults, refusals). Knows nothing of JSON forms and screens;
:mod:`jobkernel.model.metadata` does, and is where everybody imports from.
"""

from __future__ import annotations

import builtins
import json as json_text
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, cast

from jobkernel.errors import InvalidMetadata
from jobkernel.model.keys import AssetKey
from jobkernel.model.tables import (
    TableColumn,
    TableColumnLineage,
    TableRecord,
    TableSchema,
    require,
    require_all,
)

ValueType = TypeVar("ValueType", covariant=True)
_TEXT_OR_NONE = (str, type(None))


class MetadataValue(Generic[ValueType]):
    """One value attached to an asset, an output, a check or an event, of a kind that a screen knows to show.

    The constructors refuse what is not of their kind with :class:`~jobkernel.errors.InvalidMetadata`.
    """

    __slots__ = ()
    kind: ClassVar[builtins.str] = ""
    _field: ClassVar[builtins.str] = "value"
    _takes: ClassVar[tuple[type, ...]] = ()

    def __post_init__(self) -> None:
        require(getattr(self, self._field), self._takes, f"MetadataValue.{self.kind}")

    @property
    def value(self) -> ValueType:
        """The wrapped value."""
        held: Any = getattr(self, self._field)
        return cast("ValueType", "" if held is None else held)

    @staticmethod
    def text(text: str | None) -> TextMetadataValue:
        """A text."""
        return TextMetadataValue(text)

    @staticmethod
    def url(url: str | None) -> UrlMetadataValue:
        """An address, shown as a link."""
        return UrlMetadataValue(url)

    @staticmethod
    def path(path: str | os.PathLike[str] | None) -> PathMetadataValue:
        """The path of a file or folder."""
        return PathMetadataValue(path)

    @staticmethod
    def notebook(path: str | os.PathLike[str] | None) -> NotebookMetadataValue:
        """The path of a notebook."""
        return NotebookMetadataValue(path)

    @staticmethod
    def json(data: Sequence[Any] | Mapping[str, Any] | None) -> JsonMetadataValue:
        """A list or mapping that JSON can hold."""
        return JsonMetadataValue(data)

    @staticmethod
    def md(data: str | None) -> MarkdownMetadataValue:
        """A text in Markdown."""
        return MarkdownMetadataValue(data)

    @staticmethod
    def python_artifact(python_artifact: Callable[..., Any]) -> PythonArtifactMetadataValue:
        """The module and name of a function or class."""
        if not callable(python_artifact):
            raise InvalidMetadata(f"MetadataValue.python_artifact takes a function or class, not {python_artifact!r}.")
        return PythonArtifactMetadataValue(python_artifact.__module__, python_artifact.__name__)

    @staticmethod
    def float(value: builtins.float | None) -> FloatMetadataValue:
        """A floating-point number."""
        return FloatMetadataValue(value)

    @staticmethod
    def int(value: builtins.int | None) -> IntMetadataValue:
        """A whole number."""
        return IntMetadataValue(value)

    @staticmethod
    def bool(value: builtins.bool | None) -> BoolMetadataValue:
        """True or False."""
        return BoolMetadataValue(value)

    @staticmethod
    def timestamp(value: builtins.float | datetime) -> TimestampMetadataValue:
        """An instant: seconds since the epoch as a float, or a datetime with a timezone."""
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise InvalidMetadata(
                    f"MetadataValue.timestamp needs a datetime with a timezone; {value.isoformat()} has none."
                )
            return TimestampMetadataValue(value.timestamp())
        return TimestampMetadataValue(value)

    @staticmethod
    def dagster_run(run_id: str) -> DagsterRunMetadataValue:
        """A run, by its id."""
        return DagsterRunMetadataValue(run_id)

    @staticmethod
    def asset(asset_key: AssetKey) -> DagsterAssetMetadataValue:
        """An asset, by its key."""
        return DagsterAssetMetadataValue(asset_key)

    @staticmethod
    def job(job_name: str, location_name: str, *, repository_name: str | None = None) -> DagsterJobMetadataValue:
        """A job, by its name and code location."""
        return DagsterJobMetadataValue(job_name, location_name, repository_name)

    @staticmethod
    def table(records: Sequence[TableRecord], schema: TableSchema | None = None) -> TableMetadataValue:
        """Rows of a table; the schema is inferred from the first row where it is not given."""
        return TableMetadataValue(records, schema)

    @staticmethod
    def table_schema(schema: TableSchema) -> TableSchemaMetadataValue:
        """The columns of a table."""
        return TableSchemaMetadataValue(schema)

    @staticmethod
    def column_lineage(lineage: TableColumnLineage) -> TableColumnLineageMetadataValue:
        """Which upstream columns each column is made from."""
        return TableColumnLineageMetadataValue(lineage)

    @staticmethod
    def null() -> NullMetadataValue:
        """Nothing, as a value."""
        return NullMetadataValue()

    @staticmethod
    def pool(pool: str) -> PoolMetadataValue:
        """A concurrency pool, by its name."""
        return PoolMetadataValue(pool)


@dataclass(frozen=True, slots=True)
class TextMetadataValue(MetadataValue[str]):
    """A text."""

    kind: ClassVar[str] = "text"
    _takes: ClassVar[tuple[type, ...]] = _TEXT_OR_NONE
    _field: ClassVar[str] = "text"
    text: str | None = ""  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class UrlMetadataValue(MetadataValue[str]):
    """An address."""

    kind: ClassVar[str] = "url"
    _takes: ClassVar[tuple[type, ...]] = _TEXT_OR_NONE
    _field: ClassVar[str] = "url"
    url: str | None = ""  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class MarkdownMetadataValue(MetadataValue[str]):
    """A text in Markdown."""

    kind: ClassVar[str] = "md"
    _takes: ClassVar[tuple[type, ...]] = _TEXT_OR_NONE
    _field: ClassVar[str] = "md_str"
    md_str: str | None = ""


@dataclass(frozen=True, slots=True, init=False)
class _FileMetadataValue(MetadataValue[str]):
    _field: ClassVar[str] = "fspath"
    fspath: str

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        require(path, (str, os.PathLike, type(None)), f"MetadataValue.{self.kind}")
        object.__setattr__(self, "fspath", "" if path is None else os.fspath(path))

    @property
    def path(self) -> str:  # type: ignore[override]
        """The wrapped path."""
        return self.fspath


@dataclass(frozen=True, slots=True, init=False)
class PathMetadataValue(_FileMetadataValue):
    """The path of a file or folder."""

    kind: ClassVar[str] = "path"


@dataclass(frozen=True, slots=True, init=False)
class NotebookMetadataValue(_FileMetadataValue):
    """The path of a notebook."""

    kind: ClassVar[str] = "notebook"


@dataclass(frozen=True, slots=True, init=False)
class JsonMetadataValue(MetadataValue[Sequence[Any] | Mapping[str, Any] | None]):
    """A list or mapping, as JSON gives it back."""

    kind: ClassVar[str] = "json"
    data: Sequence[Any] | Mapping[str, Any] | None

    def __init__(self, data: Sequence[Any] | Mapping[str, Any] | None) -> None:
        try:
            kept = json_text.loads(json_text.dumps(data))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidMetadata(f"The value cannot be written as JSON: {error}.") from None
        require(kept, (list, dict, str, type(None)), "MetadataValue.json")
        object.__setattr__(self, "data", kept)

    @property
    def value(self) -> Sequence[Any] | Mapping[str, Any] | None:
        """The wrapped data."""
        return self.data


@dataclass(frozen=True, slots=True)
class FloatMetadataValue(MetadataValue[float | None]):
    """A floating-point number."""

    kind: ClassVar[str] = "float"
    _takes: ClassVar[tuple[type, ...]] = (float, type(None))
    value: float | None = field()


@dataclass(frozen=True, slots=True)
class IntMetadataValue(MetadataValue[int | None]):
    """A whole number."""

    kind: ClassVar[str] = "int"
    _takes: ClassVar[tuple[type, ...]] = (int, type(None))
    value: int | None = field()


@dataclass(frozen=True, slots=True)
class BoolMetadataValue(MetadataValue[bool | None]):
    """True or False."""

    kind: ClassVar[str] = "bool"
    _takes: ClassVar[tuple[type, ...]] = (bool, type(None))
    value: bool | None = field()


@dataclass(frozen=True, slots=True)
class TimestampMetadataValue(MetadataValue[float]):
    """An instant, in seconds since the epoch."""

    kind: ClassVar[str] = "timestamp"
    _takes: ClassVar[tuple[type, ...]] = (float,)
    value: float = field()


@dataclass(frozen=True, slots=True)
class NullMetadataValue(MetadataValue[None]):
    """Nothing."""

    kind: ClassVar[str] = "null"
    _takes: ClassVar[tuple[type, ...]] = (type(None),)

    @property
    def value(self) -> None:
        """None."""


@dataclass(frozen=True, slots=True)
class DagsterRunMetadataValue(MetadataValue[str]):
    """A run, by its id."""

    kind: ClassVar[str] = "dagster_run"
    _takes: ClassVar[tuple[type, ...]] = (str,)
    _field: ClassVar[str] = "run_id"
    run_id: str


@dataclass(frozen=True, slots=True)
class DagsterAssetMetadataValue(MetadataValue[AssetKey]):
    """An asset, by its key."""

    kind: ClassVar[str] = "asset"
    _takes: ClassVar[tuple[type, ...]] = (AssetKey,)
    _field: ClassVar[str] = "asset_key"
    asset_key: AssetKey


@dataclass(frozen=True, slots=True)
class TableSchemaMetadataValue(MetadataValue[TableSchema]):
    """The columns of a table."""

    kind: ClassVar[str] = "table_schema"
    _takes: ClassVar[tuple[type, ...]] = (TableSchema,)
    _field: ClassVar[str] = "schema"
    schema: TableSchema


@dataclass(frozen=True, slots=True)
class TableColumnLineageMetadataValue(MetadataValue[TableColumnLineage]):
    """Which upstream columns each column is made from."""

    kind: ClassVar[str] = "column_lineage"
    _takes: ClassVar[tuple[type, ...]] = (TableColumnLineage,)
    _field: ClassVar[str] = "column_lineage"
    column_lineage: TableColumnLineage  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class PoolMetadataValue(MetadataValue[str]):
    """A concurrency pool, by its name."""

    kind: ClassVar[str] = "pool"
    _takes: ClassVar[tuple[type, ...]] = (str,)
    _field: ClassVar[str] = "pool"
    pool: str  # type: ignore[assignment]


class _OwnValue(MetadataValue[Any]):
    """A kind whose ``value`` is itself, as in Dagster."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True)
class PythonArtifactMetadataValue(_OwnValue):
    """The module and name of a function or class."""

    kind: ClassVar[str] = "python_artifact"
    module: str
    name: str

    def __post_init__(self) -> None:
        require(self.module, str, "PythonArtifactMetadataValue module")
        require(self.name, str, "PythonArtifactMetadataValue name")


@dataclass(frozen=True, slots=True)
class DagsterJobMetadataValue(_OwnValue):
    """A job, by its name and code location."""

    kind: ClassVar[str] = "job"
    job_name: str
    location_name: str
    repository_name: str | None = None

    def __post_init__(self) -> None:
        require(self.job_name, str, "MetadataValue.job job_name")
        require(self.location_name, str, "MetadataValue.job location_name")
        require(self.repository_name, _TEXT_OR_NONE, "MetadataValue.job repository_name")


@dataclass(frozen=True, slots=True, init=False)
class TableMetadataValue(_OwnValue):
    """Rows of a table and its schema."""

    kind: ClassVar[str] = "table"
    records: Sequence[TableRecord]
    schema: TableSchema

    def __init__(self, records: Sequence[TableRecord], schema: TableSchema | None = None) -> None:
        require_all(records, TableRecord, "MetadataValue.table")
        require(schema, (TableSchema, type(None)), "MetadataValue.table schema")
        if not records and schema is None:
            raise InvalidMetadata("A table without rows needs a schema: MetadataValue.table([], schema=…).")
        if any(record.data.keys() != records[0].data.keys() for record in records):
            raise InvalidMetadata("The rows of a table must all have the same columns.")
        object.__setattr__(self, "records", records)
        object.__setattr__(self, "schema", schema or TableSchema([_column(*c) for c in records[0].data.items()]))

    @staticmethod
    def infer_column_type(value: object) -> str:
        """Return the word for the type of a column that holds ``value``."""
        words = {bool: "bool", int: "int", float: "float"}
        return next((word for kind, word in words.items() if isinstance(value, kind)), "string")


def _column(name: str, cell: object) -> TableColumn:
    return TableColumn(name=name, type=TableMetadataValue.infer_column_type(cell))
