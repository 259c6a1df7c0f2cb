"""What asset, op and check cells have in common: a body, what its names mean, and the op that they give together.

The op captures the notebook at launch and tells its fingerprint when asked. Made by :mod:`jobkernel.notebook.cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from jobkernel.api.ops import OpDefinition
from jobkernel.api.signatures import UNKNOWN, is_resource
from jobkernel.errors import InvalidDefinition
from jobkernel.model.config_schema import Field, Shape
from jobkernel.model.definitions import EMPTY, NO_VALUE, Input, Output, Source
from jobkernel.notebook.annotations import annotations_of, evaluated
from jobkernel.notebook.body import CellBody
from jobkernel.notebook.body_call import PARAMS, bind, program_of
from jobkernel.notebook.capture import launch_of
from jobkernel.notebook.cell_options import Param, StepOptions
from jobkernel.notebook.dependencies import Resolution, resolve
from jobkernel.notebook.following import Follower, imported_modules
from jobkernel.notebook.sql_body import SqlBody, SqlCall, input_name, resolve_sql
from jobkernel.records import dataclass
from jobkernel.rules.fingerprint import OWN, Fingerprint, Part, part_of, source_part
from jobkernel.rules.names import lenient_tags

Body = CellBody | SqlBody


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPlace:
    """Where a cell stands. ``namespace`` and ``resources`` are the kernel's live ones; ``project`` is its folder."""

    namespace: dict[str, Any]
    resources: Mapping[str, Any] = field(default=EMPTY)
    project: str | None = None
    notebook: str | None = None
    cell_id: str | None = None
    cell_number: int | None = None


