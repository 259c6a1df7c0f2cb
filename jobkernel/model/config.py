"""Run config as Python classes: :class:`Config` (pydantic), and :class:`RunConfig` for a whole run.

Imported on first use only, since it loads pydantic. Knows schemas; knows no ops and no runs.
"""

from __future__ import annotations

import enum
import functools
import types
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from jobkernel.errors import InvalidDefinition, InvalidInvocation
from jobkernel.model import config_schema as schema
from jobkernel.model.config_basics import ConfigType
from jobkernel.model.config_schema import BoolSource, Field, IntSource, StringSource
from jobkernel.model.environment import EnvVar, IntEnvVar, env_entry
from jobkernel.model.kinds import DICT, expect

_SOURCES = {str: StringSource, int: IntSource, bool: BoolSource}
_PRIVATE = "__internal__"


class Config(BaseModel):
    """What an op, asset or resource can be configured with: a pydantic class whose entries run config may set.

    An unknown entry is refused; values are not converted (``"1"`` is no int); instances do not change.
    """

    model_config = ConfigDict(
        frozen=True,
        arbitrary_types_allowed=True,
        extra="forbid",
        hide_input_in_errors=True,  # it may be a secret out of the environment
        ignored_types=(functools.cached_property,),
    )
    __jobkernel_config__: ClassVar[bool] = True

    def __init__(self, **entries: Any) -> None:
        given = {key: _as_pydantic(_field_named(type(self), key), value) for key, value in entries.items()}
        for name, field in type(self).model_fields.items():
            if field.is_required() and (field.alias or name) not in given and _is_optional(field.annotation):
                given[field.alias or name] = None
        super().__init__(**given)
        names = {field.alias or name: name for name, field in type(self).model_fields.items()}
        _restore_env_vars(self.__dict__, {names.get(key, key): value for key, value in given.items()})

    def __setattr__(self, name: str, value: Any) -> None:
        if name.endswith(_PRIVATE):
            object.__setattr__(self, name, value)
            return
        try:
            super().__setattr__(name, value)
        except (ValidationError, ValueError) as error:
            raise InvalidInvocation(
                f"'{type(self).__name__}' does not change once made: {name} cannot be set; keep state elsewhere."
            ) from error

    @classmethod
    def config_field(cls) -> Field:
        """Return the schema of this class, made once."""
        made: Field | None = cls.__dict__.get("_schema__internal__")
        if made is None:
            made = _schema_of(cls)
            type.__setattr__(cls, "_schema__internal__", made)
        return made

    @classmethod
    def to_config_schema(cls) -> Field:
        """Return the schema of this class, for code that wants the fields of :mod:`jobkernel.model.config_schema`."""
        return cls.config_field()

    @classmethod
    def to_fields_dict(cls) -> dict[str, Field]:
        """Return the schema's entries by name."""
        shape = cls.config_field().config_type
        assert isinstance(shape, schema.Shape)
        return dict(shape.fields)

    def config_dict(self) -> dict[str, Any]:
        """Return this config as run config holds it: plain values, ``{"env": NAME}`` for environment variables."""
        fields = type(self).model_fields
        values = {name: value for name, value in self if not name.endswith(_PRIVATE)}
        return {
            (field.alias or name) if (field := fields.get(name)) else name: _as_config(field, value)
            for name, value in values.items()
            if _is_worth_saying(fields.get(name), value)
        }


class PermissiveConfig(Config):
    """A :class:`Config` that also takes entries it does not name; they are attributes of the instance."""

    model_config = ConfigDict(extra="allow")


