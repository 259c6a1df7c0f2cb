"""Metadata values are made, wrapped, read and refused as in real Dagster (reference rows 389 and its kin)."""

from __future__ import annotations

import datetime
import enum
import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from symbols import ORDER, REFUSALS, covers

import jobkernel.model.metadata as ours
from jobkernel.errors import InvalidMetadata
from jobkernel.model.keys import AssetKey
from tests.compat.harness import dagster, under_dagster

pytestmark = pytest.mark.compat


class Ours:
    """The names that the scripts use."""

    AssetKey = AssetKey
    CodeReferencesMetadataValue = ours.CodeReferencesMetadataValue
    LocalFileCodeReference = ours.LocalFileCodeReference
    UrlCodeReference = ours.UrlCodeReference

    def __getattr__(self, name: str) -> Any:
        return getattr(ours, name)


class Colour(str, enum.Enum):  # noqa: UP042  - a text that is also a member
    RED = "red"


AWARE = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
MADE: dict[str, Callable[[Any], Any]] = {
    "text": lambda dg: dg.MetadataValue.text("a"),
    "no text": lambda dg: dg.MetadataValue.text(None),
    "default text": lambda dg: dg.TextMetadataValue(),
    "url": lambda dg: dg.MetadataValue.url("http://x"),
    "path": lambda dg: dg.MetadataValue.path(pathlib.Path("a") / "b"),
    "no path": lambda dg: dg.MetadataValue.path(None),
    "notebook": lambda dg: dg.MetadataValue.notebook("n.ipynb"),
    "json": lambda dg: dg.MetadataValue.json({"a": [1, (2, 3)], 5: None}),
    "json text": lambda dg: dg.MetadataValue.json("a"),
    "no json": lambda dg: dg.MetadataValue.json(None),
    "json of members": lambda dg: dg.MetadataValue.json([Colour.RED]),
    "md": lambda dg: dg.MetadataValue.md("# a"),
    "artifact": lambda dg: dg.MetadataValue.python_artifact(pathlib.Path),
    "float": lambda dg: dg.MetadataValue.float(1.5),
    "no float": lambda dg: dg.MetadataValue.float(None),
    "int": lambda dg: dg.MetadataValue.int(1),
    "int of a bool": lambda dg: dg.MetadataValue.int(True),
    "bool": lambda dg: dg.MetadataValue.bool(False),
    "timestamp": lambda dg: dg.MetadataValue.timestamp(1.5),
    "timestamp of a datetime": lambda dg: dg.MetadataValue.timestamp(AWARE),
    "run": lambda dg: dg.MetadataValue.dagster_run("r"),
    "asset": lambda dg: dg.MetadataValue.asset(dg.AssetKey(["a", "b"])),
    "job": lambda dg: dg.MetadataValue.job("j", "l", repository_name="r"),
    "null": lambda dg: dg.MetadataValue.null(),
    "pool": lambda dg: dg.MetadataValue.pool("p"),
    "table": lambda dg: dg.MetadataValue.table(
        [dg.TableRecord({"i": 1, "f": 1.5, "b": True, "s": "x", "n": None}), dg.TableRecord(dict.fromkeys("ifbsn"))]
    ),
    "table with a schema": lambda dg: dg.MetadataValue.table([], dg.TableSchema([dg.TableColumn("a")])),
    "schema": lambda dg: dg.MetadataValue.table_schema(
        dg.TableSchema(
            [
                dg.TableColumn("a", "int", "what", dg.TableColumnConstraints(False, True, ["> 0"]), {"pii": "yes"}),
                dg.TableColumn(name="b"),
            ],
            dg.TableConstraints(["a > b"]),
        )
    ),
    "schema of names": lambda dg: dg.MetadataValue.table_schema(dg.TableSchema.from_name_type_dict({"a": "int"})),
    "lineage": lambda dg: dg.MetadataValue.column_lineage(
        dg.TableColumnLineage(
            {"x": [dg.TableColumnDep(dg.AssetKey("b"), "c"), dg.TableColumnDep(dg.AssetKey("a"), "c")]}
        )
    ),
    "code": lambda dg: dg.CodeReferencesMetadataValue(
        code_references=[
            dg.LocalFileCodeReference(file_path="a.py", line_number=3),
            dg.UrlCodeReference(url="http://x", label="l"),
        ]
    ),
}