class CellStep:
    """A body with its options. ``config`` is the parameter that takes a Config object, if there is one."""

    def __init__(self, body: Body, options: StepOptions, place: CellPlace, *, kind: str) -> None:
        self.body = body
        self.options = options
        self.place = place
        self.kind = kind
        self.what = f"{kind.capitalize()} '{body.name}'"
        self.annotations = annotations_of(body, place.namespace) if isinstance(body, CellBody) else {}
        self._own: Part | None = None
        self._imports: tuple[str, ...] = ()
        names = [parameter.name for parameter in body.parameters]
        self.config = "config" if "config" in names and not self._is_param("config") else None
        self.resource_parameters = tuple(n for n in names if is_resource(self.annotations.get(n, UNKNOWN)))
        if self.config and options.params:
            raise InvalidDefinition(f"{self.what} has a 'config' parameter and --param; use one.")

    def _is_param(self, name: str) -> bool:
        return any(param.name == name for param in self.options.params)

    def names_read(self) -> frozenset[str]:
        """Return every name of the body that may turn out to be an asset."""
        parameters = {parameter.name for parameter in self.body.parameters}
        return frozenset({*self.body.free_names, *self.body.query_words, *parameters} - self.options.ins.keys())

    def resolve(self, known: Mapping[str, str]) -> Resolution:
        """Return what the names of the body mean where ``known`` maps variables to the keys of assets."""
        options, place = self.options, self.place
        params = tuple(param.name for param in options.params)
        if isinstance(self.body, SqlBody):
            return resolve_sql(
                self.body, known, ins=options.ins, params=params, infer=options.infer, namespace=place.namespace
            )
        taken = (*params, "config") if self.config else params
        return resolve(
            self.body, known, ins=options.ins, params=taken, infer=options.infer,
            resources={*place.resources, *self.resource_parameters}, namespace=place.namespace,
        )  # fmt: skip

    def op(self, name: str, resolution: Resolution, outputs: tuple[Output, ...], **details: Any) -> OpDefinition:
        """Return the op of this cell."""
        options, body = self.options, self.body
        capture = self.capturing(resolution, tuple(output.name for output in outputs))
        return OpDefinition(
            name=name,
            compute=_Live(capture),
            capture=capture,
            fingerprint=self.fingerprinting(resolution),
            inputs=tuple(self._input(each, resolution) for each in resolution.inputs),
            outputs=outputs,
            context_argument="context" if body.takes_context else None,
            config_argument=self.config or (PARAMS if options.params else None),
            config_schema=self._config_schema(),
            resource_arguments={each: each for each in resolution.resources},
            required_resources=body.resources,
            retry=options.retry_policy(),
            timeout=options.timeout,
            pool=options.pool,
            executor=options.executor,
            tags=lenient_tags(details.pop("tags", None), self.what),
            description=options.description if options.description is not None else body.description,
            source=self.source(),
            **details,
        )

    def capturing(self, resolution: Resolution, outputs: tuple[str, ...]) -> Callable[[dict[Any, Any]], Any]:
        namespace, body = self.place.namespace, self.body
        if isinstance(body, SqlBody):
            query = body
            return lambda memo: SqlCall.bound(query, resolution, launch_of(memo, namespace))
        program = program_of(body, outputs=outputs, kind=self.kind)
        return lambda memo: bind(program, resolution, launch_of(memo, namespace))

    def fingerprinting(self, resolution: Resolution) -> Callable[[dict[Any, Any]], Fingerprint]:
        def fingerprint(_memo: dict[Any, Any]) -> Fingerprint:
            follower = Follower(self.place.namespace, self.place.project)
            follower.parts[OWN] = self.own_part()
            if self.options.params:
                follower.parts["params"] = part_of("\n".join(_shown(param) for param in self.options.params))
            used = frozenset(self.body.attributes)
            follower.names(resolution.variables, self.place.namespace, used=used)
            for module in self._imports:
                follower.imported(module)
            return Fingerprint(follower.parts)

        return fingerprint

    def own_part(self) -> Part:
        """Return the fingerprint part of the body itself; taken once."""
        if self._own is None:
            if isinstance(self.body, SqlBody):
                self._own = part_of(self.body.written, hashed=self.body.normalised)
            else:
                self._imports = imported_modules(self.body.tree) if self.body.names.imports else ()
                self._own = source_part(self.body.tree)
        return self._own

    def source(self) -> Source:
        """Return where the cell was written."""
        place, body = self.place, self.body
        return Source(
            text=body.text, language="sql" if isinstance(body, SqlBody) else "python", filename=body.filename,
            first_line=body.first_line, notebook=place.notebook, cell_id=place.cell_id, cell_number=place.cell_number,
        )  # fmt: skip

    def _input(self, name: str, resolution: Resolution) -> Input:
        annotation = self.annotations.get(name, Any)
        return Input(
            name=input_name(name) if isinstance(self.body, SqlBody) else name,
            annotation=type(None) if annotation is None else annotation,
            default=self._default(name),
            inferred=name in resolution.inferred,
        )

    def _default(self, name: str) -> Any:
        """Return the default of an op's input; an asset's input always comes from its asset."""
        written = {parameter.name: parameter.default for parameter in self.body.parameters} if self.kind == "op" else {}
        text = written.get(name)
        value = UNKNOWN if text is None else evaluated(text, self.place.namespace)
        return NO_VALUE if value is UNKNOWN else value

    def _config_schema(self) -> Any:
        if self.config:
            return self.annotations.get(self.config, Any)
        return config_schema_of(self.options.params) if self.options.params else None


def config_schema_of(params: tuple[Param, ...]) -> Field:
    """Return the config schema of ``--param`` options.

    Raises:
        InvalidDefinition, InvalidConfig: a type that config cannot hold, or a default that is not of its type.
    """
    fields = {
        param.name: Field(param.type) if param.default is NO_VALUE else Field(param.type, default_value=param.default)
        for param in params
    }
    return Field(Shape(fields))


def _shown(param: Param) -> str:
    kind = getattr(param.type, "__name__", str(param.type))
    return f"{param.name}: {kind}" + ("" if param.default is NO_VALUE else f" = {param.default!r}")


class _Live:
    """A cell's function for direct calls: it takes the notebook as it is at each call."""

    def __init__(self, capture: Callable[[dict[Any, Any]], Any]) -> None:
        self.capture = capture

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.capture({})(*args, **kwargs)
