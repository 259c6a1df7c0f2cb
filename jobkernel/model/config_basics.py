"""The smallest parts of a config schema: what a type of entry can do, and the scalars, members and sources.

``check`` reports every problem with its path; ``fill`` applies defaults and reads environment variables out of a
mapping that is handed in. Knows no dicts and lists; :mod:`jobkernel.model.config_schema` adds them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from jobkernel.errors import did_you_mean
from jobkernel.model.environment import EnvVar, IntEnvVar

Path = tuple[str | int, ...]
Problems = list["Problem"]


class Problem(NamedTuple):
    """One thing wrong with a config value: where, and a clause that says what."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{path_text(self.path)}: {self.text}"


def path_text(path: Path) -> str:
    """Return ``ops.alpha.config.xs[1]`` for the path of an entry; the whole config is ``run config``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "run config"


def listed(found: Problems) -> str:
    """Return problems for the end of a message: one behind its colon, several each on a line."""
    return f" {found[0]}" if len(found) == 1 else "".join(f"\n  {problem}" for problem in found)


class ConfigType:
    """A kind of value that run config can hold."""

    __slots__ = ()
    description: str | None = None

    def describe(self) -> str:
        """Return the kind in words, with its article: ``an int``."""
        raise NotImplementedError

    def check(self, value: Any, path: Path, found: Problems) -> None:
        """Append every problem of ``value`` to ``found``."""
        if value is None:
            found.append(Problem(path, f"must not be None; give {self.describe()}."))
        else:
            self.check_given(value, path, found)

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        """Append every problem of a value that is not None."""

    def fill(self, value: Any, _path: Path, _filling: Filling) -> Any:
        """Return a checked value with its defaults applied and its environment variables read."""
        return value

    @property
    def is_optional(self) -> bool:
        """Whether an entry of this type may be left out although it states no default."""
        return False


class Filling(NamedTuple):
    """What filling in needs: the environment, and a list for the variables that it does not hold."""

    environment: Mapping[str, str]
    found: Problems


class AnyType(ConfigType):
    """Takes every value."""

    __slots__ = ()

    def describe(self) -> str:
        return "any value"

    def check(self, _value: Any, _path: Path, _found: Problems) -> None:
        return


SCALAR_WORDS: Final[dict[type, str]] = {int: "an int", float: "a float", str: "text", bool: "true or false"}


class Scalar(ConfigType):
    """An int, a float (which an int may stand for), text, or a bool."""

    __slots__ = ("kind",)

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def describe(self) -> str:
        return SCALAR_WORDS[self.kind]

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        if isinstance(value, EnvVar | IntEnvVar):
            entry = {"env": value.env_var_name}
            found.append(Problem(path, f"{value!r} belongs into a Config object; write {entry} here."))
        elif not self._takes(value):
            found.append(Problem(path, f"expected {self.describe()}, got {shown(value)}."))

    def _takes(self, value: Any) -> bool:
        if self.kind is int:
            return isinstance(value, int) and not isinstance(value, bool)
        if self.kind is float:
            return isinstance(value, int | float)
        return isinstance(value, self.kind)

    def fill(self, value: Any, _path: Path, _filling: Filling) -> Any:
        return float(value) if self.kind is float else value


class EnumValue:
    """One member of an :class:`Enum`: the text in config, and the Python value it becomes (the text, if not given)."""

    __slots__ = ("config_value", "description", "python_value")

    def __init__(self, config_value: Any, python_value: Any = None, description: str | None = None) -> None:
        self.config_value = config_value
        self.python_value = config_value if python_value is None else python_value
        self.description = description


class Enum(ConfigType):
    """One of a few texts, each standing for a Python value."""

    __slots__ = ("enum_values", "name")

    def __init__(self, name: str, enum_values: Sequence[EnumValue]) -> None:
        self.name, self.enum_values = name, list(enum_values)

    @classmethod
    def from_python_enum(cls, python_enum: type[enum.Enum], name: str | None = None) -> Enum:
        """Return the type that takes a member's name and gives the member."""
        members = [EnumValue(member.name, python_value=member) for member in python_enum]
        return cls(name or python_enum.__name__, members)

    @classmethod
    def from_python_enum_direct_values(cls, python_enum: type[enum.Enum], name: str | None = None) -> Enum:
        """Return the type that takes a member's name and gives the member's value."""
        members = [EnumValue(member.name, python_value=member.value) for member in python_enum]
        return cls(name or python_enum.__name__, members)

    @property
    def config_values(self) -> list[Any]:
        """What config may say, in order."""
        return [value.config_value for value in self.enum_values]

    def describe(self) -> str:
        return "one of " + ", ".join(repr(value) for value in self.config_values)

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        if isinstance(value, enum.Enum) or value not in self.config_values:
            found.append(Problem(path, f"expected {self.describe()}, got {shown(value)}."))

    def fill(self, value: Any, _path: Path, _filling: Filling) -> Any:
        return next(item.python_value for item in self.enum_values if item.config_value == value)


_FALSE_TEXTS: Final = frozenset({"false", "none", "0", ""})  # every other text is true, as in Dagster


class SourceType(ConfigType):
    """A scalar, or ``{"env": "NAME"}``: the value of an environment variable, read when the value is needed."""

    __slots__ = ("scalar",)

    def __init__(self, kind: type) -> None:
        self.scalar = Scalar(kind)

    def describe(self) -> str:
        return self.scalar.describe()

    def check_given(self, value: Any, path: Path, found: Problems) -> None:
        if not isinstance(value, dict):
            self.scalar.check(value, path, found)
        elif set(value) != {"env"} or not isinstance(value["env"], str):
            found.append(Problem(path, f"expected {self.describe()} or {{'env': NAME}}, got {shown(value)}."))

    def fill(self, value: Any, path: Path, filling: Filling) -> Any:
        if not isinstance(value, dict):
            return value
        name = value["env"]
        text = filling.environment.get(name)
        if text is None:
            filling.found.append(Problem(path, f"environment variable {name} is not set; set it, or give the value."))
            return None
        try:
            return _READERS[self.scalar.kind](text)
        except ValueError:
            # The text is not repeated: it may be a secret.
            filling.found.append(Problem(path, f"environment variable {name} does not hold {self.describe()}."))
            return None


def _read_bool(text: str) -> bool:
    return text.lower() not in _FALSE_TEXTS


_READERS: Final[dict[type, Callable[[str], Any]]] = {int: int, bool: _read_bool, str: str}


def unknown_entry(name: str, known: Iterable[str]) -> str:
    """Return the clause about an entry that is not known, with the nearest known one."""
    names = list(known)
    listed = f" Known: {', '.join(names)}." if names and len(names) <= 12 else ""
    return f"no such entry.{did_you_mean(name, names)}{listed}"


def shown(value: Any) -> str:
    """Return a value for a message: its kind and, where it is short, itself."""
    text = repr(value)
    kind = type(value).__name__
    return f"{text} ({kind})" if len(text) <= 60 else f"{text[:57]}… ({kind})"


def storable(value: Any) -> Any:
    """Return a config value as JSON can hold it; what JSON cannot hold becomes its text."""
    if isinstance(value, Mapping):
        return {str(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    is_plain = value is None or type(value) in (bool, int, float, str)
    return value if is_plain else repr(value)