def plain(value: Any) -> Any:
    """A value as plain data: class names and public fields."""
    if isinstance(value, str | int | float | bool | type(None)):
        return value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return [plain(item) for item in value]
    if type(value).__name__ == "AssetKey":
        return list(value.path)
    if type(value).__name__ == "PathMetadataValue" or type(value).__name__ == "NotebookMetadataValue":
        return type(value).__name__, value.path, value.value
    fields = FIELDS[type(value).__name__]
    return type(value).__name__, {name: plain(getattr(value, name)) for name in fields}


FIELDS = {
    "TextMetadataValue": ["text", "value"],
    "UrlMetadataValue": ["url", "value"],
    "MarkdownMetadataValue": ["md_str", "value"],
    "JsonMetadataValue": ["data", "value"],
    "FloatMetadataValue": ["value"],
    "IntMetadataValue": ["value"],
    "BoolMetadataValue": ["value"],
    "TimestampMetadataValue": ["value"],
    "NullMetadataValue": ["value"],
    "DagsterRunMetadataValue": ["run_id", "value"],
    "DagsterAssetMetadataValue": ["asset_key", "value"],
    "DagsterJobMetadataValue": ["job_name", "location_name", "repository_name"],
    "PoolMetadataValue": ["pool", "value"],
    "PythonArtifactMetadataValue": ["module", "name"],
    "TableMetadataValue": ["records", "schema"],
    "TableSchemaMetadataValue": ["schema", "value"],
    "TableColumnLineageMetadataValue": ["column_lineage", "value"],
    "CodeReferencesMetadataValue": ["code_references"],
    "LocalFileCodeReference": ["file_path", "line_number", "label", "source"],
    "UrlCodeReference": ["url", "label", "source"],
    "TableRecord": ["data"],
    "TableSchema": ["columns", "constraints"],
    "TableConstraints": ["other"],
    "TableColumn": ["name", "type", "description", "constraints", "tags"],
    "TableColumnConstraints": ["nullable", "unique", "other"],
    "TableColumnLineage": ["deps_by_column"],
    "TableColumnDep": ["asset_key", "column_name"],
}


@covers("MetadataValue")
@pytest.mark.parametrize("name", MADE)
def test_a_metadata_value_is_made_as_in_dagster(name: str) -> None:
    assert plain(MADE[name](Ours())) == plain(under_dagster(MADE[name]))


@pytest.mark.parametrize("name", MADE)
def test_a_metadata_value_survives_json(name: str) -> None:
    value = MADE[name](Ours())
    back = ours.from_json(json.loads(json.dumps(ours.to_json(value), allow_nan=False)))
    assert plain(back) == plain(value) or name == "no text"
    assert isinstance(ours.shown_text(value), str)


REFUSED: dict[str, Callable[[Any], Any]] = {
    "int of a text": lambda dg: dg.MetadataValue.int("1"),
    "int of a float": lambda dg: dg.MetadataValue.int(1.5),
    "float of an int": lambda dg: dg.MetadataValue.float(1),
    "text of an int": lambda dg: dg.MetadataValue.text(1),
    "url of an int": lambda dg: dg.MetadataValue.url(1),
    "bool of an int": lambda dg: dg.MetadataValue.bool(1),
    "path of an int": lambda dg: dg.MetadataValue.path(1),
    "json of a set": lambda dg: dg.MetadataValue.json({1}),
    "json of a number": lambda dg: dg.MetadataValue.json(1),
    "timestamp of an int": lambda dg: dg.MetadataValue.timestamp(1),
    "timestamp without a zone": lambda dg: dg.MetadataValue.timestamp(datetime.datetime(2024, 1, 1)),  # noqa: DTZ001
    "artifact of a number": lambda dg: dg.MetadataValue.python_artifact(1),
    "asset of a text": lambda dg: dg.MetadataValue.asset("a"),
    "job of a number": lambda dg: dg.MetadataValue.job(1, "l"),
    "table of dicts": lambda dg: dg.MetadataValue.table([{"a": 1}]),
    "table of nothing": lambda dg: dg.MetadataValue.table([]),
    "table of unlike rows": lambda dg: dg.MetadataValue.table([dg.TableRecord({"a": 1}), dg.TableRecord({"b": 1})]),
    "record of a list": lambda dg: dg.TableRecord({"a": [1]}),
    "column of a number": lambda dg: dg.TableColumn(1),
    "schema of texts": lambda dg: dg.TableSchema(["a"]),
    "constraints of a text": lambda dg: dg.TableConstraints("a"),
    "lineage twice": lambda dg: dg.TableColumnLineage(
        {"x": [dg.TableColumnDep("b", "c"), dg.TableColumnDep("b", "c")]}
    ),
}


