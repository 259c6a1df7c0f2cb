"""What the ``execution`` entry of run config may hold: the options of the executor that the job names. Pure.

Where the job names none, or the project's default, an executor may be named, with its options. Read by ``run_config``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jobkernel.model.config_basics import Path, Problem, Problems
from jobkernel.model.config_schema import Array, Field, Noneable, Permissive, Selector, Shape

_NOTHING: Final = Field(Shape({}), is_required=False)
_RETRIES: Final = Field(Selector({"enabled": _NOTHING, "disabled": _NOTHING}), is_required=False)
_ORDER: Final = Field({"require_upstream_step_success": Field(bool, is_required=False)}, is_required=False)
_TAG_LIMIT: Final = {"key": str, "limit": int, "value": Field(Any, is_required=False)}
_MANY: Final = {
    "max_concurrent": Field(Noneable(int), is_required=False),
    "retries": _RETRIES,
    "tag_concurrency_limits": Field(Array(_TAG_LIMIT), is_required=False),
    "step_dependency_config": _ORDER,
}
IN_PROCESS: Final = Shape(
    {"retries": _RETRIES, "marker_to_close": Field(str, is_required=False), "step_dependency_config": _ORDER}
)
MULTIPROCESS: Final = Shape(
    {
        **_MANY,
        "start_method": Field(Selector({"spawn": _NOTHING, "forkserver": Field(Permissive())}), is_required=False),
    }
)
DASK: Final = Shape(
    {
        **_MANY,
        "address": Field(str, is_required=False),
        "cluster": Field(Selector({"existing": Field({"address": str}), "local": Permissive()}), is_required=False),
    }
)
NAMED: Final = {
    "in_process": IN_PROCESS,
    "multiprocess": MULTIPROCESS,
    "threads": Shape({"max_workers": Field(int, is_required=False), **_MANY}),
    "dask": DASK,
}
_ANY: Final = Shape(
    {
        **{name: Field(shape, is_required=False) for name, shape in NAMED.items()},
        **MULTIPROCESS.fields,
    }
)
_OF_KIND: Final = {
    "in_process": IN_PROCESS,
    "processes": MULTIPROCESS,
    "dask": DASK,
    "threads": Shape({name: Field(NAMED[name], is_required=False) for name in ("in_process", "multiprocess")}),
}


def check_execution(given: Any, executor: Any, found: Problems) -> None:
    """Append every problem of an ``execution`` entry; ``executor`` is what the job names, or None.

    The options of an executor made by ``.configured`` are fixed as far as they are given; others can be added.
    """
    options = Field(options_of(executor), is_required=False)
    Shape({"config": options}).check(given, ("execution",), found)
    if isinstance(given, Mapping):
        _refuse_several(given.get("config"), ("execution", "config"), found)


def check_options(kind: str, given: Any, found: Problems) -> None:
    """Append every problem of the options that an executor of a kind is configured with in code."""
    _OF_KIND[kind].check(given, ("config",), found)
    _refuse_several(given, ("config",), found)


def options_of(executor: Any) -> Shape:
    """Return the shape of an executor's options; of one that is only a name, or none, those of every executor."""
    kind = getattr(executor, "kind", None)
    return _OF_KIND[kind] if isinstance(kind, str) and kind in _OF_KIND else _ANY


def _refuse_several(config: Any, path: Path, found: Problems) -> None:
    named = [name for name in NAMED if name in config] if isinstance(config, Mapping) else []
    if len(named) > 1:
        found.append(Problem(path, f"names several executors, {', '.join(named)}; keep one of them."))
