"""Take what a body returned or yielded, and turn it into kept values and events, by Dagster's rules.

Knows no executor; used by ``step`` alone. One taker serves one attempt.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from jobkernel.errors import InvariantViolation, StepOutputMissing, did_you_mean
from jobkernel.executors.call import StepCall
from jobkernel.executors.failure import type_name
from jobkernel.executors.partition_values import PARTITIONS, fingerprint_of, output_keys
from jobkernel.model import events as ev
from jobkernel.model.definitions import CheckSpec, Output
from jobkernel.model.keys import key_text
from jobkernel.model.metadata import normalize_metadata, to_json
from jobkernel.model.results import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetMaterialization,
    AssetObservation,
    DynamicOutput,
    ExpectationResult,
    MaterializeResult,
    ObserveResult,
)
from jobkernel.model.results import Output as OutputValue
from jobkernel.rules.type_check import check_left_out, check_type
from jobkernel.values.asset_events import event_told

_EVENTS = (OutputValue, DynamicOutput, MaterializeResult, ObserveResult, AssetCheckResult)


class BlockingCheckFailed(InvariantViolation):
    """A blocking check found its asset wanting."""


class OutputTaker:
    """Collects the outputs of one attempt; ``made`` are their names, ``values`` what they were."""

    __slots__ = ("_call", "_keys", "made", "values")

    def __init__(self, call: StepCall) -> None:
        self._call = call
        self.made: dict[str, None] = {}
        self.values: dict[str, Any] = {}
        self._keys: dict[str, list[str]] = {}

    def mapping_keys(self) -> dict[str, tuple[str, ...]] | None:
        """Return the mapping keys of each dynamic output, or None where the op has none."""
        dynamic = [output.name for output in self._call.step.op.outputs if output.is_dynamic]
        return {name: tuple(self._keys.get(name, ())) for name in dynamic} or None

    def take_returned(self, result: Any) -> None:
        """Take the value of a body that returned."""
        outputs = self._call.step.op.outputs
        if isinstance(result, _EVENTS):
            self.take(result)
        elif len(outputs) == 1:
            self._take_single(outputs[0], result)
        elif isinstance(result, tuple):
            self._take_tuple(outputs, result)
        elif isinstance(result, list) and result and all(isinstance(item, _EVENTS) for item in result):
            self.take_yields(result)
        elif result is not None:
            names = ", ".join(output.name for output in outputs)
            raise InvariantViolation(
                f"Step '{self._call.step.key}' has the outputs {names} and must return a tuple of them, in this order, "
                f"or yield them; it returned {type(result).__name__}."
            )
        elif outputs and all(output.is_required and not output.is_nothing for output in outputs):
            self._take_tuple(outputs, (None,) * len(outputs)) if self._may_be_empty() else None

    def _may_be_empty(self) -> bool:
        return False

    def _take_single(self, output: Output, result: Any) -> None:
        if output.is_dynamic:
            for item in result or ():
                self.take(item)
        elif output.is_nothing or output.name in self._call.step.checks:
            self._take_quiet(output, result)
        else:
            self._keep(output, output.name, result, {})

    def _take_quiet(self, output: Output, result: Any) -> None:
        check = self._call.step.checks.get(output.name)
        if check is not None and _is_bool(result):
            self.take(AssetCheckResult(passed=bool(result), severity=AssetCheckSeverity(check.severity)))
        elif check is not None:
            raise InvariantViolation(
                f"Check '{check.name}' must return a bool or an AssetCheckResult, not {type_name(type(result))}."
            )
        elif result is None:
            self._nothing(output)
        else:
            check_type(None, result, f"Output '{output.name}' of step '{self._call.step.key}'")

    def _take_tuple(self, outputs: tuple[Output, ...], result: tuple[Any, ...]) -> None:
        wanted = [output for output in outputs if not output.is_nothing or output.name not in self._call.step.checks]
        if len(result) != len(wanted):
            raise InvariantViolation(
                f"Step '{self._call.step.key}' has {len(wanted)} outputs but returned a tuple of {len(result)}."
            )
        for output, value in zip(wanted, result, strict=True):
            if isinstance(value, _EVENTS):
                self._take_placed(output, value)
            else:
                self._take_single(output, value)

    def _take_placed(self, output: Output, value: Any) -> None:
        if isinstance(value, OutputValue):
            self._require(output.name == value.output_name or value.output_name == "result", value.output_name)
            self._take_output(output, value)
        else:
            self.take(value)

    def take_yields(self, results: Iterable[Any]) -> None:
        """Take everything that a generator yields, as it comes."""
        for result in results:
            self.take(result)

    def take(self, result: Any) -> None:
        """Take one result or event."""
        match result:
            case DynamicOutput():
                self._take_dynamic(result)
            case OutputValue():
                self._take_output(self._output(result.output_name), result)
            case MaterializeResult():
                self._take_materialize(result)
            case AssetCheckResult():
                self._take_check(result)
            case ObserveResult():
                self._observed(result)
            case AssetMaterialization() | AssetObservation():
                self._logged(result)
            case ExpectationResult():
                self._call.emit("STEP_EXPECTATION_RESULT", {"success": result.success, "label": result.label})
            case _:
                raise InvariantViolation(
                    f"Step '{self._call.step.key}' yielded {type(result).__name__}; a generator yields Output, "
                    "MaterializeResult, AssetCheckResult or another event, not bare values."
                )

    def finish(self) -> None:
        """Check that nothing required is missing.

        Raises:
            StepOutputMissing: a required output was never made.
            BlockingCheckFailed: a blocking check failed, which gives up what is downstream.
        """
        step = self._call.step
        for output in step.op.outputs:
            if output.name in self.made or (
                step.selected_outputs is not None and output.name not in step.selected_outputs
            ):
                continue
            if output.is_nothing and output.is_required and output.name not in step.checks:
                self._nothing(output)
            elif output.is_required and not output.is_dynamic:
                raise StepOutputMissing(
                    f"Step '{step.key}' did not make its output '{output.name}', which is required."
                )
        self._refuse_failed_checks()

    def _refuse_failed_checks(self) -> None:
        for name, check in self._call.step.checks.items():
            result = self.values.get(name)
            if check.is_blocking and result is not None and not result.passed and _severity(check, result) == "ERROR":
                raise BlockingCheckFailed(f"Blocking check '{check.name}' of asset '{check.asset_key}' failed.")

    def _output(self, name: str) -> Output:
        output = self._call.step.op.output(name)
        if output is None:
            names = [each.name for each in self._call.step.op.outputs]
            raise InvariantViolation(
                f"Step '{self._call.step.key}' has no output '{name}'.{did_you_mean(name, names)} "
                f"It has {', '.join(names)}."
            )
        return output

    def _require(self, holds: bool, name: str) -> None:
        if not holds:
            raise InvariantViolation(
                f"Step '{self._call.step.key}' returned its outputs in another order: '{name}' is out of place."
            )

    def _once(self, output: Output) -> None:
        if output.name in self.made:
            raise InvariantViolation(f"Step '{self._call.step.key}' made its output '{output.name}' twice.")

    def _take_output(self, output: Output, result: OutputValue[Any]) -> None:
        self._once(output)
        extra = {"data_version": result.data_version.value} if result.data_version else {}
        if output.is_nothing and result.value is None:
            self._nothing(output, metadata=result.metadata, extra=extra)
        else:
            self._keep(output, output.name, result.value, result.metadata, extra, tags=result.tags)

    def _take_dynamic(self, result: DynamicOutput[Any]) -> None:
        output = self._output(result.output_name)
        keys = self._keys.setdefault(output.name, [])
        if result.mapping_key in keys:
            raise InvariantViolation(
                f"Step '{self._call.step.key}' made two dynamic outputs with the mapping key '{result.mapping_key}'."
            )
        self._keep(output, f"{output.name}[{result.mapping_key}]", result.value, result.metadata)
        keys.append(result.mapping_key)
        self.made[output.name] = None

    def _take_materialize(self, result: MaterializeResult[Any]) -> None:
        output = self._output_of_asset(result.asset_key)
        self._once(output)
        extra = {"data_version": result.data_version.value} if result.data_version else {}
        if result.has_value:
            self._keep(output, output.name, result.value, result.metadata, extra, tags=result.tags)
        else:
            if output.annotation is not Any and not output.is_nothing:
                check_left_out(output.annotation, f"Output '{output.name}' of step '{self._call.step.key}'")
            self._nothing(output, metadata=result.metadata, extra=extra, tags=result.tags)
        for check in result.check_results or ():
            self._take_check(check, default_key=self._call.step.asset_keys.get(output.name))

    def _output_of_asset(self, asset_key: Any) -> Output:
        keys = self._call.step.asset_keys
        if asset_key is None and len(keys) == 1:
            return self._output(next(iter(keys)))
        if asset_key is None:
            raise InvariantViolation(
                f"Step '{self._call.step.key}' makes several assets; a MaterializeResult must say which by asset_key."
            )
        text = key_text(asset_key)
        for name, key in keys.items():
            if key == text:
                return self._output(name)
        raise InvariantViolation(
            f"Step '{self._call.step.key}' does not make '{text}'; it makes {', '.join(keys.values())}."
        )

    def _keep(
        self,
        output: Output,
        name: str,
        value: Any,
        metadata: Any,
        extra: dict[str, Any] | None = None,
        *,
        tags: Any = None,
    ) -> None:
        call = self._call
        if not output.is_dynamic:
            self._once(output)
        call.emit(ev.STEP_OUTPUT, self._made_output(name, metadata))
        if output.annotation is not Any:
            check_type(output.annotation, value, f"Output '{output.name}' of step '{call.step.key}'")
        stored = call.exchange.keep(call, output, name, value, self._said(name, metadata))
        key = call.step.asset_keys.get(output.name)
        if key is not None:
            self._materialized(key, output, metadata, {**stored, **(extra or {})}, tags=tags)
        call.emit(ev.HANDLED_OUTPUT, {"output": name, **_shown(stored)})
        self._note(name, value, metadata)

    def _note(self, name: str, value: Any, metadata: Any = None) -> None:
        self.made[name] = None
        self.values[name] = value
        if self._call.step.hooks:
            self._call.told_hooks[name] = value, normalize_metadata(self._said(name, metadata))

    def _said(self, name: str, metadata: Any) -> dict[str, Any]:
        return {**(metadata or {}), **self._call.metadata_of_outputs.get(name, {})}

    def _made_output(self, name: str, metadata: Any) -> dict[str, Any]:
        """Return what an output's event holds: its name, and what the body said of it, the context's last."""
        said = self._said(name, metadata)
        if not said:
            return {"output": name}
        shown = {key: to_json(each) for key, each in normalize_metadata(said).items()}
        return {"output": name, "metadata": shown}

    def _nothing(
        self, output: Output, *, metadata: Any = None, extra: dict[str, Any] | None = None, tags: Any = None
    ) -> None:
        self._call.emit(ev.STEP_OUTPUT, self._made_output(output.name, metadata))
        key = self._call.step.asset_keys.get(output.name)
        if key is not None:
            self._materialized(key, output, metadata, extra or {}, tags=tags)
        self._note(output.name, None, metadata)

    def _materialized(
        self, key: str, output: Output, metadata: Any, stored: dict[str, Any], *, tags: Any = None
    ) -> None:
        call = self._call
        own = {
            **call.metadata_of_outputs.get(output.name, {}),
            **call.metadata_of_assets.get(key, {}),
            **(metadata or {}),
        }
        each = stored.pop(PARTITIONS, {})
        for partition in output_keys(call, key):
            told = {**own, **call.metadata_of_assets.get((key, partition), {})}
            self._materialized_one(key, partition, output, told, each.get(partition, stored), tags=tags)

    def _materialized_one(
        self, key: str, partition: str | None, output: Output, own: dict[str, Any], stored: dict[str, Any], *, tags: Any
    ) -> None:
        call = self._call
        body: dict[str, Any] = {"asset_key": key, "partition_key": partition, **stored}
        # what the store knows comes first, so that a body's own metadata has the last word
        shown = {
            **stored.get("metadata", {}),
            **{name: to_json(each) for name, each in normalize_metadata(own).items()},
        }
        body["metadata"] = shown
        body["duration_s"] = round(time.perf_counter() - call.began, 6)
        if output.code_version is not None:
            body["code_version"] = output.code_version
        if tags:
            body["tags"] = dict(tags)
        if call.fingerprint is not None:
            body["fingerprint"] = fingerprint_of(call.fingerprint, partition)
        call.emit(ev.ASSET_MATERIALIZATION, body)

    def _take_check(self, result: AssetCheckResult, default_key: str | None = None) -> None:
        name, check = self._check_of(result, default_key)
        self._call.emit(ev.STEP_OUTPUT, {"output": name})
        self._call.emit(
            ev.ASSET_CHECK_EVALUATION,
            {
                "asset_key": check.asset_key,
                "check_name": check.name,
                "passed": bool(result.passed),
                "severity": _severity(check, result),
                "blocking": check.is_blocking,
                "description": result.description,
                "metadata": {each: to_json(value) for each, value in normalize_metadata(result.metadata or {}).items()},
            },
        )
        self._note(name, result)

    def _check_of(self, result: AssetCheckResult, default_key: str | None) -> tuple[str, CheckSpec]:
        checks = self._call.step.checks
        key = key_text(result.asset_key) if result.asset_key is not None else default_key
        found = [
            (name, check)
            for name, check in checks.items()
            if (result.check_name in (None, check.name)) and key in (None, check.asset_key)
        ]
        if len(found) == 1:
            return found[0]
        wanted = f"'{result.check_name}'" if result.check_name else "a check"
        names = ", ".join(check.name for check in checks.values()) or "none"
        raise InvariantViolation(f"Step '{self._call.step.key}' reported {wanted}, but its checks are: {names}.")

    def _observed(self, result: ObserveResult) -> None:
        keys = list(self._call.step.asset_keys.values())
        key = key_text(result.asset_key) if result.asset_key is not None else keys[0]
        metadata = {name: to_json(value) for name, value in normalize_metadata(result.metadata or {}).items()}
        self._call.emit(ev.ASSET_OBSERVATION, {"asset_key": key, "metadata": metadata})
        for name, made_key in self._call.step.asset_keys.items():
            if made_key == key:
                self.made[name] = None

    def _logged(self, event: AssetMaterialization | AssetObservation) -> None:
        self._call.emit(*event_told(event))


def _is_bool(value: Any) -> bool:
    """Whether a value is a truth value, numpy's own included: ``(df.x > 0).all()`` gives that."""
    kind = type(value)
    return kind is bool or (kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_"))


def _shown(stored: dict[str, Any]) -> dict[str, Any]:
    """What the event of a kept output tells: where it lies, or what an IO manager of one's own said of it."""
    if "format" not in stored and stored.get("metadata"):
        return {"metadata": stored["metadata"]}
    return {name: stored[name] for name in ("path", "bytes", "format") if name in stored}


def _severity(check: CheckSpec, result: AssetCheckResult) -> str:
    """Return how much a failed check counts: no more than it was declared to, as a result says ERROR by default."""
    return check.severity if check.severity == AssetCheckSeverity.WARN.value else result.severity.value