@covers("MetadataValue", aspect=REFUSALS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_dagster_refuses_as_metadata_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(Exception, match=r"."):
        under_dagster(REFUSED[name])
    with pytest.raises(InvalidMetadata, match=r"\.$"):
        REFUSED[name](Ours())


def normalized(dg: Any, raw: Any) -> Any:
    if dg is dagster():
        from dagster._core.definitions.metadata import normalize_metadata

        return normalize_metadata({"k": raw})
    return ours.normalize_metadata({"k": raw})


def dagster_error(name: str) -> type[Exception]:
    import dagster._core.errors as errors

    found: type[Exception] = getattr(errors, name)
    return found


RAW: dict[str, Callable[[Any], Any]] = {
    "1": lambda dg: 1,
    "1.5": lambda dg: 1.5,
    "x": lambda dg: "x",
    "True": lambda dg: True,
    "None": lambda dg: None,
    "dict": lambda dg: {"a": 1},
    "list": lambda dg: [1],
    "asset key": lambda dg: dg.AssetKey(["a", "b"]),
    "path": lambda dg: pathlib.Path("a"),
    "schema": lambda dg: dg.TableSchema([dg.TableColumn("a")]),
    "lineage": lambda dg: dg.TableColumnLineage({}),
    "member of a text enum": lambda dg: Colour.RED,
    "numpy float": lambda dg: np.float64(1.5),
    "wrapped already": lambda dg: dg.MetadataValue.md("x"),
    "NaN in a list": lambda dg: ["a", None],
}
NOT_RAW: dict[str, Any] = {
    "object": object(),
    "tuple": (1,),
    "set": {1},
    "bytes": b"x",
    "datetime": AWARE,
    "numpy int": np.int64(1),
    "dict of a set": {"a": {1}},
    "exception": ValueError("x"),
}


@covers("MetadataValue")
@pytest.mark.parametrize("name", RAW)
def test_a_raw_value_is_wrapped_as_in_dagster(name: str) -> None:
    assert plain(normalized(Ours(), RAW[name](Ours()))) == plain(
        under_dagster(lambda dg: normalized(dg, RAW[name](dg)))
    )


@covers("MetadataValue", aspect=REFUSALS)
@pytest.mark.parametrize("name", NOT_RAW)
def test_a_raw_value_of_no_kind_is_refused_with_its_name_and_a_remedy(name: str) -> None:
    with pytest.raises(dagster_error("DagsterInvalidMetadata")):
        under_dagster(lambda dg: normalized(dg, NOT_RAW[name]))
    with pytest.raises(InvalidMetadata, match=r"^Metadata 'k' is of no known kind\. .*\.$"):
        ours.normalize_metadata({"k": NOT_RAW[name]})


@covers("MetadataValue", aspect=ORDER)
def test_metadata_keep_their_order() -> None:
    assert list(ours.normalize_metadata({"z": 1, "a": 2, "m": 3})) == ["z", "a", "m"]


def test_metadata_values_equal_by_content_and_cannot_be_changed() -> None:
    assert ours.MetadataValue.int(1) == ours.MetadataValue.int(1)
    assert ours.MetadataValue.int(1) != ours.MetadataValue.int(2)
    assert hash(ours.MetadataValue.text("a")) == hash(ours.MetadataValue.text("a"))
    with pytest.raises(AttributeError):
        ours.MetadataValue.int(1).value = 2  # type: ignore[misc]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_numbers_that_json_does_not_know_survive_it(number: float) -> None:
    stored = json.loads(json.dumps(ours.to_json(ours.MetadataValue.float(number)), allow_nan=False))
    assert repr(ours.from_json(stored).value) == repr(number)
    json.dumps(ours.to_json(ours.MetadataValue.json({"a": [number]})), allow_nan=False)


def test_huge_and_odd_texts_are_kept_whole_and_shown_cut() -> None:
    huge = ours.MetadataValue.text("<script>" + "x" * 1_000_000)
    assert ours.from_json(ours.to_json(huge)) == huge
    shown = ours.shown_text(huge)
    assert shown.startswith("<script>x")
    assert shown.endswith("… (1,000,008 characters in all)")
    assert len(shown) < 2100
    odd = ours.MetadataValue.text("\ud800 \x1b[31m 😀")
    assert json.dumps(ours.to_json(odd), ensure_ascii=False).encode("utf-8")
    assert ours.shown_text(odd) == "? \x1b[31m 😀"


def test_a_kind_of_a_newer_version_is_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidMetadata, match="kind 'hologram' is not known to this version"):
        ours.from_json({"kind": "hologram", "value": 1})
