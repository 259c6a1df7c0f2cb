"""What the details pane and the run view show, in the protocol's words. Reads session and history; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobkernel.engine.session import Session
from jobkernel.errors import UnknownName
from jobkernel.executors.stored import KIND
from jobkernel.model.definitions import Assets, AssetSpec, Graph, Op, Source
from jobkernel.model.metadata import MetadataValue, from_json, shown_text
from jobkernel.notebook.condition_view import condition_of
from jobkernel.notebook.explain import reasons
from jobkernel.notebook.graph_view import OP_PREFIX, kind_of
from jobkernel.notebook.run_details import log_lines
from jobkernel.notebook.snapshot import Standing
from jobkernel.notebook.statuses import check_of, full, millis
from jobkernel.values.describe import BYTES

LOG_TAIL = 200
_METADATA_NAMES: Mapping[str, str] = {"dagster/row_count": "rows", BYTES: "size"}
HIDDEN_METADATA = (KIND, "dagster/column_schema")


def node_details(session: Session, standing: Standing, key: str) -> dict[str, Any]:
    """Return the protocol's ``Details`` of an asset or of a step of an op job.

    Raises:
        UnknownName: nothing in the graph is called that.
    """
    if key.startswith(OP_PREFIX):
        return _op_details(session, standing, key)
    assets = session.registry.assets.get(key)
    if assets is None:
        raise UnknownName(f"'{key}' is not defined in this notebook any more.")
    spec = session.registry.spec(key)
    assert spec is not None
    status = full(standing.statuses.all()[key])
    told = reasons(session, key)
    graph = session.registry.graph
    rows = session.history.query("materializations", asset_key=key, limit=20)
    return {
        **_about(session, key, assets, spec),
        "upstream": list(graph.parents(key)),
        "downstream": list(graph.children(key)),
        "status": status,
        "why": {"headline": _headline(told["parts"]), "parts": _why_parts(told["parts"])}
        if status["status"] == "stale"
        else None,
        "condition": condition_of(session, key),
        "preview": session.records.last_preview(key),
        "metadata": _metadata(rows),
        "checks": _checks(session, key),
        "materializations": [_materialization(row) for row in rows],
        "code": _code(_source_of(session, key, assets)),
        "log": _log(session, status["run_id"], _step_of(assets, key)),
        "error": _error_of(session, status, _step_of(assets, key)),
    }


def _about(session: Session, key: str, assets: Assets, spec: AssetSpec) -> dict[str, Any]:
    return {
        "key": key,
        "type": "external" if assets.is_external else "asset",
        "label": key,
        "description": spec.description or "",
        "kind": kind_of(session, key, assets),
        "group": spec.group,
        "owners": list(spec.owners),
        "tags": {name: value for name, value in spec.tags.items() if not name.startswith("dagster/kind/")},
    }


def _headline(parts: Sequence[Mapping[str, Any]]) -> str:
    """Return what happened since the value was made, to stand after the word "Stale"."""
    words = list(dict.fromkeys(part["short"] for part in parts)) or ["something above it changed"]
    return f"{', '.join(words)}."


def _why_parts(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"what": part["what"], "name": part["name"], "text": part["text"],
         "diff": [list(line) for line in part["diff"]] if part["diff"] else None}
        for part in parts
    ]  # fmt: skip


def _step_of(assets: Assets, key: str) -> str:
    node = assets.node
    return node.name if node is not None else key


def _metadata(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not rows:
        return []
    found = []
    for name, stored in (rows[0]["metadata"] or {}).items():
        if name in HIDDEN_METADATA:
            continue
        past = [(row["metadata"] or {}).get(name, {}).get("value") for row in reversed(rows)]
        history = [number for number in past if isinstance(number, int | float) and not isinstance(number, bool)]
        shown = _METADATA_NAMES.get(name, name.removeprefix("dagster/"))
        found.append(_metadata_row(shown, name, stored, history))
    return found


def _metadata_row(shown: str, name: str, stored: Mapping[str, Any], history: Sequence[float] = ()) -> dict[str, Any]:
    return {
        "name": shown, "kind": stored["kind"], "text": _metadata_text(name, from_json(stored)),
        "value": stored.get("value"), "history": list(history) if len(history) > 1 else [],
    }  # fmt: skip


def _op_metadata(session: Session, op: Op, run_id: str | None, step_key: str) -> list[dict[str, Any]]:
    """Return what the last run's step said of its outputs; of several outputs each name has its output before it."""
    if run_id is None:
        return []
    bodies = [row["body"] or {} for row in session.history.query("step_outputs", run_id=run_id, step_key=step_key)]
    is_single = len(op.outputs) == 1 and not op.outputs[0].is_dynamic
    return [
        _metadata_row(name if is_single else f"{body['output']}: {name}", name, stored)
        for body in bodies
        for name, stored in (body.get("metadata") or {}).items()
    ]


