"""Call a step's hooks after it ended. A hook's error is an event and never fails the step."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from jobkernel.errors import Unsupported
from jobkernel.executors.call import StepCall
from jobkernel.executors.failure import describe_error
from jobkernel.model import events as ev


class HookContext:
    """What a hook sees of the step that ended. Source: Dagster's ``HookContext``."""

    def __init__(self, call: StepCall, hook: Any, failure: BaseException | None) -> None:
        self._call = call
        self.hook_def = hook
        self.op_exception = failure

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """The resources that the hook asks for."""
        return frozenset(self.hook_def.required_resources)

    @property
    def op_output_values(self) -> Mapping[str, Any]:
        """What the step made, by output, also before it failed; of a dynamic output a dict by mapping key."""
        return _by_output({name: value for name, (value, _) in self._call.told_hooks.items()})

    @property
    def op_output_metadata(self) -> Mapping[str, Any]:
        """The metadata of what the step made, by output; of a dynamic output a dict by mapping key."""
        return _by_output({name: metadata for name, (_, metadata) in self._call.told_hooks.items()})

    @property
    def instance(self) -> NoReturn:
        """Refused, as for bodies."""
        raise Unsupported("context.instance is not offered to hooks; use jk.sql for the history, jk.load for values.")

    @property
    def job_name(self) -> str:
        """The job whose run this is."""
        return self._call.run.job_name

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._call.run.run_id

    @property
    def step_key(self) -> str:
        """The step that ended."""
        return self._call.step.key

    @property
    def op(self) -> Any:
        """The op that the step ran."""
        return self._call.step.op

    @property
    def op_config(self) -> Any:
        """The op's config."""
        return self._call.config.for_op(self._call.step.path)

    @property
    def resources(self) -> Any:
        """The run's resources, by attribute."""
        from jobkernel.executors.context import resources_view

        return resources_view(self._call.resources)

    @property
    def log(self) -> Any:
        """A logger whose lines belong to the step."""
        from jobkernel.executors.context import step_logger

        return step_logger(self._call)


def _by_output(made: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, each in made.items():
        output, opened, mapping_key = name.partition("[")
        if opened:
            found.setdefault(output, {})[mapping_key.removesuffix("]")] = each
        else:
            found[output] = each
    return found


def run_hooks(call: StepCall, *, failure: BaseException | None) -> None:
    """Call the hooks that this ending concerns; note the others as skipped."""
    for hook in call.step.hooks:
        if (hook.kind == "failure") != (failure is not None):
            call.emit(ev.HOOK_SKIPPED, {"hook": hook.name})
            continue
        try:
            hook.function(HookContext(call, hook, failure))
        except BaseException as error:  # noqa: BLE001 - the boundary: a hook is user code, which may also exit
            described = describe_error(error)
            call.emit(ev.HOOK_ERRORED, {"hook": hook.name, "error": described})
            sys.stderr.write(
                f"Hook '{hook.name}' failed: {described['type']}: {described['message']}\n"
            )  # the step's log
        else:
            call.emit(ev.HOOK_COMPLETED, {"hook": hook.name})
