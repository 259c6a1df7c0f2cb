"""What somebody says of an asset, an op, an IO manager or a sensor: as an event of the history."""

from __future__ import annotations

from typing import Any, Final

from jobkernel.model import events as ev
from jobkernel.model.keys import key_text
from jobkernel.model.metadata import normalize_metadata, to_json
from jobkernel.model.results import AssetCheckEvaluation, AssetMaterialization, AssetObservation

DATA_VERSION_TAG: Final = "dagster/data_version"


def event_told(event: AssetMaterialization | AssetObservation | AssetCheckEvaluation) -> tuple[str, dict[str, Any]]:
    """Return the type and the body of the event that an asset was made, seen or checked."""
    metadata = {name: to_json(value) for name, value in normalize_metadata(event.metadata or {}).items()}
    about = {"asset_key": key_text(event.asset_key), "partition_key": event.partition}
    body: dict[str, Any] = {**about, "description": event.description, "metadata": metadata}
    if isinstance(event, AssetCheckEvaluation):
        result = {"check_name": event.check_name, "passed": bool(event.passed), "blocking": bool(event.blocking)}
        return ev.ASSET_CHECK_EVALUATION, {**body, **result, "severity": event.severity.value}
    body["tags"] = tags = dict(event.tags or {})
    if DATA_VERSION_TAG in tags:
        body["data_version"] = tags[DATA_VERSION_TAG]
    return (ev.ASSET_OBSERVATION if isinstance(event, AssetObservation) else ev.ASSET_MATERIALIZATION), body