class RunConfig:
    """The config of a whole run, from Config objects and plain dicts.

    ``ops`` and ``resources`` map names to a Config object (or the dict that run config holds for that name).
    """

    def __init__(
        self,
        ops: Mapping[str, Any] | None = None,
        resources: Mapping[str, Any] | None = None,
        loggers: Mapping[str, Any] | None = None,
        execution: Mapping[str, Any] | None = None,
    ) -> None:
        expect("RunConfig", DICT, ops=ops, resources=resources, loggers=loggers, execution=execution)
        self.ops, self.resources = dict(ops or {}), dict(resources or {})
        self.loggers, self.execution = dict(loggers or {}), dict(execution or {})

    def to_config_dict(self) -> dict[str, Any]:
        """Return the run config as plain dicts."""
        return {
            "loggers": self.loggers,
            "resources": {key: _with_config(value) for key, value in self.resources.items()},
            "ops": {name: _with_config(value) for name, value in self.ops.items()},
            "execution": self.execution,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunConfig) and self.to_config_dict() == other.to_config_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RunConfig({self.to_config_dict()!r})"


def plain_config(value: Any) -> Any:
    """Return config with every Config object, member and environment variable in it as run config holds them."""
    return value.to_config_dict() if isinstance(value, RunConfig) else _as_config(None, value)


def _with_config(value: Any) -> Any:
    if isinstance(value, Config):
        return {"config": value.config_dict()}
    if isinstance(value, dict):
        return {key: _with_nested(item) for key, item in value.items()}
    return value


def _with_nested(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_config(item) for key, item in value.items()}
    return value.config_dict() if isinstance(value, Config) else value


def _is_worth_saying(field: FieldInfo | None, value: Any) -> bool:
    """Leave out None where it is the default anyway."""
    return field is None or value is not None or field.default is not None


def _as_config(field: FieldInfo | None, value: Any) -> Any:
    if isinstance(value, Config):
        inner = value.config_dict()
        return {inner.pop(str(field.discriminator)): inner} if field and field.discriminator else inner
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, EnvVar | IntEnvVar):
        return env_entry(value)
    if isinstance(value, dict):
        return {key: _as_config(None, item) for key, item in value.items()}
    return [_as_config(None, item) for item in value] if isinstance(value, list) else value


def _field_named(config_class: type[BaseModel], key: str) -> FieldInfo | None:
    fields = config_class.model_fields
    return next((field for name, field in fields.items() if (field.alias or name) == key), None)


def _as_pydantic(field: FieldInfo | None, value: Any) -> Any:
    """Turn what config says (``{"cat": {…}}``, a member's name) into what pydantic takes."""
    if field is None:
        return value
    if field.discriminator:
        chosen = _as_config(field, value) if isinstance(value, Config) else value
        if isinstance(chosen, dict) and len(chosen) == 1:
            ((kind, entries),) = chosen.items()
            return {**(entries or {}), str(field.discriminator): kind}
        return chosen
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum) and isinstance(value, str):
        values = {member.value for member in annotation}
        return annotation.__members__[value] if value in annotation.__members__ and value not in values else value
    return value


def _restore_env_vars(made: Any, given: Any) -> None:
    """Put environment variables back where pydantic has turned them into the plain text of their names."""
    items = given.items() if isinstance(given, dict) else enumerate(given)
    for key, value in items:
        if isinstance(value, EnvVar | IntEnvVar):
            made[key] = value
        elif isinstance(value, dict | list) and isinstance(made, dict | list):
            inner = made[key] if not isinstance(made, dict) else made.get(key)
            if isinstance(inner, dict | list) and len(inner) == len(value):
                _restore_env_vars(inner, value)


def _schema_of(config_class: type[Config], *, leave_out: str = "", defaults: Mapping[str, Any] | None = None) -> Field:
    overlay = defaults or {}
    fields: dict[str, Field] = {}
    for name, info in config_class.model_fields.items():
        key = info.alias or name
        if name == leave_out or is_resource_field(info):
            continue
        try:
            fields[key] = _field_of_pydantic(info, overlay.get(key, schema.NO_DEFAULT))
        except InvalidDefinition as error:
            raise InvalidDefinition(f"Field '{name}' of {config_class.__name__}: {error}") from error
    permissive = config_class.model_config.get("extra") == "allow"
    shape = schema.Permissive(fields) if permissive else schema.Shape(fields)
    return Field(shape, description=(config_class.__doc__ or "").strip() or None)


