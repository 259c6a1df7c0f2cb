"""Run one attempt at a step: inputs, the body, outputs, events. The only place where user code is called.

Knows no threads, no queue and no store; executors call it wherever they run. What a body sees is the same on all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from jobkernel.errors import Interrupted, InvalidDefinition
from jobkernel.executors.call import Ending, StepCall, StepOutcome
from jobkernel.executors.cancel import call_interruptible
from jobkernel.executors.context import step_context
from jobkernel.executors.failure import describe_error
from jobkernel.executors.hooks import run_hooks
from jobkernel.executors.outputs import OutputTaker
from jobkernel.executors.partition_values import output_keys
from jobkernel.model import events as ev
from jobkernel.model.definitions import Input
from jobkernel.model.metadata import to_json
from jobkernel.model.results import Failure, RetryRequested
from jobkernel.rules.plan import FromAsset, FromConfig, FromManager, FromStep, FromValue, PlannedInput
from jobkernel.rules.retries import retry_delay
from jobkernel.rules.type_check import check_type


def run_step(call: StepCall) -> StepOutcome:
    """Run one attempt and return how it ended. Never raises for what user code does."""
    began = call.began = time.perf_counter()
    announce(call)
    try:
        taker = _call_body(call)
    except BaseException as error:  # noqa: BLE001 - the boundary: whatever user code raises becomes an event
        return _unfinished(call, error, time.perf_counter() - began)
    call.emit(ev.STEP_SUCCESS, {"attempt": call.attempt, "duration_s": round(time.perf_counter() - began, 6)})
    if call.step.hooks:
        run_hooks(call, failure=None)
    return StepOutcome(ending=Ending.SUCCESS, made=tuple(taker.made), mapping_keys=taker.mapping_keys())


def announce(call: StepCall) -> None:
    """Record that an attempt begins, and where."""
    call.emit(ev.STEP_START if call.attempt == 1 else ev.STEP_RESTARTED, {"attempt": call.attempt, **call.place})


def _call_body(call: StepCall) -> OutputTaker:
    call.cancel.raise_if_requested()
    compute = call.compute or call.step.op.compute
    if compute is None:
        raise InvalidDefinition(f"Op '{call.step.op.name}' has no function to call.")
    with step_context(call) as context:
        arguments = _arguments(call, context)
        call.cancel.raise_if_requested()  # what was asked while inputs loaded found nothing to interrupt
        taker = OutputTaker(call)
        if call.step.op.context_argument is not None:
            result = call_interruptible(compute, context, **arguments)
        else:
            result = call_interruptible(compute, **arguments)
        _take(call, taker, result)
    return taker


def _take(call: StepCall, taker: OutputTaker, result: Any) -> None:
    if isinstance(result, CoroutineType):
        result = call_interruptible(run_coroutine, result)
    if isinstance(result, AsyncGeneratorType):
        taker.take_yields(_yields(call, iter(call_interruptible(run_coroutine, _gathered(result)))))
    elif isinstance(result, GeneratorType):
        taker.take_yields(_yields(call, result))
    else:
        call.refuse_if_given_up()
        taker.take_returned(result)
    taker.finish()


def _yields(call: StepCall, generator: Iterator[Any]) -> Iterator[Any]:
    """Give what a body yields; only its own code can be interrupted, not what is done with the results."""
    end = object()
    while (result := call_interruptible(next, generator, end)) is not end:
        call.refuse_if_given_up()
        if call.cancel.is_forced:
            call.cancel.raise_if_requested()
        yield result


async def _gathered(results: Any) -> list[Any]:
    return [each async for each in results]


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a loop of its own, also where this thread's loop is running."""
    import asyncio  # a third of what a worker would import at its start, and few bodies need it

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    box: list[Any] = []
    thread = threading.Thread(
        target=_into(box, lambda: asyncio.run(coroutine)), name="jobkernel-coroutine", daemon=True
    )
    thread.start()
    thread.join()
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0][0]


