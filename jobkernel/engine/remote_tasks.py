"""What the steps of one run need when they run in another process: the task of each, made from its call.

Refuses in a sentence what cannot be: values that live in this kernel's memory alone. Made by the launcher, once a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jobkernel.engine.in_process import needed_resources_of
from jobkernel.errors import InvalidDefinition
from jobkernel.executors import failure
from jobkernel.executors.call import Config, StepCall
from jobkernel.executors.exchange import STORED_BY_DEFAULT, RunExchange, Upstream
from jobkernel.executors.remote import RemoteTask
from jobkernel.executors.stored import MEMORY, StoredValues
from jobkernel.model.definitions import Graph, Output
from jobkernel.records import dataclass
from jobkernel.rules.plan import FromAsset, FromStep, PlannedStep
from jobkernel.values.store import ValueStore

IoOf = Callable[[str], tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTasks:
    """Makes the tasks of one run."""

    definitions: Mapping[str, Any]
    config: Config
    io_of_asset: IoOf
    values: StoredValues

    def of(self, call: StepCall) -> RemoteTask:
        """Return the task of one attempt.

        Raises:
            InvalidDefinition: the step keeps or reads a value that only this kernel's memory holds.
        """
        step, exchange, store = call.step, call.exchange, self.values.store
        assert isinstance(exchange, RunExchange)
        if not isinstance(store, ValueStore):
            raise InvalidDefinition(
                f"Step '{step.key}' cannot run in another process: this session keeps its values in memory."
            )
        upstream = exchange.upstream_of(step)
        self._refuse_memory(step, upstream)
        store.flush(call.run.run_id)  # what other steps of this run left waiting must be there to be read
        needed = [key for key in needed_resources_of(step) if key in self.definitions or key not in STORED_BY_DEFAULT]
        loaded = {feed.key: self.io_of_asset(feed.key) for feed in _feeds(step) if isinstance(feed, FromAsset)}
        needed += [io for io in _managers(step, upstream, loaded) if io in self.definitions and io not in needed]
        return RemoteTask(
            step=_travelling(step),
            run=call.run,
            attempt=call.attempt,
            config=call.config,
            compute=call.compute or step.op.compute,
            upstream=upstream,
            resources=self.definitions if needed else {},
            needed=tuple(needed),
            io_of_asset=loaded,
            values=store.root,
            place=call.place,
            fingerprint=call.fingerprint,
            cells=failure.cells(),
        )

    def _refuse_memory(self, step: PlannedStep, upstream: Upstream) -> None:
        if any(output.io == MEMORY for output in step.op.outputs):
            raise InvalidDefinition(
                f"Step '{step.key}' keeps its value in this kernel's memory (--io memory), so it cannot run in another"
                " process; leave --io out, or use '--executor threads'."
            )
        for feed in _feeds(step):
            output = _output_behind(feed, upstream)
            is_kept_here = self.values.has_in_memory(feed.key) if isinstance(feed, FromAsset) else False
            if is_kept_here or (output is not None and output.io == MEMORY):
                name = feed.key if isinstance(feed, FromAsset) else feed.step_key
                raise InvalidDefinition(
                    f"Step '{step.key}' cannot run in another process: what it reads of '{name}' is in this kernel's"
                    " memory (--io memory); keep that on disk, or use '--executor threads'."
                )


def _travelling(step: PlannedStep) -> PlannedStep:
    """Return a step without what only the kernel needs; what it calls goes beside it, with what that uses."""
    op = replace(step.op, capture=None, fingerprint=None, compute=None)
    if step.assets is None:
        return replace(step, op=op)
    node = Graph(name=step.assets.node.name) if isinstance(step.assets.node, Graph) else op
    return replace(step, op=op, assets=replace(step.assets, node=node))


def _managers(
    step: PlannedStep, upstream: Upstream, loaded: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> dict[str, None]:
    """Return the IO managers that load what a step reads, those of collected outputs among them."""
    found: dict[str, None] = {}
    for planned in step.inputs:
        for feed in planned.feeds:
            output = _output_behind(feed, upstream)
            io = loaded[feed.key][0] if isinstance(feed, FromAsset) else output.io if output else None
            wanted = planned.input.io or io
            if wanted is not None:
                found[wanted] = None
    return found


def _output_behind(feed: Any, upstream: Upstream) -> Output | None:
    """Return the output of a step that a feed stands for; of a collected one, the first."""
    if not isinstance(feed, FromStep):
        return None
    if feed.is_collected:
        members = upstream.collected(feed)
        return _output_behind(members[0], upstream) if members else None
    source = upstream.step_of(feed.step_key)
    return source.op.output(feed.output.partition("[")[0]) if source is not None else None


def _feeds(step: PlannedStep) -> list[Any]:
    return [feed for planned in step.inputs for feed in planned.feeds]
