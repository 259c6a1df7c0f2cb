"""How inputs and outputs are declared: ``In``, ``Out`` and kin, and :class:`Nothing`. Plain records.

Knows no ops; the decorators turn these into the model's inputs and outputs.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Final

from jobkernel.api.refusals import refuse
from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import DEFAULT_IO, EMPTY, NO_VALUE, Input, Output
from jobkernel.records import dataclass


class Nothing:
    """The type of an input or output that carries no data and only orders. Source: Dagster's ``Nothing``."""

    __jobkernel_nothing__ = True


class _Unset:
    def __reduce__(self) -> str:
        return "UNSET"

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = _Unset()
"""Marks a type that was not given, since None and Any are given ones."""


def is_nothing(annotation: Any) -> bool:
    """Whether a type carries no data."""
    return bool(getattr(annotation, "__jobkernel_nothing__", False))


def checked_type(annotation: Any, where: str) -> Any:
    """Return the type; None means any.

    Raises:
        InvalidDefinition: it is neither a class, nor a typing construct, nor a type record.
    """
    if annotation is None:
        return Any
    known = (
        isinstance(annotation, (type, types.UnionType, typing.TypeVar))
        or annotation is Any
        or annotation is UNSET
        or typing.get_origin(annotation) is not None
        or hasattr(annotation, "type_check")
    )
    if not known:
        raise InvalidDefinition(f"{where} needs a type, not {annotation!r}; give a class or a typing construct.")
    return annotation


@dataclass(frozen=True, slots=True)
class In:
    """One input of an op: its type, default and where it is loaded from. Source: Dagster's ``In``."""

    dagster_type: Any = UNSET
    description: str | None = None
    default_value: Any = NO_VALUE
    metadata: Mapping[str, Any] | None = None
    asset_key: Any = None
    asset_partitions: Any = None
    input_manager_key: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dagster_type", checked_type(self.dagster_type, "In"))
        refuse("In", asset_key=self.asset_key, asset_partitions=self.asset_partitions)

    def to_input(self, name: str, annotation: Any, default: Any = NO_VALUE) -> Input:
        """Return the input of that name; what is not said here is taken from the parameter."""
        kind = annotation if self.dagster_type is UNSET else self.dagster_type
        return Input(
            name=name,
            annotation=kind,
            default=default if self.default_value is NO_VALUE else self.default_value,
            is_nothing=is_nothing(kind),
            io=self.input_manager_key,
            metadata=self.metadata or EMPTY,
            description=self.description,
        )


@dataclass(frozen=True, slots=True)
class GraphIn:
    """One input of a graph. Source: Dagster's ``GraphIn``."""

    description: str | None = None


@dataclass(frozen=True, slots=True)
class GraphOut:
    """One output of a graph. Source: Dagster's ``GraphOut``."""

    description: str | None = None


@dataclass(frozen=True, slots=True)
class Out:
    """One output of an op: its type, whether it always comes, and who stores it. Source: Dagster's ``Out``."""

    dagster_type: Any = UNSET
    description: str | None = None
    is_required: bool = True
    io_manager_key: str | None = None
    metadata: Mapping[str, Any] | None = None
    code_version: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dagster_type", checked_type(self.dagster_type, type(self).__name__))
        if self.metadata is not None and not isinstance(self.metadata, Mapping):
            raise InvalidDefinition(f"Metadata of an output must map texts to values, not be {self.metadata!r}.")

    @property
    def is_dynamic(self) -> bool:
        """Whether the output has any number of values, each under a key."""
        return False

    def to_output(self, name: str, annotation: Any, *, says_nothing: bool, code_version: str | None) -> Output:
        """Return the output of that name; what is not said here is taken from the return annotation."""
        is_typed = self.dagster_type is not UNSET
        return Output(
            name=name,
            annotation=self.dagster_type if is_typed else annotation,
            is_required=self.is_required,
            is_dynamic=self.is_dynamic,
            is_nothing=is_nothing(self.dagster_type) if is_typed else says_nothing,
            io=self.io_manager_key or DEFAULT_IO,
            metadata=self.metadata or EMPTY,
            description=self.description,
            code_version=self.code_version or code_version,
        )


@dataclass(frozen=True, slots=True)
class DynamicOut(Out):
    """An output with any number of values, each under a key. Source: Dagster's ``DynamicOut``."""

    @property
    def is_dynamic(self) -> bool:
        """Whether the output has any number of values, each under a key."""
        return True
