"""The outputs of one run, by op, graph or asset: which there are, and their values as they are kept.

Knows the run's plan and progress and where values lie; a run's handle calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jobkernel.errors import InvariantViolation, MissingUpstream, did_you_mean
from jobkernel.executors.exchange import STORED_BY_DEFAULT
from jobkernel.executors.stored import StoredValues
from jobkernel.model.definitions import RESULT, Graph
from jobkernel.rules.plan import Plan
from jobkernel.rules.run_state import RunProgress
from jobkernel.values.addresses import OutputAddress


class RunOutputs(Mapping[str, Any]):
    """Values by name: ``step`` where an op has one output, else ``step.output``; loaded when asked for.

    Args:
        load_asset: returns an asset's stored value.
    """

    def __init__(
        self, run_id: str, plan: Plan, progress: RunProgress, values: StoredValues, load_asset: Callable[[str], Any]
    ) -> None:
        self._run_id = run_id
        self._plan = plan
        self._progress = progress
        self._values = values
        self._load_asset = load_asset

    def __getitem__(self, name: str) -> Any:
        named = self._named()
        if name not in named:
            raise KeyError(f"This run has made no output '{name}'.{did_you_mean(name, named)}")
        return self._value(*named[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())

    def __len__(self) -> int:
        return len(self._named())

    def __repr__(self) -> str:
        return f"<outputs {', '.join(self._named()) or 'none yet'}>"

    def of_node(self, node: str, output: str | None = None) -> Any:
        """Return an output of an op or graph (``outer.inner``); of a mapped or dynamic one, a dict by mapping key.

        Without ``output`` it is the only one that there is.

        Raises:
            InvariantViolation: the run has made no such output; the sentence names the nearest.
        """
        step_key, wanted = self._origin(node, RESULT if output is None else output)
        made = [(key, name) for key, name in self._made() if _base(key) == step_key]
        names = sorted({_base(name) for _, name in made})
        if output is None and wanted not in names and len(names) == 1:
            wanted = names[0]
        found = [(key, name) for key, name in made if _base(name) == wanted]
        if not found:
            raise InvariantViolation(self._missing(node, step_key, wanted, names))
        by_mapping = {_mapping_key(key) or _mapping_key(name): (key, name) for key, name in found}
        if None in by_mapping:
            return self._value(*by_mapping[None])
        return {str(mapping): self._value(*place) for mapping, place in by_mapping.items()}

    def of_job(self, output: str = RESULT) -> Any:
        """Return an output of the job's own graph.

        Raises:
            InvariantViolation: the job has no such output, or this run has not made it.
        """
        graph = self._graph()
        outputs = graph.outputs if graph is not None else {}
        if output not in outputs:
            has = ", ".join(outputs) or "none"
            raise InvariantViolation(f"Job '{self._plan.job_name}' has no output '{output}'; it has {has}.")
        return self.of_node(outputs[output].node, outputs[output].output)

    def has_node(self, node: str) -> bool:
        """Whether the run has a step, or a graph of steps, of that name."""
        step_key, _ = self._origin(node, RESULT)
        return (
            any(key.partition("[")[0] == step_key for key in self._progress.steps) or self._graph_at(node) is not None
        )

    def nodes(self) -> list[str]:
        """Return the names of the run's steps, mapped copies counted once."""
        return list(dict.fromkeys(_base(key) for key in self._progress.steps))

    def _missing(self, node: str, step_key: str, output: str, names: list[str]) -> str:
        if step_key not in self.nodes():
            known = self.nodes()
            return f"This run has no step '{node}'.{did_you_mean(node, known)} It has {', '.join(known)}."
        if not names:
            return f"Step '{node}' has made no output in this run: {self._standing(step_key)}."
        guess = did_you_mean(output, names)
        return f"Step '{node}' has made no output '{output}'.{guess} It made {', '.join(names)}."

    def _standing(self, step_key: str) -> str:
        status = self._progress.statuses.get(step_key)
        return f"its status is {status}" if status is not None else "it was never reached"

    def _made(self) -> list[tuple[str, str]]:
        return [(key, name) for key in list(self._progress.steps) for name in self._progress.made_by(key)]

    def _named(self) -> dict[str, tuple[str, str]]:
        return {key if name == RESULT else _dotted(key, name): (key, name) for key, name in self._made()}

    def _value(self, step_key: str, name: str) -> Any:
        step = self._progress.steps[step_key]
        base = _base(name)
        if base in step.asset_keys:
            return self._load_asset(step.asset_keys[base])
        output = step.op.output(base)
        if output is not None and output.io not in STORED_BY_DEFAULT:
            raise MissingUpstream(
                f"Output '{name}' of step '{step_key}' was handed to the IO manager '{output.io}'; ask it there."
            )
        address = OutputAddress(self._run_id, step_key, name)
        place = self._values.memory if output is not None and output.io == "memory" else self._values.store
        return place.get(address)

    def _origin(self, node: str, output: str) -> tuple[str, str]:
        """The step and output behind a node's output: a graph's are those of ops inside it."""
        graph, path = self._graph_at(node), node
        while graph is not None and output in graph.outputs:
            end = graph.outputs[output]
            path, output = f"{path}.{end.node}", end.output
            graph = self._graph_at(path)
        return path, output

    def _graph(self) -> Graph | None:
        return self._plan.job.graph if self._plan.job is not None else None

    def _graph_at(self, path: str) -> Graph | None:
        graph = self._graph()
        for part in path.split("."):
            nodes = {each.name: each.node for each in graph.invocations} if graph is not None else {}
            node = nodes.get(part)
            graph = node if isinstance(node, Graph) else None
        return graph


def _base(name: str) -> str:
    """Return a step's key, or an output's name, without its mapping key."""
    return name.partition("[")[0]


def _mapping_key(name: str) -> str | None:
    return name.partition("[")[2].rstrip("]") or None


def _dotted(step_key: str, name: str) -> str:
    base, bracket, mapping = name.partition("[")
    return f"{step_key}{bracket}{mapping}" if base == RESULT else f"{step_key}.{name}"
