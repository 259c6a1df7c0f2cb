"""The kinds of metadata: one frozen class each, made by :class:`MetadataValue`'s constructors.

Source: Dagster's ``MetadataValue`` (names, fields, defaults, refusals). Knows nothing of JSON forms and screens;
:mod:`jobkernel.model.metadata` does, and is where everybody imports from.
"""

from __future__ import annotations

import builtins
import json as json_text
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar, cast

from jobkernel.errors import InvalidMetadata
from jobkernel.model.frozen import FrozenFields, require, require_all
from jobkernel.model.keys import AssetKey
from jobkernel.model.tables import TableColumnLineage, TableRecord, TableSchema, column_type_of, inferred_schema

ValueType = TypeVar("ValueType", covariant=True)
_TEXT_OR_NONE = (str, type(None))


class MetadataValue(FrozenFields, Generic[ValueType]):
    """One value attached to an asset, an output, a check or an event, of a kind that a screen knows to show.

    The constructors refuse what is not of their kind with :class:`~jobkernel.errors.InvalidMetadata`.
    """

    __slots__ = ()
    kind: ClassVar[builtins.str] = ""

    @property
    def value(self) -> ValueType:
        """The wrapped value."""
        held: Any = self._fields()[0]
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


class TextMetadataValue(MetadataValue[str]):
    """A text."""

    __slots__ = ("text",)
    kind: ClassVar[str] = "text"
    text: str | None  # type: ignore[assignment]

    def __init__(self, text: str | None = "") -> None:
        require(text, _TEXT_OR_NONE, "MetadataValue.text")
        self._set(text=text)


class UrlMetadataValue(MetadataValue[str]):
    """An address."""

    __slots__ = ("url",)
    kind: ClassVar[str] = "url"
    url: str | None  # type: ignore[assignment]

    def __init__(self, url: str | None = "") -> None:
        require(url, _TEXT_OR_NONE, "MetadataValue.url")
        self._set(url=url)


class MarkdownMetadataValue(MetadataValue[str]):
    """A text in Markdown."""

    __slots__ = ("md_str",)
    kind: ClassVar[str] = "md"
    md_str: str | None

    def __init__(self, md_str: str | None = "") -> None:
        require(md_str, _TEXT_OR_NONE, "MetadataValue.md")
        self._set(md_str=md_str)


class _FileMetadataValue(MetadataValue[str]):
    __slots__ = ("fspath",)
    fspath: str

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        require(path, (str, os.PathLike, type(None)), f"MetadataValue.{self.kind}")
        self._set(fspath="" if path is None else os.fspath(path))

    @property
    def path(self) -> str:  # type: ignore[override]
        """The wrapped path."""
        return self.fspath


class PathMetadataValue(_FileMetadataValue):
    """The path of a file or folder."""

    __slots__ = ()
    kind: ClassVar[str] = "path"


class NotebookMetadataValue(_FileMetadataValue):
    """The path of a notebook."""

    __slots__ = ()
    kind: ClassVar[str] = "notebook"


class JsonMetadataValue(MetadataValue[Sequence[Any] | Mapping[str, Any] | None]):
    """A list or mapping, as JSON gives it back."""

    __slots__ = ("data",)
    kind: ClassVar[str] = "json"
    data: Sequence[Any] | Mapping[str, Any] | None

    def __init__(self, data: Sequence[Any] | Mapping[str, Any] | None) -> None:
        try:
            kept = json_text.loads(json_text.dumps(data))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidMetadata(f"The value cannot be written as JSON: {error}.") from None
        require(kept, (list, dict, str, type(None)), "MetadataValue.json")
        self._set(data=kept)

    @property
    def value(self) -> Sequence[Any] | Mapping[str, Any] | None:
        """The wrapped data."""
        return self.data


class _PlainValue(MetadataValue[ValueType]):
    __slots__ = ("value",)
    _takes: ClassVar[type | tuple[type, ...]]
    value: ValueType

    def __init__(self, value: ValueType) -> None:
        require(value, self._takes, f"MetadataValue.{self.kind}")
        self._set(value=value)


class FloatMetadataValue(_PlainValue[float | None]):
    """A floating-point number."""

    __slots__ = ()
    kind: ClassVar[str] = "float"
    _takes = (float, type(None))