def _into(box: list[Any], work: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        try:
            box.append((work(),))
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits
            box.append(error)

    return run


def _arguments(call: StepCall, context: Any) -> dict[str, Any]:
    op = call.step.op
    arguments: dict[str, Any] = {}
    for planned in call.step.inputs:
        if planned.input.is_nothing:
            continue
        value = _input_value(call, planned)
        _check_input(call, planned.input, value)
        arguments[planned.input.name] = value
    if op.config_argument is not None:
        arguments[op.config_argument] = call.config.for_op(call.step.path)
    for argument, key in op.resource_arguments.items():
        arguments[argument] = context.resource(key)
    return arguments


def _check_input(call: StepCall, item: Input, value: Any) -> None:
    call.emit(ev.STEP_INPUT, {"input": item.name})
    if item.annotation is not Any:
        check_type(item.annotation, value, f"Input '{item.name}' of step '{call.step.key}'")


def _input_value(call: StepCall, planned: PlannedInput) -> Any:
    if not planned.is_fan_in:
        return _fed_value(call, planned, planned.feeds[0])
    present = [f for f in planned.feeds if not isinstance(f, FromStep) or f.is_collected or call.exchange.has_made(f)]
    return [_fed_value(call, planned, feed) for feed in present]


def _fed_value(call: StepCall, planned: PlannedInput, feed: Any) -> Any:
    match feed:
        case FromStep(is_collected=True):
            return [_loaded(call, planned, each) for each in call.exchange.collected(feed)]
        case FromStep() | FromAsset() | FromManager():
            return _loaded(call, planned, feed)
        case FromValue(value=value):
            return value
        case FromConfig():
            return call.config.input_value(call.step.path, planned.input.name)
        case _:
            raise AssertionError(feed)


def _loaded(call: StepCall, planned: PlannedInput, feed: FromStep | FromAsset | FromManager) -> Any:
    value = call.exchange.load(call, planned, feed)
    match feed:
        case FromStep(step_key=source) | FromAsset(key=source):
            body = {"input": planned.input.name, "from": source}
        case _:
            body = {"input": planned.input.name}
    call.emit(ev.LOADED_INPUT, body)
    return value


def _unfinished(call: StepCall, error: BaseException, seconds: float) -> StepOutcome:
    if call.cancel.because is not None and not call.is_abandoned:
        return failed_step(call, call.cancel.because, seconds)
    if call.is_abandoned or isinstance(error, Interrupted | KeyboardInterrupt):
        return StepOutcome(ending=Ending.CANCELED, error=error)
    return failed_step(call, error, seconds)


def failed_step(call: StepCall, error: BaseException, seconds: float) -> StepOutcome:
    """Record that an attempt failed, and return whether it is tried again."""
    described = describe_error(error)
    body = {"attempt": call.attempt, "duration_s": round(seconds, 6), "error": described}
    delay = None if call.step.is_never_retried else retry_delay(call.step.retry, call.attempt, error)
    if delay is not None:
        call.emit(ev.STEP_UP_FOR_RETRY, {**body, "delay_s": delay})
        for hook in call.step.hooks:
            call.emit(ev.HOOK_SKIPPED, {"hook": hook.name})
        return StepOutcome(ending=Ending.RETRY, delay=delay, error=error)
    if isinstance(error, RetryRequested) and error.__cause__ is not None:
        error = error.__cause__
        body["error"] = described = describe_error(error)
    if isinstance(error, Failure):
        body["metadata"] = {name: to_json(value) for name, value in error.metadata.items()}
    call.emit(ev.STEP_FAILURE, body)
    for key in call.step.asset_keys.values():
        for partition in output_keys(call, key):
            failed = {"asset_key": key, "partition_key": partition, "error": described}
            call.emit(ev.ASSET_FAILED_TO_MATERIALIZE, failed)
    if call.step.hooks:
        run_hooks(call, failure=error)
    return StepOutcome(ending=Ending.FAILURE, error=error)
