"""What the names of a body mean: builtin, import, input, parameter, asset, notebook variable, in that order.

Decides from names alone and reads no value. Called whenever a body or the set of known assets changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field

from jobkernel.errors import InvalidDefinition
from jobkernel.model.definitions import EMPTY
from jobkernel.notebook.body import WORD, CellBody
from jobkernel.records import dataclass
from jobkernel.rules.free_names import BUILTINS
from jobkernel.rules.sql_text import table_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a body's names mean. ``inputs`` maps names in the body to the keys whose values they hold.

    ``variables`` are looked up in the notebook at launch. ``shadowed`` are assets that a notebook variable shares its
    name with, ``hidden`` are assets that a builtin of the body hides; both are told to the person.
    """

    inputs: Mapping[str, str] = field(default=EMPTY)
    inferred: frozenset[str] = frozenset()
    params: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


def resolve(
    body: CellBody,
    known: Mapping[str, str],
    *,
    ins: Mapping[str, str] = EMPTY,
    params: Collection[str] = (),
    infer: bool = True,
    resources: Collection[str] = (),
    namespace: Collection[str] = (),
) -> Resolution:
    """Return what the names of ``body`` mean.

    ``known`` maps the variable of every asset of this notebook to its key; ``ins`` and ``params`` are what the magic
    line says; ``namespace`` are the names of notebook variables.
    """
    _refuse_hidden_inputs(body, ins)
    own = body.name
    inputs = dict(ins)
    inferred: set[str] = set()
    taken: list[str] = []
    for parameter in body.parameters:
        if parameter.is_variadic:
            continue
        _resolve_parameter(parameter.name, parameter.default, inputs, taken, known, params=params, resources=resources)
    free = [*body.free_names, *names_in_queries(body, known, namespace)]
    for name in dict.fromkeys(free):
        key = known.get(name)
        if name in inputs or name in params or not infer or key is None or key == own:
            continue
        inputs[name] = key
        inferred.add(name)
    rest = [name for name in dict.fromkeys(free) if name not in inputs and name not in params]
    taken.extend(name for name in rest if name in resources and name not in namespace)
    return Resolution(
        inputs=inputs,
        inferred=frozenset(inferred),
        params=tuple(params),
        resources=tuple(taken),
        variables=tuple(name for name in rest if name not in taken),
        shadowed=tuple(name for name in inputs if name in inferred and name in namespace),
        hidden=tuple(sorted(name for name in body.names.builtin_reads if name in known)),
    )


def _resolve_parameter(
    name: str,
    default: str | None,
    inputs: dict[str, str],
    taken: list[str],
    known: Mapping[str, str],
    *,
    params: Collection[str],
    resources: Collection[str],
) -> None:
    """A parameter is what the magic line says, or an asset, a resource, its own default, or an asset still to come."""
    if name in inputs or name in params:
        return
    if name in known:
        inputs[name] = known[name]
    elif name in resources:
        taken.append(name)
    elif default is None:
        inputs[name] = name


def _refuse_hidden_inputs(body: CellBody, ins: Mapping[str, str]) -> None:
    parameters = {parameter.name for parameter in body.parameters}
    for name in ins:
        if name in parameters:
            continue
        if name in body.names.imports:
            raise InvalidDefinition(f"--ins {name}={ins[name]}: the body imports '{name}'; choose another name.")
        if name in BUILTINS:
            raise InvalidDefinition(
                f"--ins {name}={ins[name]}: '{name}' is a builtin in every body; choose another name."
            )


def names_in_queries(body: CellBody, known: Collection[str], namespace: Collection[str]) -> list[str]:
    """Return the assets and variables that literal queries in the body read, apart from tables that it made before."""
    found: list[str] = []
    for query in body.names.queries:
        if any(word in known or word in namespace for word in WORD.findall(query.text)):
            tables = [name for name in table_names(query.text) if name in known or name in namespace]
            found.extend(name for name in tables if name not in query.written)
    return found
