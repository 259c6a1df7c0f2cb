"""Names that Dagster exports and jobkernel does not provide: importable, and refusing by name when used."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final, NoReturn

from jobkernel.errors import Unsupported, did_you_mean


class _Refusing(type):
    """Makes every use of a class a refusal: calling it, an attribute of it, subscribing it, a class below it."""

    def __call__(cls, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise Unsupported(_sentence(cls.__name__))

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unsupported(_sentence(f"{cls.__name__}.{name}"))

    def __getitem__(cls, _item: Any) -> NoReturn:
        raise Unsupported(_sentence(cls.__name__))


INSTEAD: Final = {
    "build_reconstructable_job": "reconstructable(job), or the job itself",
    "executor": "in_process_executor, multiprocess_executor or dask_executor",
}
"""What serves in the place of a name, where something does."""


def _sentence(name: str) -> str:
    instead = INSTEAD.get(name.partition(".")[0])
    use = f" Use {instead}." if instead else ""
    return f"Dagster's '{name}' is not in jobkernel; docs/compat.md lists what is.{use}"


def _refuse_subclass(cls: Any, /, **_options: Any) -> NoReturn:
    raise Unsupported(_sentence(cls.__mro__[1].__name__))


@cache
def dagster_exports() -> frozenset[str]:
    """Return every name that Dagster 1.13.29 exports."""
    return frozenset(files("jobkernel.api").joinpath("dagster_names.txt").read_text(encoding="utf-8").split())


def placeholder(name: str) -> Any:
    """Return something that can be imported under a name of Dagster's and refuses every use.

    Raises:
        AttributeError: Dagster has no such name either; the message names the nearest public one.
    """
    if name not in dagster_exports():
        import jobkernel

        raise AttributeError(f"jobkernel has no '{name}'.{did_you_mean(name, jobkernel.__all__)}")
    return _Refusing(name, (), {"__module__": "jobkernel", "__init_subclass__": classmethod(_refuse_subclass)})