class IntMetadataValue(_PlainValue[int | None]):
    """A whole number."""

    __slots__ = ()
    kind: ClassVar[str] = "int"
    _takes = (int, type(None))


class BoolMetadataValue(_PlainValue[bool | None]):
    """True or False."""

    __slots__ = ()
    kind: ClassVar[str] = "bool"
    _takes = (bool, type(None))


class TimestampMetadataValue(_PlainValue[float]):
    """An instant, in seconds since the epoch."""

    __slots__ = ()
    kind: ClassVar[str] = "timestamp"
    _takes = float


class NullMetadataValue(MetadataValue[None]):
    """Nothing."""

    __slots__ = ()
    kind: ClassVar[str] = "null"

    @property
    def value(self) -> None:
        """None."""


class DagsterRunMetadataValue(MetadataValue[str]):
    """A run, by its id."""

    __slots__ = ("run_id",)
    kind: ClassVar[str] = "dagster_run"
    run_id: str

    def __init__(self, run_id: str) -> None:
        require(run_id, str, "MetadataValue.dagster_run")
        self._set(run_id=run_id)


class DagsterAssetMetadataValue(MetadataValue[AssetKey]):
    """An asset, by its key."""

    __slots__ = ("asset_key",)
    kind: ClassVar[str] = "asset"
    asset_key: AssetKey

    def __init__(self, asset_key: AssetKey) -> None:
        require(asset_key, AssetKey, "MetadataValue.asset")
        self._set(asset_key=asset_key)


class TableSchemaMetadataValue(MetadataValue[TableSchema]):
    """The columns of a table."""

    __slots__ = ("schema",)
    kind: ClassVar[str] = "table_schema"
    schema: TableSchema

    def __init__(self, schema: TableSchema) -> None:
        require(schema, TableSchema, "MetadataValue.table_schema")
        self._set(schema=schema)


class TableColumnLineageMetadataValue(MetadataValue[TableColumnLineage]):
    """Which upstream columns each column is made from."""

    __slots__ = ("column_lineage",)
    kind: ClassVar[str] = "column_lineage"
    column_lineage: TableColumnLineage  # type: ignore[assignment]

    def __init__(self, column_lineage: TableColumnLineage) -> None:
        require(column_lineage, TableColumnLineage, "MetadataValue.column_lineage")
        self._set(column_lineage=column_lineage)


class PoolMetadataValue(MetadataValue[str]):
    """A concurrency pool, by its name."""

    __slots__ = ("pool",)
    kind: ClassVar[str] = "pool"
    pool: str  # type: ignore[assignment]

    def __init__(self, pool: str) -> None:
        require(pool, str, "MetadataValue.pool")
        self._set(pool=pool)


class _OwnValue(MetadataValue[Any]):
    """A kind whose ``value`` is itself, as in Dagster."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """Itself."""
        return self


class PythonArtifactMetadataValue(_OwnValue):
    """The module and name of a function or class."""

    __slots__ = ("module", "name")
    kind: ClassVar[str] = "python_artifact"
    module: str
    name: str

    def __init__(self, module: str, name: str) -> None:
        require(module, str, "PythonArtifactMetadataValue module")
        require(name, str, "PythonArtifactMetadataValue name")
        self._set(module=module, name=name)


class DagsterJobMetadataValue(_OwnValue):
    """A job, by its name and code location."""

    __slots__ = ("job_name", "location_name", "repository_name")
    kind: ClassVar[str] = "job"
    job_name: str
    location_name: str
    repository_name: str | None

    def __init__(self, job_name: str, location_name: str, repository_name: str | None = None) -> None:
        require(job_name, str, "MetadataValue.job job_name")
        require(location_name, str, "MetadataValue.job location_name")
        require(repository_name, _TEXT_OR_NONE, "MetadataValue.job repository_name")
        self._set(job_name=job_name, location_name=location_name, repository_name=repository_name)


class TableMetadataValue(_OwnValue):
    """Rows of a table and its schema."""

    __slots__ = ("records", "schema")
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
        self._set(records=records, schema=schema or inferred_schema(records[0]))

    infer_column_type = staticmethod(column_type_of)
