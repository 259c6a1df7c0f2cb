"""What a run takes along at its launch: bodies and resources with the names they use, and which resources it opens."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import Any

from jobkernel.engine.in_process import needed_resources
from jobkernel.executors.exchange import STORED_BY_DEFAULT
from jobkernel.model.definitions import Resource
from jobkernel.rules.plan import FromAsset, Plan

IoOf = Callable[[str], tuple[str, Mapping[str, Any]]]
"""Gives the IO manager of an asset and the metadata that it is told."""


def captured_resources(definitions: Mapping[str, Any], memo: dict[Any, Any]) -> dict[str, Any]:
    """Return the definitions with what those of cells use of the notebook, as it is now."""
    return {
        key: replace(each, create=each.capture(memo), capture=None)
        if isinstance(each, Resource) and each.capture is not None
        else each
        for key, each in definitions.items()
    }


def captured_bodies(plan: Plan, memo: dict[Any, Any]) -> dict[str, Callable[..., Any]]:
    """Return the bodies of a plan's steps, by step, with what they use of the notebook, as it is now."""
    return {key: step.op.capture(memo) for key, step in plan.steps.items() if step.op.capture is not None}


def needs_of(
    plan: Plan, definitions: Mapping[str, Any], io_of_asset: IoOf, only: Container[str] | None = None
) -> dict[str, str]:
    """Return the resources to open, each with a step that needs it: its own, and the IO managers of what it loads."""
    steps = [step for step in plan.steps.values() if only is None or step.key in only]
    loaded = {
        io_of_asset(feed.key)[0]: step.key
        for step in steps
        for planned in step.inputs
        for feed in planned.feeds
        if isinstance(feed, FromAsset)
    }
    needs = {**loaded, **needed_resources(steps)}
    return {key: who for key, who in needs.items() if key in definitions or key not in STORED_BY_DEFAULT}