def schema_with_defaults(config_class: type[Config], defaults: Mapping[str, Any]) -> Field:
    """Return the schema of a class in which these entries, as run config holds them, are the defaults."""
    return _schema_of(config_class, defaults=defaults)


def is_resource_field(info: FieldInfo) -> bool:
    """Whether a field of a resource class holds another resource rather than config."""
    if "resource_dependency" in [item for item in info.metadata if isinstance(item, str)]:
        return True
    candidates = [info.annotation, *get_args(info.annotation)] if _is_optional(info.annotation) else [info.annotation]
    return any(getattr(candidate, "__jobkernel_resource__", False) for candidate in candidates)


def _field_of_pydantic(info: FieldInfo, default: Any) -> Field:
    if isinstance(info.default, Field):
        raise InvalidDefinition("jobkernel.Field belongs into a config_schema dict; use pydantic.Field in a class.")
    if info.discriminator:
        return _field_of_union(info, default)
    if isinstance(info.annotation, type) and issubclass(info.annotation, Config):
        stated = info.default.config_dict() if isinstance(info.default, Config) else {}
        return _schema_of(info.annotation, defaults=default if isinstance(default, Mapping) else stated)
    if default is schema.NO_DEFAULT and info.default is not PydanticUndefined:
        default = info.default.name if isinstance(info.default, enum.Enum) else plain_config(info.default)
    kind = type_of_annotation(info.annotation)
    if not info.is_required() and not isinstance(kind, schema.Noneable):
        kind = kind if get_origin(info.annotation) is Literal else schema.Noneable(kind)
    if default is schema.NO_DEFAULT and isinstance(kind, schema.Noneable):
        # A default factory gives the value: an entry left out stays left out.
        return Field(kind, is_required=False, description=info.description)
    return Field(kind, default_value=default, is_required=None, description=info.description)


def _field_of_union(info: FieldInfo, given: Any) -> Field:
    key = str(info.discriminator)
    members: dict[str, Field] = {}
    for member in get_args(info.annotation):
        if not (isinstance(member, type) and issubclass(member, Config)):
            raise InvalidDefinition(f"a union told apart by '{key}' is made of Config classes, not {member!r}.")
        for word in get_args(member.model_fields[key].annotation):
            members[word] = _schema_of(member, leave_out=key)
    if given is not schema.NO_DEFAULT:
        return Field(schema.Selector(members), default_value=given, description=info.description)
    default = info.get_default(call_default_factory=True) if not info.is_required() else None
    stated = _as_config(info, default) if default is not None else schema.NO_DEFAULT
    required = None if default is not None else info.is_required()
    return Field(schema.Selector(members), default_value=stated, is_required=required, description=info.description)


def _is_optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def type_of_annotation(annotation: Any) -> ConfigType:
    """Return the config type of a Python annotation.

    Raises:
        InvalidDefinition: run config cannot hold values of that type.
    """
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is not None:
        return _type_of_generic(annotation, origin, arguments)
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return annotation.config_field().config_type
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return schema.Enum.from_python_enum_direct_values(annotation)
    return _SOURCES.get(annotation) or schema.config_type_of(annotation)


def _type_of_generic(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> ConfigType:
    if origin is Literal:
        return schema.Enum(str(annotation), [schema.EnumValue(word) for word in arguments])
    if origin is list:
        return schema.Array(type_of_annotation(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return schema.Map(arguments[0], type_of_annotation(arguments[1]))
    if _is_optional(annotation) and len(arguments) == 2:
        inner = next(argument for argument in arguments if argument is not type(None))
        return schema.Noneable(type_of_annotation(inner))
    return schema.config_type_of(annotation)
