"""Names of environment variables as config values: read late, never shown.

Knows no config; config types and resources turn these into ``{"env": NAME}`` and back.
"""

from __future__ import annotations

import os
from typing import Any


def _refusal(kind: str, name: str) -> RuntimeError:
    return RuntimeError(
        f'{kind}("{name}") is read when a run needs it and has no value before; call .get_value(), or use os.getenv.'
    )


class EnvVar(str):
    """The text of an environment variable, read when a run needs it. Source: Dagster's ``EnvVar``."""

    __slots__ = ()

    @classmethod
    def int(cls, name: str) -> IntEnvVar:
        """Return the same for a variable that holds a whole number."""
        return IntEnvVar.create(name)

    def __str__(self) -> str:
        raise _refusal("EnvVar", self.env_var_name)

    def __repr__(self) -> str:
        return f"EnvVar({self.env_var_name!r})"

    @property
    def env_var_name(self) -> str:
        """The variable's name."""
        return "".join(self)

    def get_value(self, default: str | None = None) -> str | None:
        """Return what the variable holds now, or ``default`` where it is not set."""
        return os.getenv(self.env_var_name, default)


class IntEnvVar(int):
    """The whole number that an environment variable holds, read when a run needs it."""

    name: str

    @classmethod
    def create(cls, name: str) -> IntEnvVar:
        """Return the stand-in for the variable of that name."""
        variable = cls(0)
        variable.name = name
        return variable

    def __int__(self) -> int:
        raise _refusal("IntEnvVar", self.name)

    def __str__(self) -> str:
        raise _refusal("IntEnvVar", self.name)

    def __repr__(self) -> str:
        return f"IntEnvVar({self.name!r})"

    @property
    def env_var_name(self) -> str:
        """The variable's name."""
        return self.name

    def get_value(self, default: int | None = None) -> int | None:
        """Return what the variable holds now, or ``default`` where it is not set."""
        text = os.getenv(self.name)
        return int(text) if text else default


def env_entry(value: Any) -> dict[str, str]:
    """Return ``{"env": NAME}``, the form in which config keeps an environment variable."""
    return {"env": value.env_var_name}
