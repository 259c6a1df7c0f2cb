"""What the decorators of schedules and sensors share: reading targets and functions, and direct calls.

Knows neither crons nor cursors; ``schedules`` and ``sensors`` use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from jobkernel.api.assets_definition import AssetsDefinition, SourceAsset
from jobkernel.api.context_builders import cleans_up
from jobkernel.api.graphs import GraphDefinition
from jobkernel.api.jobs import JobDefinition, UnresolvedAssetJobDefinition, define_asset_job
from jobkernel.api.signatures import read_signature
from jobkernel.errors import InvalidDefinition, InvalidInvocation
from jobkernel.executors.automation_context import AutomationContext
from jobkernel.executors.resources import is_configurable
from jobkernel.model.automation import ANONYMOUS_JOB, Target
from jobkernel.model.definitions import Resource
from jobkernel.model.keys import AssetKey
from jobkernel.model.metadata import normalize_metadata

Context = TypeVar("Context", bound=AutomationContext)


class Parameters(NamedTuple):
    """The parameters of a function: those that are no resources, in order, and the names of the resources."""

    others: tuple[str, ...]
    resources: tuple[str, ...]

    @property
    def context(self) -> str | None:
        """The parameter that gets the context: the first that is no resource."""
        return self.others[0] if self.others else None


class Aim(NamedTuple):
    """What an automation starts: jobs, and the assets that were given as definitions along with it."""

    targets: tuple[Target, ...] = ()
    assets: tuple[Any, ...] = ()


def read_parameters(function: Any, what: str) -> Parameters:
    """Return what the parameters of a schedule's or sensor's function are for.

    Raises:
        InvalidDefinition: it is no function, or takes ``*args``.
    """
    if not callable(function):
        raise InvalidDefinition(f"{first_up(what)} is made of a function, not of {function!r}.")
    found = read_signature(function, first_up(what), with_context=False)
    config = (found.config.name,) if found.config is not None else ()
    others = (*(each.name for each in found.inputs), *config)
    return Parameters(others, tuple(each.name for each in found.resources))


def checked_keys(keys: Any, parameters: Parameters, what: str) -> frozenset[str]:
    """Return the keys of the resources that an automation needs.

    Raises:
        InvalidDefinition: they are named both by ``required_resource_keys`` and by parameters, or are no texts.
    """
    if keys and parameters.resources:
        raise InvalidDefinition(
            f"{first_up(what)} names its resources twice: by required_resource_keys and by parameters; use one of them."
        )
    if keys is not None and (not isinstance(keys, set | frozenset) or not all(isinstance(key, str) for key in keys)):
        raise InvalidDefinition(f"required_resource_keys of {what} is a set of texts, not {keys!r}.")
    return frozenset(keys or parameters.resources)


def checked_metadata(metadata: Any, what: str) -> Mapping[str, Any]:
    """Return metadata by their kinds.

    Raises:
        InvalidDefinition: it is no mapping of texts.
    """
    if metadata is not None and (
        not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata)
    ):
        raise InvalidDefinition(f"metadata of {what} maps texts to values; it is no {metadata!r}.")
    return normalize_metadata(metadata or {})


def only_one(what: str, **given: Any) -> None:
    """Raise InvalidDefinition where more than one of these arguments was given."""
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InvalidDefinition(f"{what} is given {' and '.join(named)}; give one of them.")


def refuse_clash(what: str, function: Any, **given: Any) -> None:
    """Raise InvalidDefinition where a function that says everything comes with arguments that say parts of it."""
    named = [name for name, value in given.items() if value is not None]
    if function is not None and named:
        raise InvalidDefinition(f"{first_up(what)} is given execution_fn and {' and '.join(named)}; drop {named[0]}.")


def is_running(status: Any, kind: type[Enum], what: str) -> bool:
    """Return whether an automation is on from the start.

    Raises:
        InvalidDefinition: the status is no ``kind``.
    """
    if not isinstance(status, kind):
        raise InvalidDefinition(f"default_status of {what} is a {kind.__name__}, not {status!r}.")
    return status.name == "RUNNING"


def checked_text(value: Any, name: str, what: str) -> str | None:
    """Return a text or None; raise InvalidDefinition where it is neither."""
    if not isinstance(value, str | None):
        raise InvalidDefinition(f"{name} of {what} is a text, not {value!r}.")
    return value


def aim_at(given: Any, automation_name: str | None = None) -> Aim:
    """Return what a job, a graph or a selection of assets means as a target.

    Raises:
        InvalidDefinition: it is nothing that can be started, or assets are selected by an automation without a name.
    """
    if isinstance(given, JobDefinition | UnresolvedAssetJobDefinition):
        return Aim((Target(job_name=given.name, job=given),))
    if isinstance(given, GraphDefinition):
        return aim_at(given.to_job())
    from jobkernel.rules.selection import AssetSelection

    listed = [given] if isinstance(given, AssetsDefinition | SourceAsset) else given
    known = (str, AssetKey, AssetsDefinition, SourceAsset)
    is_list = isinstance(listed, Sequence) and bool(listed) and all(isinstance(each, known) for each in listed)
    if not is_list and not isinstance(listed, AssetSelection):
        raise InvalidDefinition(
            "A target is a job, or a selection of assets (a text, keys, definitions or an AssetSelection); "
            f"not {given!r}."
        )
    if automation_name is None:
        raise InvalidDefinition("A schedule or sensor that targets assets needs a name of its own.")
    job = define_asset_job(ANONYMOUS_JOB + automation_name, selection=listed)
    assets = () if isinstance(listed, str | AssetSelection) else listed
    return Aim(
        (Target(job_name=job.name, job=job),),
        tuple(each for each in assets if isinstance(each, AssetsDefinition | SourceAsset)),
    )


def aim_at_name(job_name: Any, what: str) -> Aim:
    """Return the job of that name as a target."""
    if not isinstance(job_name, str):
        raise InvalidDefinition(f"job_name of {what} is a text, not {job_name!r}.")
    return Aim((Target(job_name=job_name),))


def aim_at_all(jobs: Iterable[Any]) -> Aim:
    """Return several jobs as targets."""
    aims = [aim_at(job) for job in jobs]
    return Aim(tuple(target for aim in aims for target in aim.targets), ())


class DirectCall(NamedTuple):
    """A schedule or sensor that is called like a function: its words for errors, its parameters, and its context's."""

    kind: str
    parameters: Parameters
    context_type: type[AutomationContext]
    build: Callable[[], AutomationContext]

    def context_from(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AutomationContext:
        """Return the context to call with, the resources among the arguments added.

        Raises:
            InvalidInvocation: more than a context, a resource by place, or no context where one is taken.
        """
        others = set(kwargs) - set(self.parameters.resources)
        if len(args) + len(others) > 1:
            raise InvalidInvocation(f"A {self.kind} is called with its context and with resources by name, no more.")
        if any(is_definition_of_resource(each) for each in args):
            raise InvalidInvocation(f"A {self.kind} takes resources by name, not by place.")
        context = self._given(args, kwargs)
        given = {name: kwargs[name] for name in self.parameters.resources if name in kwargs}
        found = self.build() if context is None else context
        return found.merge_resources(given) if given else found

    def _given(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AutomationContext | None:
        name = self.parameters.context
        if not args and name is not None and name not in kwargs:
            raise InvalidInvocation(
                f"This {self.kind} takes '{name}'; call it with the context that build_{self.kind}_context() gives."
            )
        given = args[0] if args else kwargs.get(name or "context")
        if given is not None and not isinstance(given, self.context_type):
            raise InvalidInvocation(f"A {self.kind} is called with a {self.context_type.__name__}, not {given!r}.")
        return given


def checked_context(context: Any, kind: type[Context]) -> Context:
    """Return a context; raise InvalidInvocation where it is of another kind."""
    if not isinstance(context, kind):
        raise InvalidInvocation(f"evaluate_tick takes a {kind.__name__}, not {context!r}.")
    return context


def first_up(text: str) -> str:
    """Return a text that begins a sentence."""
    return text[0].upper() + text[1:]


def is_definition_of_resource(value: Any) -> bool:
    """Whether a value defines a resource, rather than being one."""
    return isinstance(value, Resource) or is_configurable(value)


def needs_with(resources: Mapping[str, Any] | None) -> bool:
    """Whether one of the resources cleans up after itself."""
    return any(cleans_up(each) for each in (resources or {}).values())