def _metadata_text(name: str, value: MetadataValue[Any]) -> str:
    if name == BYTES and isinstance(value.value, int):
        return _size(value.value)
    return f"{value.value:,}" if value.kind == "int" else shown_text(value)


def _size(count: int) -> str:
    """Return a number of bytes as people say it: ``812 B``, ``12.4 MB``."""
    if count < 1000:
        return f"{count} B"
    size, unit = next(
        (count / step, unit) for step, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if count >= step
    )
    return f"{size:.3g} {unit}" if size < 100 else f"{size:.0f} {unit}"


def _checks(session: Session, key: str) -> list[dict[str, Any]]:
    found = []
    for name, assets in session.registry.checks_of(key).items():
        check = check_of(assets, key, name)
        result = session.states.check(key, name)
        found.append(
            {
                "name": name,
                "status": "never" if result is None else "fresh" if result.passed else "failed",
                "severity": result.severity if result is not None else check.severity,
                "blocking": check.is_blocking,
                "description": (result.description if result is not None else None) or check.description or "",
                "at": millis(result.evaluated_at) if result is not None else None,
            }
        )
    return found


def _materialization(row: Mapping[str, Any]) -> dict[str, Any]:
    rows = ((row["metadata"] or {}).get("dagster/row_count") or {}).get("value")
    return {
        "run_id": row["run_id"], "at": millis(row["occurred_at"]), "duration_s": row["duration_s"], "status": "fresh",
        "rows": rows,
    }  # fmt: skip


def _source_of(session: Session, key: str, assets: Assets) -> Source | None:
    entry = session.registry.entries.get(("asset", key))
    source = getattr(entry.unresolved, "source", None) if entry is not None else None
    node = assets.node
    return source if source is not None else node.source if isinstance(node, Op) else None


def _code(source: Source | None) -> dict[str, Any]:
    if source is None:
        return {"source": "", "language": "python", "cell": None, "cell_id": None}
    return {"source": source.text, "language": source.language, "cell": source.cell_number, "cell_id": source.cell_id}


def _log(session: Session, run_id: str | None, step_key: str) -> dict[str, Any] | None:
    if run_id is None:
        return None
    lines = log_lines(session, run_id, step_key)[-LOG_TAIL:]
    return {"run_id": run_id, "step_key": step_key, "lines": lines} if lines else None


def _error_of(session: Session, status: Mapping[str, Any], step_key: str) -> dict[str, Any] | None:
    if status["status"] != "failed" or status["run_id"] is None:
        return None
    steps = session.history.query("run_steps", run_id=status["run_id"])
    return next((step["error"] for step in reversed(steps) if step["step_key"] == step_key and step["error"]), None)


def _op_details(session: Session, standing: Standing, key: str) -> dict[str, Any]:
    job_name, _, step_key = key.removeprefix(OP_PREFIX).partition("/")
    job = session.registry.job(job_name)
    known = standing.statuses.all().get(key)
    if job.graph is None or known is None:
        raise UnknownName(f"Job '{job_name}' has no op '{step_key}' any more.")
    status = full(known)
    plan = session.plan_job(job_name)
    op = _op_of(job.graph, step_key.partition("[")[0].split("."))
    step = plan.steps.get(step_key)
    sources = list(dict.fromkeys(feed.step_key for feed in step.sources)) if step is not None else []
    followers = [each.key for each in plan.steps.values() if any(feed.step_key == step_key for feed in each.sources)]
    return {
        "key": key, "type": "op", "label": step_key, "description": op.description or "", "kind": "op", "group": "",
        "owners": [], "tags": dict(op.tags), "status": status, "why": None, "condition": None, "preview": None,
        "metadata": _op_metadata(session, op, status["run_id"], step_key),
        "upstream": [f"{OP_PREFIX}{job_name}/{each}" for each in sources],
        "downstream": [f"{OP_PREFIX}{job_name}/{each}" for each in followers],
        "checks": [], "materializations": [], "code": _code(op.source),
        "log": _log(session, status["run_id"], step_key), "error": _error_of(session, status, step_key),
    }  # fmt: skip


def _op_of(graph: Graph, path: Sequence[str]) -> Op:
    node = next((each.node for each in graph.invocations if each.name == path[0]), None)
    if isinstance(node, Graph):
        return _op_of(node, path[1:])
    if node is None:
        raise UnknownName(f"'{path[0]}' is not in the job any more.")
    return node
