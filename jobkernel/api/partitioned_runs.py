"""Run requests for partitions: what ``run_request_for_partition`` gives, and a request's partition turned into tags.

Knows jobs and their partitions; asks nothing of a history but the keys of dynamic partitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from jobkernel.api.jobs import JobDefinition
from jobkernel.errors import InvariantViolation
from jobkernel.model.automation import PartitionsRequest, RunRequest
from jobkernel.model.keys import AssetKey
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.model.partition_requests import AfterChanges
from jobkernel.model.partitions import DynamicPartitionsDefinition, PartitionsDefinition
from jobkernel.rules.partition_run import checked_key
from jobkernel.rules.partitioned_config import PartitionedConfig, tags_of_partition

Resolve = Callable[[str, RunRequest, tuple[PartitionsRequest, ...]], RunRequest]


def request_for_partition(
    job: Any,
    partition_key: str,
    run_key: str | None = None,
    tags: Mapping[str, str] | None = None,
    asset_selection: Sequence[AssetKey] | None = None,
    run_config: Mapping[str, Any] | None = None,
    current_time: datetime | None = None,
    dynamic_partitions_store: Any = None,
) -> RunRequest:
    """Return the request for a run of one partition of a job, with the config and tags of that partition.

    Raises:
        InvariantViolation: the job has no partitions, or dynamic ones, which RunRequest(partition_key=…) is for.
        UnknownName: no partition of that key exists.
    """
    definition = job.partitions_def
    if definition is None:
        raise InvariantViolation(
            f"Job '{job.name}' has no partitions, so no run of '{partition_key}' can be asked for."
        )
    if isinstance(definition, DynamicPartitionsDefinition) and definition.name:
        raise InvariantViolation(
            f"Job '{job.name}' has dynamic partitions; ask for a run by RunRequest(partition_key='{partition_key}')."
        )
    with partition_loading_context(current_time, dynamic_partitions_store):
        key = checked_key(partition_key, definition)
    return RunRequest(
        run_key=run_key,
        run_config=_config_of(job, key) if run_config is None else run_config,
        tags={**(tags or {}), **_tags_of(job, definition, key)},
        job_name=job.name,
        asset_selection=asset_selection,
        partition_key=partition_key,
    )


def partition_resolver(definitions: Any, instance: Any, as_of: datetime | None = None) -> Resolve:
    """Return what gives a request the tags and the config of its partition, as the definitions have it.

    Raises, when called:
        InvariantViolation: no definitions, or the job has no partitions, or its assets have different ones.
        UnknownName: no partition of that key exists, the changes asked for beside the request counted in.
    """

    def resolve(job_name: str, request: RunRequest, changes: tuple[PartitionsRequest, ...]) -> RunRequest:
        assert request.partition_key is not None
        if definitions is None:
            raise InvariantViolation(
                f"A request for partition '{request.partition_key}' needs the definitions of job '{job_name}'; "
                "give them when the context is built."
            )
        job = definitions.resolve_job_def(job_name)
        definition = job.partitions_def or _shared_by(request.asset_selection or (), definitions)
        if definition is None:
            raise InvariantViolation(
                f"Job '{job_name}' has no partitions; drop partition_key='{request.partition_key}'."
            )
        with partition_loading_context(as_of, AfterChanges(instance, changes)):
            key = checked_key(request.partition_key, definition)
        return request.with_replaced_attrs(
            run_config=request.run_config or _config_of(job, key),
            tags={**request.tags, **_tags_of(job, definition, key)},
        )

    return resolve


def _shared_by(keys: Iterable[AssetKey], definitions: Any) -> PartitionsDefinition | None:
    wanted = {key.text for key in keys}
    specs = [spec for record in definitions.records for spec in record.specs if spec.key in wanted]
    found = list(dict.fromkeys(spec.partitions for spec in specs if spec.partitions is not None))
    if len(found) > 1:
        raise InvariantViolation(f"The selected assets have different partitions: {', '.join(sorted(wanted))}.")
    return found[0] if found else None


def _config_of(job: Any, key: str) -> Mapping[str, Any]:
    config = job.config
    if isinstance(config, PartitionedConfig):
        found: Mapping[str, Any] = config.get_run_config_for_partition_key(key) or {}
        return found
    plain = config.to_config_dict() if hasattr(config, "to_config_dict") else config
    return dict(plain) if isinstance(plain, Mapping) else {}


def _tags_of(job: Any, definition: PartitionsDefinition, key: str) -> Mapping[str, str]:
    name = job.name if job.partitions_def is not None and isinstance(job, JobDefinition) else None
    if isinstance(job.config, PartitionedConfig):
        return job.config.get_tags_for_partition_key(key, name)
    return tags_of_partition(definition, key, name)
