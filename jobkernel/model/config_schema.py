"""What run config may look like: the dicts, lists and fields that a ``config_schema`` is made of.

Knows no ops and no runs; :mod:`jobkernel.model.config` and the run config rules stand on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobkernel.errors import InvalidConfig, InvalidDefinition
from jobkernel.model.config_basics import (
    SCALAR_WORDS,
    AnyType,
    ConfigType,
    Enum,
    EnumValue,
    Filling,
    Path,
    Problem,
    Problems,
    Scalar,
    SourceType,
    shown,
    unknown_entry,
)
from jobkernel.model.environment import EnvVar, IntEnvVar, env_entry

__all__ = [
    "Array", "BoolSource", "Enum", "EnumValue", "Field", "IntSource", "Map", "Noneable", "Permissive", "ScalarUnion",
    "Selector", "Shape", "StringSource",
]  # fmt: skip


class Noneable(ConfigType):
    """None, or a value of the inner type."""

    __slots__ = ("inner_type",)

    def __init__(self, inner_type: Any) -> None:
        self.inner_type = config_type_of(inner_type)

    def describe(self) -> str:
        return f"{self.inner_type.describe()} or None"

    def check(self, value: Any, path: Path, found: Problems) -> None:
        if value is not None:
            self.inner_type.check(value, path, found)

    def fill(self, value: Any, path: Path, filling: Filling) -> Any:
        return None if value is None else self.inner_type.fill(value, path, filling)

    @property
    def is_optional(self) -> bool:
        return True


class Array(ConfigType):
    """A list of values of the inner type."""

    __slots__ = ("inner_type",)

    def __init__(self, inner_type: Any) -> None:
        self.inner_type = config_type_of(inner_type)

    def describe(self) -> str:
        return "a list"

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        if not isinstance(value, list):
            found.append(Problem(path, f"expected a list, got {shown(value)}."))
            return
        for index, item in enumerate(value):
            self.inner_type.check(item, (*path, index), found)

    def fill(self, value: Any, path: Path, filling: Filling) -> Any:
        return [self.inner_type.fill(item, (*path, index), filling) for index, item in enumerate(value or ())]


class Map(ConfigType):
    """A dict of any keys of one scalar type to values of the inner type."""

    __slots__ = ("inner_type", "key_label_name", "key_type")

    def __init__(self, key_type: Any, inner_type: Any, key_label_name: str | None = None) -> None:
        self.key_type, self.inner_type = config_type_of(key_type), config_type_of(inner_type)
        self.key_label_name = key_label_name
        if not isinstance(self.key_type, Scalar):
            raise InvalidDefinition(f"The keys of a Map are int, float, str or bool, not {key_type!r}.")

    def describe(self) -> str:
        return "a dict"

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        if not isinstance(value, dict):
            found.append(Problem(path, f"expected a dict, got {shown(value)}."))
            return
        for key, item in value.items():
            self.key_type.check(key, (*path, str(key)), found)
            self.inner_type.check(item, (*path, str(key)), found)

    def fill(self, value: Any, path: Path, filling: Filling) -> Any:
        return {key: self.inner_type.fill(item, (*path, str(key)), filling) for key, item in (value or {}).items()}


class ScalarUnion(ConfigType):
    """A scalar, or something with entries or items."""

    __slots__ = ("non_scalar_schema", "scalar_type")

    def __init__(self, scalar_type: Any, non_scalar_schema: Any) -> None:
        self.scalar_type = config_type_of(scalar_type)
        self.non_scalar_schema = config_type_of(non_scalar_schema)

    def describe(self) -> str:
        return f"{self.scalar_type.describe()} or {self.non_scalar_schema.describe()}"

    def _branch(self, value: Any) -> ConfigType:
        return self.non_scalar_schema if isinstance(value, dict | list) else self.scalar_type

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        self._branch(value).check(value, path, found)

    def fill(self, value: Any, path: Path, filling: Filling) -> Any:
        return self._branch(value).fill(value, path, filling)


class Shape(ConfigType):
    """A dict with these entries and no others."""

    __slots__ = ("description", "field_aliases", "fields")
    takes_others = False

    def __init__(
        self,
        fields: Mapping[str, Any],
        description: str | None = None,
        field_aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.fields = {name: field_of(schema) for name, schema in fields.items()}
        self.description = description
        self.field_aliases = dict(field_aliases or {})

    def describe(self) -> str:
        return "a dict with " + (", ".join(self.fields) or "no entries")

    @property
    def is_optional(self) -> bool:
        return not any(field.is_required for field in self.fields.values())

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        if not isinstance(value, dict):
            found.append(Problem(path, f"expected {self.describe()}, got {shown(value)}."))
            return
        given = self._without_aliases(value)
        self._check_names(given, path, found)
        for name, field in self.fields.items():
            if name in given:
                field.config_type.check(given[name], (*path, name), found)

    def _check_names(self, given: Mapping[str, Any], path: Path, found: Problems) -> None:
        if not self.takes_others:
            for name in given:
                if name not in self.fields:
                    found.append(Problem((*path, str(name)), unknown_entry(str(name), self.fields)))
        for name, field in self.fields.items():
            if field.is_required and name not in given:
                found.append(Problem((*path, name), f"is missing; give {field.config_type.describe()}."))

    def _without_aliases(self, value: dict[str, Any]) -> dict[str, Any]:
        if not self.field_aliases:
            return value
        names = {alias: name for name, alias in self.field_aliases.items()}
        return {names.get(name, name): item for name, item in value.items()}

    def fill(self, value: Any, path: Path, filling: Filling) -> Any:
        given = self._without_aliases(value or {})
        filled = {name: item for name, item in given.items() if name not in self.fields}
        for name, field in self.fields.items():
            if name in given:
                filled[name] = field.config_type.fill(given[name], (*path, name), filling)
            elif field.default_provided:
                filled[name] = field.config_type.fill(field.default_value, (*path, name), filling)
        return filled


class Permissive(Shape):
    """A dict with these entries and any others."""

    __slots__ = ()
    takes_others = True

    def __init__(self, fields: Mapping[str, Any] | None = None, description: str | None = None) -> None:
        super().__init__(fields or {}, description)

    def describe(self) -> str:
        return super().describe() if self.fields else "a dict"


class Selector(Shape):
    """A dict with exactly one of these entries."""

    __slots__ = ()

    def __init__(self, fields: Mapping[str, Any], description: str | None = None) -> None:
        super().__init__(fields, description)

    def describe(self) -> str:
        return "a dict with exactly one of " + ", ".join(self.fields)

    @property
    def is_optional(self) -> bool:
        return len(self.fields) == 1 and super().is_optional

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        if not isinstance(value, dict) or len(value) > 1 or (not value and not self.is_optional):
            found.append(Problem(path, f"expected {self.describe()}, got {shown(value)}."))
        elif value:
            name, item = next(iter(value.items()))
            if name in self.fields:
                inner = self.fields[name].config_type
                inner.check({} if item is None and isinstance(inner, Shape) else item, (*path, name), found)
            else:
                found.append(Problem((*path, str(name)), unknown_entry(str(name), self.fields)))

    def fill(self, value: Any, path: Path, filling: Filling) -> Any:
        if not value:
            return super().fill({}, path, filling)
        name, item = next(iter(value.items()))
        return {name: self.fields[name].config_type.fill(item, (*path, name), filling)}


class _NoDefault:
    """Marks a field that states no default, since None is one. The same object also in another process."""

    def __reduce__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT: Final = _NoDefault()


class Field:
    """One entry of config: its type, whether it must be given, its default and what it is for.

    Raises:
        InvalidDefinition: a type that config cannot hold, or a default on a required field.
        InvalidConfig: a default that is not of the type.
    """

    __slots__ = ("_default", "config_type", "description", "is_required", "is_secret")

    def __init__(
        self,
        config: Any,
        default_value: Any = NO_DEFAULT,
        is_required: bool | None = None,
        description: str | None = None,
        is_secret: bool = False,
    ) -> None:
        self.config_type = config_type_of(config)
        self.description, self.is_secret = description, is_secret
        is_env = isinstance(default_value, EnvVar | IntEnvVar)
        self._default = env_entry(default_value) if is_env else default_value
        if self.default_provided:
            self._check_default(is_required)
        elif is_required is None and self.config_type.is_optional:
            self._default = None if isinstance(self.config_type, Noneable) else {}
        self.is_required = not self.default_provided if is_required is None else is_required

    def _check_default(self, is_required: bool | None) -> None:
        if is_required:
            raise InvalidDefinition("A required config field has no default; drop default_value or is_required.")
        if callable(self._default):
            raise InvalidDefinition("A config field's default is a value, not something to call.")
        found: Problems = []
        self.config_type.check(self._default, ("default_value",), found)
        if found:
            raise InvalidConfig("A config field's default does not fit its type: " + "; ".join(map(str, found)))

    @property
    def default_provided(self) -> bool:
        """Whether there is a default, stated or implied by the type."""
        return self._default is not NO_DEFAULT

    @property
    def default_value(self) -> Any:
        """The default, before environment variables are read and nested defaults applied."""
        return self._default


def config_type_of(schema: Any) -> ConfigType:
    """Return the type of a schema: a type, a Python builtin, a dict of entries, ``[int]`` or ``{str: int}``.

    Raises:
        InvalidDefinition: run config cannot hold such a thing.
    """
    if isinstance(schema, ConfigType):
        return schema
    if isinstance(schema, Field):
        return schema.config_type
    if isinstance(schema, Mapping):
        return _type_of_dict(schema)
    if isinstance(schema, list):
        if len(schema) != 1:
            raise InvalidDefinition(f"A list in a config schema holds one type, as [int]; this one is {schema!r}.")
        return Array(config_type_of(schema[0]))
    try:
        return _BUILTINS[schema]
    except (KeyError, TypeError):
        return _type_of_other(schema)


def _type_of_dict(schema: Mapping[Any, Any]) -> ConfigType:
    keys = list(schema)
    if len(keys) == 1 and not isinstance(keys[0], str):
        return Map(keys[0], schema[keys[0]])
    return Shape(schema)


def _type_of_other(schema: Any) -> ConfigType:
    inner = getattr(schema, "config_type", None)
    if isinstance(inner, ConfigType):
        return inner
    raise InvalidDefinition(
        f"Run config cannot hold {schema!r}; use int, float, str, bool, list, dict, or a Config class."
    )


def field_of(schema: Any) -> Field:
    """Return the field of a schema; one that is a field already comes back itself."""
    if isinstance(schema, Field):
        return schema
    as_field = getattr(schema, "config_field", None)
    return as_field() if callable(as_field) else Field(schema)


StringSource: Final = SourceType(str)
IntSource: Final = SourceType(int)
BoolSource: Final = SourceType(bool)
ANY: Final = AnyType()
_BUILTINS: Final[dict[Any, ConfigType]] = {
    **{kind: Scalar(kind) for kind in SCALAR_WORDS},
    Any: ANY,
    dict: Permissive(),
    list: Array(ANY),
}
