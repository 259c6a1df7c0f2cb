"""Steps that run once for each key of a dynamic output: marked when a run is planned, copied when the keys are known.

Pure. Called by the planners and by the state of runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from jobkernel.errors import InvalidDefinition
from jobkernel.rules.plan import FromStep, PlannedInput, PlannedStep


def spread_mapping(steps: list[PlannedStep]) -> list[PlannedStep]:
    """Mark every step below a dynamic output, up to where it is collected, and give it its ``[?]`` key."""
    roots: dict[tuple[str, str], FromStep] = {
        (step.key, output.name): FromStep(step.key, output.name)
        for step in steps
        for output in step.op.outputs
        if output.is_dynamic
    }
    if not roots:
        return steps
    renamed: dict[str, str] = {}
    spread: list[PlannedStep] = []
    for step in steps:
        root = _mapping_root(step, roots)
        moved = replace(step, inputs=tuple(_renamed(planned, renamed) for planned in step.inputs))
        if root is not None:
            renamed[step.key] = f"{step.key}[?]"
            moved = replace(moved, key=f"{step.key}[?]", mapped_over=root)
            roots.update({(step.key, output.name): root for output in step.op.outputs})
        spread.append(moved)
    return spread


def _mapping_root(step: PlannedStep, roots: Mapping[tuple[str, str], FromStep]) -> FromStep | None:
    for feed in step.sources:
        if not feed.is_collected and (feed.step_key, feed.output) in roots:
            root = roots[feed.step_key, feed.output]
            if any(output.is_dynamic for output in step.op.outputs):
                raise InvalidDefinition(f"Op '{step.op.name}' is mapped and cannot have a dynamic output of its own.")
            return root
    return None


def _renamed(planned: PlannedInput, renamed: Mapping[str, str]) -> PlannedInput:
    feeds = tuple(
        replace(feed, step_key=renamed[feed.step_key])
        if isinstance(feed, FromStep) and feed.step_key in renamed
        else feed
        for feed in planned.feeds
    )
    return replace(planned, feeds=feeds)


def copies(step: PlannedStep, mapping_keys: Iterable[str]) -> list[PlannedStep]:
    """Return the copies of a mapped step, one for each key of the dynamic output it is mapped over."""
    return [_copy(step, key) for key in mapping_keys]


def _copy(step: PlannedStep, mapping_key: str) -> PlannedStep:
    def to_copy(feed: FromStep) -> FromStep:
        if feed == step.mapped_over:
            return FromStep(feed.step_key, f"{feed.output}[{mapping_key}]")
        return replace(feed, step_key=feed.step_key.replace("[?]", f"[{mapping_key}]"))

    inputs = tuple(
        replace(p, feeds=tuple(to_copy(f) if isinstance(f, FromStep) and not f.is_collected else f for f in p.feeds))
        for p in step.inputs
    )
    return replace(step, key=step.key.replace("[?]", f"[{mapping_key}]"), inputs=inputs, mapping_key=mapping_key)
