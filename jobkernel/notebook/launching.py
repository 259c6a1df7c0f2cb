"""What is chosen at a launch, and a run in the cell that waits for it. Called by magics that define and that run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from jobkernel.engine.handle import RunHandle
from jobkernel.errors import InvalidConfig
from jobkernel.model.keys import variable_name
from jobkernel.model.runs import Launch
from jobkernel.notebook.foreground import Progress, users_error, wait_here
from jobkernel.notebook.hints import with_hint
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.options import executor_name, pairs, value_or_name, whole_number
from jobkernel.notebook.reasons import stale_words
from jobkernel.notebook.step_echo import SHOWN, StepEcho
from jobkernel.notebook.value_view import end_with_value
from jobkernel.notebook.views import run_result
from jobkernel.rules.config_schemas import schemas_of_plan
from jobkernel.rules.config_sets import config_from_sets
from jobkernel.rules.fingerprint import CHOSEN
from jobkernel.rules.plan import Plan


def run_config(kernel: NotebookKernel, text: str | None) -> Any:
    """Return the run config that ``--config`` gives: JSON, or what a notebook variable holds.

    Raises:
        InvalidConfig: it is neither.
    """
    config = value_or_name(text, kernel.names) if text else None
    if isinstance(config, str):
        raise InvalidConfig(f"--config: '{config}' is neither JSON nor a notebook variable.")
    return config


def chosen(kernel: NotebookKernel, given: argparse.Namespace, plan: Plan) -> Launch:
    """Return what the options of a magic choose for a run of ``plan``.

    Raises:
        InvalidConfig: config that names nothing of the plan, or sets nothing.
    """
    config = run_config(kernel, given.config)
    if given.set:
        config = config_from_sets(given.set, schemas_of_plan(plan), config)
    _refuse_unused(config, plan)
    return Launch(
        config=config,
        tags=pairs(given.tag, "--tag"),
        priority=whole_number(given.priority, "--priority"),
        executor=executor_name(given.executor),
    )


def _refuse_unused(config: Any, plan: Plan) -> None:
    """Refuse config of cells that have no parameters: it would change nothing."""
    given: Any = config.get("ops") if isinstance(config, Mapping) else None
    for step in plan.steps.values() if isinstance(given, Mapping) else ():
        of_step = given.get(step.key)
        takes_none = step.op.source is not None and step.op.config_schema is None and step.op.config_argument is None
        if takes_none and isinstance(of_step, Mapping) and of_step.get("config"):
            name = next(iter(of_step["config"]))
            raise InvalidConfig(f"'{step.key}' has no parameters; '{name}' sets nothing. Declare it: --param {name}.")


def run_here(
    kernel: NotebookKernel, plan: Plan, choice: Launch, *, bind: Sequence[str], levels: frozenset[str] = SHOWN
) -> RunHandle:
    """Run a plan in this cell: show what its steps print and how it ended, bind what was asked for; return its handle.

    ``bind`` are keys; those that the plan does not make are bound where the notebook has not their stored value.

    Raises:
        the first failed step's own exception, as if the cell's code had raised it here; what an IO manager raised
            that was to give a value to bind.
    """
    echo = StepEcho(plan, levels)
    handle = kernel.session.launch(plan, choice, echo.take, cell_id=kernel.cell_id)
    progress = wait_here(handle, echo)
    unbound = _end(kernel, handle, progress, echo, bind)
    error = handle.live.active.error or unbound
    if error is not None:
        raise with_hint(kernel, users_error(error))
    handle.raise_for_status()
    return handle


def _end(
    kernel: NotebookKernel, handle: RunHandle, progress: Progress, echo: StepEcho, bind: Sequence[str]
) -> Exception | None:
    """Bind and show what a run came to; return what an IO manager of the notebook raised where it gave no value."""
    words, unbound = _bound_or_why(kernel, handle, bind) if handle.success else ([], None)
    words += [*kernel.bindings.older_words(), *_other_parameters(kernel, handle.live.plan)]
    result = run_result(handle, words, kernel.session.states.checks_of_run(handle.run_id))
    if not handle.success or len(bind) != 1 or unbound is not None:
        progress.end(result)
        return unbound
    value = kernel.names.get(variable_name(bind[0]))
    preview = kernel.session.records.last_preview(bind[0])
    end_with_value(kernel.shell, progress, echo, result=result, preview=preview, value=value)
    return None


def _other_parameters(kernel: NotebookKernel, plan: Plan) -> list[str]:
    """Say of what a run made with parameters of its own that it counts as stale from now on."""
    verdicts = kernel.session.freshness.verdicts()
    keys = [key for key in plan.asset_keys if key in verdicts and verdicts[key].changed == (CHOSEN,)]
    return [f"{key} counts as stale: {stale_words(kernel.session, key)}" for key in keys[:3]]


def _bound_or_why(kernel: NotebookKernel, handle: RunHandle, keys: Sequence[str]) -> tuple[list[str], Exception | None]:
    try:
        return _bound(kernel, handle, keys), None
    except Exception as error:  # noqa: BLE001 - the boundary: an IO manager of the notebook's own loads values
        what = f"{keys[0]} is" if len(keys) == 1 else "all is"
        return [f"{what} made, but cannot be loaded"], error


def _bound(kernel: NotebookKernel, handle: RunHandle, keys: Sequence[str]) -> list[str]:
    made = [key for key in keys if key in handle.live.plan.asset_keys]
    facts = handle.live.active.setup.facts
    if facts.partition_key is not None and facts.partitions is not None:
        parts = [key for key in made if key in facts.partitions.of_assets]
        kernel.bindings.bind_partition(parts, facts.partition_key)
        made = [key for key in made if key not in parts]
    return kernel.bindings.bind(made) + kernel.bindings.renew(key for key in keys if key not in made)
