"""What definitions of schedules and sensors have in common: what is said of them, read from their record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

from jobkernel.api.automation_parts import Aim, DirectCall, Parameters, checked_metadata, first_up
from jobkernel.api.instance import DagsterInstance
from jobkernel.engine import live
from jobkernel.executors.automation_context import AutomationContext
from jobkernel.model.automation import Target

live.make_instances_by(DagsterInstance)  # what functions get as context.instance in a kernel


class AutomationDefinition:
    """The part that ``ScheduleDefinition`` and ``SensorDefinition`` share. ``record`` is what the scheduler goes by."""

    word: ClassVar[str]
    context_type: ClassVar[type[AutomationContext]]
    record: Any
    _assets: tuple[Any, ...]
    _parameters: Parameters

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.record.name)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The jobs that it may start."""
        found: tuple[Target, ...] = self.record.targets
        return found

    @property
    def target_assets(self) -> tuple[Any, ...]:
        """The asset definitions that were given as its target."""
        return self._assets

    @property
    def description(self) -> str | None:
        """What it is for."""
        found: str | None = self.record.description
        return found

    @property
    def required_resource_keys(self) -> set[str]:
        """The keys of the resources that its functions use."""
        return set(self.record.required_resources)

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""
        found: Mapping[str, str] = self.record.tags
        return found

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What is said of it, by kinds."""
        found: Mapping[str, Any] = self.record.metadata
        return found

    @property
    def has_anonymous_job(self) -> bool:
        """Whether its job was made of a selection of assets."""
        return bool(self.targets) and self.targets[0].job_name.startswith("__anonymous_asset_job")

    def changed(self, aim: Aim | None, metadata: Mapping[str, Any] | None) -> Self:
        """Return the same with other targets or other metadata."""
        made = copy(self)
        new = Aim(self.targets, self._assets) if aim is None else aim
        kept = self.metadata if metadata is None else checked_metadata(metadata, f"{self.word} '{self.name}'")
        made._assets = new.assets
        made.record = replace(self.record, targets=new.targets, metadata=kept)
        return made

    def directly(
        self, build: Callable[[], AutomationContext], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[AutomationContext, dict[str, Any]]:
        """Return the context of a direct call, and what the function is called with.

        Raises:
            InvalidInvocation: the arguments are not what it takes.
            InvalidDefinition: a resource that it needs is not among them.
        """
        call = DirectCall(self.word, self._parameters, self.context_type, build)
        context = call.context_from(args, kwargs)
        needed = {*self.required_resource_keys, *self._parameters.resources}
        found = context.resources_of(sorted(needed), f"{first_up(self.word)} '{self.name}'")
        taken = {name: value for name, value in found.items() if name in self._parameters.resources}
        own = {self._parameters.context: context} if self._parameters.context else {}
        return context, {**own, **taken}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"
