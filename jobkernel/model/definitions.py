"""What people define: assets, ops, graphs, jobs, resources, checks. Frozen records; redefining replaces them.

An :class:`Op` is a computation. An :class:`Assets` says which keys an op's (or graph's) inputs and outputs are.
A :class:`Job` is what is run. Knows no registry and runs nothing; the api and notebook floors make these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import timedelta
from typing import Any, Final, Literal

from jobkernel.model.policies import RetryPolicy
from jobkernel.records import dataclass


class _Empty(dict[str, Any]):
    """A mapping that stays empty, so that records can share it as their default."""

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("The empty mapping takes no items.")

    def __hash__(self) -> int:  # type: ignore[override]  # it never changes, so it may have one
        return 0

    def __reduce__(self) -> str:
        return "EMPTY"


EMPTY: Final[Mapping[str, Any]] = _Empty()
RESULT: Final = "result"
"""The name of an op's only output, unless it says otherwise."""
DEFAULT_IO: Final = "io_manager"
"""The resource key of the IO manager that stores an output, unless it says otherwise."""


class NoValue:
    """Marks an absent default, since None is a value."""

    def __repr__(self) -> str:
        return "<no value>"

    def __reduce__(self) -> str:
        return "NO_VALUE"  # there is one, in every process


NO_VALUE: Final = NoValue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a definition was written: its text, and the notebook cell that holds it."""

    text: str
    language: Literal["python", "sql"] = "python"
    filename: str = ""
    first_line: int = 1
    notebook: str | None = None
    cell_id: str | None = None
    cell_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of an op. ``annotation`` is a Python type, a typing construct or a type record that checks itself."""

    name: str
    annotation: Any = Any
    default: Any = NO_VALUE
    is_nothing: bool = False
    inferred: bool = False
    io: str | None = None
    metadata: Mapping[str, Any] = field(default=EMPTY)
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output of an op. ``io`` is the resource key of the IO manager that keeps it."""

    name: str = RESULT
    annotation: Any = Any
    is_required: bool = True
    is_dynamic: bool = False
    is_nothing: bool = False
    io: str = DEFAULT_IO
    metadata: Mapping[str, Any] = field(default=EMPTY)
    description: str | None = None
    code_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """A named computation.

    ``compute`` is called with the context first where ``context_argument`` names one, then the inputs by name, then
    config and resources under the names below. ``capture`` (notebook cells) is called at launch with a memo shared by
    the steps of a run and returns the function to call, frozen over what it uses; what it keeps in the memo has an
    ``again()`` that captures the same anew. ``fingerprint`` returns the named parts of what it is (a
    ``rules.fingerprint.Fingerprint``).
    """

    name: str
    compute: Callable[..., Any] | None = None
    capture: Callable[[dict[Any, Any]], Callable[..., Any]] | None = None
    fingerprint: Callable[[dict[Any, Any]], Any] | None = None
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = (Output(),)
    context_argument: str | None = None
    config_argument: str | None = None
    config_schema: Any = None
    resource_arguments: Mapping[str, str] = field(default=EMPTY)
    required_resources: frozenset[str] = frozenset()
    retry: RetryPolicy | None = None
    timeout: timedelta | None = None
    pool: str | None = None
    executor: str | None = None
    tags: Mapping[str, str] = field(default=EMPTY)
    description: str | None = None
    code_version: str | None = None
    source: Source | None = None
    hooks: tuple[Hook, ...] = ()

    def output(self, name: str) -> Output | None:
        """Return the output of that name, or None."""
        for output in self.outputs:
            if output.name == name:
                return output
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One output of one invocation inside a graph; ``is_collected`` gathers a dynamic one."""

    node: str
    output: str = RESULT
    is_collected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphInput:
    """An input of the enclosing graph, passed on to an invocation."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLoad:
    """The stored value of an asset, handed to an op of an op job."""

    key: str


Feed = Endpoint | GraphInput | AssetLoad
"""What one input of an invocation may be fed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One use of an op or graph inside a graph, under its own name.

    ``feeds`` maps input names to what feeds them: one feed, or a list for fan-in.
    """

    name: str
    node: Op | Graph
    feeds: Mapping[str, tuple[Feed, ...]] = field(default=EMPTY)
    fan_in: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default=EMPTY)
    retry: RetryPolicy | None = None
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Ops and graphs composed by calling them. ``outputs`` maps the graph's output names to an inner endpoint."""

    name: str
    invocations: tuple[Invocation, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: Mapping[str, Endpoint] = field(default=EMPTY)
    output_details: tuple[Output, ...] = ()
    description: str | None = None
    tags: Mapping[str, str] = field(default=EMPTY)
    config: Any = None
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSpec:
    """What is known of one asset apart from how it is computed. ``key`` and ``deps`` are key texts.

    ``mappings`` say by upstream key text which upstream partitions are needed, where that is not left to be inferred.
    """

    key: str
    deps: tuple[str, ...] = ()
    inferred_deps: frozenset[str] = frozenset()
    description: str | None = None
    metadata: Mapping[str, Any] = field(default=EMPTY)
    group: str = "default"
    code_version: str | None = None
    owners: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default=EMPTY)
    kinds: frozenset[str] = frozenset()
    partitions: Any = None
    mappings: Mapping[str, Any] = field(default=EMPTY)
    automation: Any = None
    is_skippable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """What is known of one asset check."""

    asset_key: str
    name: str
    is_blocking: bool = False
    description: str | None = None
    metadata: Mapping[str, Any] = field(default=EMPTY)
    additional_deps: tuple[str, ...] = ()
    automation: Any = None
    severity: str = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """One or more assets (and checks) computed together, or declared as made elsewhere (``node`` is None).

    ``keys_by_input`` and ``keys_by_output`` map the node's input and output names to key texts;
    ``checks_by_output`` maps output names to checks.
    """

    specs: tuple[AssetSpec, ...]
    node: Op | Graph | None = None
    keys_by_input: Mapping[str, str] = field(default=EMPTY)
    keys_by_output: Mapping[str, str] = field(default=EMPTY)
    checks_by_output: Mapping[str, CheckSpec] = field(default=EMPTY)
    can_subset: bool = False
    resource_defs: Mapping[str, Any] = field(default=EMPTY)
    hooks: tuple[Hook, ...] = ()
    backfill: Any = None

    @property
    def is_external(self) -> bool:
        """Whether these assets are made by somebody else."""
        return self.node is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A function called after a step that succeeded or failed; its error never fails the step."""

    name: str
    kind: Literal["success", "failure"]
    function: Callable[[Any], Any]
    required_resources: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is run and watched: a ``graph`` of ops, or a ``selection`` of assets (None selects all)."""

    name: str
    graph: Graph | None = None
    selection: Any = None
    resource_defs: Mapping[str, Any] = field(default=EMPTY)
    config: Any = None
    tags: Mapping[str, str] = field(default=EMPTY)
    run_tags: Mapping[str, str] | None = None
    metadata: Mapping[str, Any] = field(default=EMPTY)
    executor: Any = None
    hooks: tuple[Hook, ...] = ()
    op_retry: RetryPolicy | None = None
    partitions: Any = None
    owners: tuple[str, ...] = ()
    description: str | None = None
    priority: int = 0
    max_concurrent: int | None = None
    input_values: Mapping[str, Any] = field(default=EMPTY)
    automation: Any = None
    source: Source | None = None

    @property
    def tags_of_runs(self) -> Mapping[str, str]:
        """The tags that every run of the job carries."""
        return self.tags if self.run_tags is None else self.run_tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something steps use by name. ``create`` gets the init context and returns the value, or yields it once.

    Of an IO manager, the schemas say what run config may hold for an input (None: anything) or output (None: nothing).
    """

    name: str
    create: Callable[..., Any]
    config_schema: Any = None
    config: Any = None
    required_resources: frozenset[str] = frozenset()
    description: str | None = None
    input_schema: Any = None
    output_schema: Any = None
    capture: Callable[[dict[Any, Any]], Callable[..., Any]] | None = None
    source: Source | None = None
