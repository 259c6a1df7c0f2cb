"""Check what a directly called body returns or yields, and hand it back as it is. Knows no contexts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from jobkernel.errors import InvariantViolation
from jobkernel.model.definitions import Assets, Op, Output
from jobkernel.model.results import (
    AssetCheckResult,
    DynamicOutput,
    MaterializeResult,
    ObserveResult,
)
from jobkernel.model.results import Output as OutputValue
from jobkernel.rules.type_check import check_type

_SPEAKING_FOR_ASSETS = (MaterializeResult, ObserveResult, AssetCheckResult)


def checked_result(op: Op, result: Any, assets: Assets | None = None) -> Any:
    """Return what the body returned.

    Raises:
        TypeCheckFailed: a value is not of its output's type.
        InvariantViolation: the number, order or names of several outputs are wrong.
    """
    if isinstance(result, _SPEAKING_FOR_ASSETS):
        return result
    if len(op.outputs) == 1:
        _check_single(op, op.outputs[0], result)
        return result
    if isinstance(result, tuple):
        _check_tuple(op, result)
        return result
    if result is not None or not all(each.is_nothing or not each.is_required for each in op.outputs):
        _refuse_single(op, result, assets)
    return result


def _refuse_single(op: Op, result: Any, assets: Assets | None) -> None:
    if op.outputs:
        word = "assets" if assets is not None else "outputs"
        raise InvariantViolation(
            f"'{op.name}' has {len(op.outputs)} {word}; it must return a tuple of as many, or yield them, "
            f"not return {type(result).__name__}."
        )
    if result is not None:
        raise InvariantViolation(f"'{op.name}' has no output and must return None, not {type(result).__name__}.")


def _check_single(op: Op, output: Output, result: Any) -> None:
    if output.is_dynamic:
        for item in result or ():
            _check_value(op, output, item.value if isinstance(item, DynamicOutput) else item)
    elif isinstance(result, OutputValue):
        _check_name(op, result.output_name)
        _check_value(op, output, result.value)
    elif not output.is_nothing:
        _check_value(op, output, result)


def _check_tuple(op: Op, result: tuple[Any, ...]) -> None:
    if len(result) != len(op.outputs):
        raise InvariantViolation(f"'{op.name}' has {len(op.outputs)} outputs but returned a tuple of {len(result)}.")
    for output, value in zip(op.outputs, result, strict=True):
        if isinstance(value, _SPEAKING_FOR_ASSETS):
            continue
        if isinstance(value, OutputValue):
            if value.output_name not in (output.name, "result"):
                raise InvariantViolation(
                    f"'{op.name}' returned '{value.output_name}' where '{output.name}' belongs; keep the order."
                )
            value = value.value
        _check_value(op, output, value)


def _check_value(op: Op, output: Output, value: Any) -> None:
    if output.annotation is not Any and not output.is_nothing:
        check_type(output.annotation, value, f"Output '{output.name}' of '{op.name}'")


def _check_name(op: Op, name: str) -> Output:
    output = op.output(name)
    if output is None:
        raise InvariantViolation(f"'{op.name}' has no output '{name}'; it has {', '.join(o.name for o in op.outputs)}.")
    return output


class _Yields:
    """Checks what a generator yields, one by one, and at its end that nothing required is missing."""

    def __init__(self, op: Op) -> None:
        self._op = op
        self._seen: set[str] = set()
        self._speaks_for_assets = False

    def take(self, item: Any) -> Any:
        if isinstance(item, _SPEAKING_FOR_ASSETS):
            self._speaks_for_assets = True
        elif isinstance(item, OutputValue | DynamicOutput):
            output = _check_name(self._op, item.output_name)
            if output.name in self._seen and not output.is_dynamic:
                raise InvariantViolation(f"'{self._op.name}' made its output '{output.name}' twice.")
            self._seen.add(output.name)
            _check_value(self._op, output, item.value)
        return item

    def end(self) -> None:
        if self._speaks_for_assets:
            return
        for output in self._op.outputs:
            is_owed = output.is_required and not output.is_nothing and not output.is_dynamic
            if is_owed and output.name not in self._seen:
                raise InvariantViolation(f"'{self._op.name}' did not make its required output '{output.name}'.")


def checked_yields(op: Op, results: Iterator[Any]) -> Iterator[Any]:
    """Yield what the body yields, checked.

    Raises:
        InvariantViolation: an unknown output, one made twice, or a required one never made.
    """
    yields = _Yields(op)
    for item in results:
        yield yields.take(item)
    yields.end()


async def checked_async_yields(op: Op, results: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield what an async body yields, checked as :func:`checked_yields` does."""
    yields = _Yields(op)
    async for item in results:
        yield yields.take(item)
    yields.end()
