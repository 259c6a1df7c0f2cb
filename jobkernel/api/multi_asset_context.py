"""What the function of a sensor of several assets sees: what is new of each, and marking it as consumed.

Source: Dagster's ``MultiAssetSensorEvaluationContext``. Where each asset is after a look: ``rules.asset_cursors``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from jobkernel.api.automation_parts import needs_with
from jobkernel.api.automation_runs import InstanceNews, record_of
from jobkernel.api.partitioned_runs import partition_resolver
from jobkernel.api.run_records import EventLogRecord
from jobkernel.errors import InvalidInvocation, InvariantViolation, did_you_mean
from jobkernel.executors.automation_context import SensorEvaluationContext
from jobkernel.model.definitions import AssetSpec
from jobkernel.model.keys import AssetKey
from jobkernel.model.partition_loading import partition_loading_context
from jobkernel.rules.asset_cursors import AssetCursor, Made, advanced, read_cursors, write_cursors
from jobkernel.rules.partition_edges import downstream_keys

PAGE: Final = 1000


class MultiAssetSensorEvaluationContext(SensorEvaluationContext):
    """Knows of each monitored asset which materializations were consumed, and gives the others.

    ``definitions`` (in a kernel, its registry) say which assets a selection means and what partitions they have.
    """

    def __init__(self, *, monitored_assets: Any, **shared: Any) -> None:
        super().__init__(**shared)
        self._keys_monitored = keys_of(monitored_assets, self._definitions)
        self._places = read_cursors(self._cursor)
        self._consumed: dict[AssetKey, dict[int, EventLogRecord]] = {}
        self._is_all_advanced = False

    @property
    def asset_keys(self) -> Sequence[AssetKey]:
        """The assets that the sensor monitors."""
        return self._keys_monitored

    @property
    def assets_defs_by_key(self) -> Mapping[AssetKey, Any]:
        """What makes each monitored asset; None where nothing here does."""
        return {key: self._definition_of(key) for key in self._keys_monitored}

    def latest_materialization_records_by_key(
        self, asset_keys: Sequence[AssetKey] | None = None
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """Return the newest materialization of each asset behind its cursor; None where there is none."""
        return {key: self._newest(key) for key in (self._keys_monitored if asset_keys is None else asset_keys)}

    def materialization_records_for_key(
        self, asset_key: AssetKey, limit: int | None = None
    ) -> Iterable[EventLogRecord]:
        """Return the materializations of an asset behind its cursor, oldest first.

        Raises:
            InvalidInvocation: the sensor does not monitor it.
        """
        self._check_monitored(asset_key)
        return self._behind(asset_key, limit=limit)

    def latest_materialization_records_by_partition(
        self, asset_key: AssetKey, after_cursor_partition: bool | None = False
    ) -> Mapping[str, EventLogRecord]:
        """Return the newest materialization of each partition that was not consumed, in the order they were made.

        Raises:
            InvalidInvocation: the sensor does not monitor the asset.
            InvariantViolation: it has no partitions.
        """
        self._check_monitored(asset_key)
        wanted = self._partition_keys(asset_key)
        place = self._place(asset_key)
        if after_cursor_partition and place.partition is not None:
            wanted = wanted[wanted.index(place.partition) + 1 :]
        found: dict[str, EventLogRecord] = {}
        for record in (*self.get_trailing_unconsumed_events(asset_key), *self._behind(asset_key)):
            if record.partition_key is not None and record.partition_key in wanted:
                found.pop(record.partition_key, None)
                found[record.partition_key] = record
        return found

    def latest_materialization_records_by_partition_and_asset(self) -> Mapping[str, Mapping[AssetKey, EventLogRecord]]:
        """Return by partition, then by asset, what :meth:`latest_materialization_records_by_partition` gives.

        Raises:
            InvalidInvocation: the assets have different partitions.
            InvariantViolation: they have none.
        """
        partitions = [self._partitions_of(key) for key in self._keys_monitored]
        if not partitions or any(each != partitions[0] for each in partitions):
            raise InvalidInvocation("The monitored assets do not all have the same partitions.")
        found: dict[str, dict[AssetKey, EventLogRecord]] = {}
        for key in self._keys_monitored:
            for partition, record in self.latest_materialization_records_by_partition(key).items():
                found.setdefault(partition, {})[key] = record
        return found

    def get_trailing_unconsumed_events(self, asset_key: AssetKey) -> Sequence[EventLogRecord]:
        """Return the materializations before the cursor that were passed over, oldest first."""
        ids = set(self._place(asset_key).trailing.values())
        if not ids:
            return []
        between = self._pages(asset_key, after=min(ids) - 1, before=max(ids) + 1)
        return [record for record in between if record.storage_id in ids]

    def get_cursor_partition(self, asset_key: AssetKey | None) -> str | None:
        """Return the partition of the newest consumed materialization of an asset.

        Raises:
            InvalidInvocation: the sensor does not monitor it.
        """
        if asset_key is None or asset_key not in self._keys_monitored:
            raise InvalidInvocation("Name one of the assets that the sensor monitors.")
        return self._place(asset_key).partition

    def all_partitions_materialized(self, asset_key: AssetKey, partitions: Sequence[str] | None = None) -> bool:
        """Whether all partitions of an asset, or these, were ever made; the cursor does not matter.

        Raises:
            InvalidInvocation: the list is empty.
            InvariantViolation: the asset has no partitions, or is not monitored.
        """
        if partitions is not None and not partitions:
            raise InvalidInvocation("Name at least one partition, or leave the list out.")
        if partitions is None and asset_key not in self._keys_monitored:
            raise InvariantViolation(f"The sensor does not monitor asset '{asset_key.to_user_string()}'.")
        wanted = self._partition_keys(asset_key) if partitions is None else partitions
        made = {record.partition_key for record in self._pages(asset_key, after=None, before=None)}
        return made.issuperset(wanted)

    def get_downstream_partition_keys(
        self, partition_key: str, from_asset_key: AssetKey, to_asset_key: AssetKey
    ) -> Sequence[str]:
        """Return the partitions of an asset that need this partition of another, by the mapping between the two.

        Raises:
            InvalidInvocation: one of the assets is not defined, or has no partitions.
        """
        upstream, downstream = self._partitioned(from_asset_key), self._partitioned(to_asset_key)
        mapping = downstream.mappings.get(from_asset_key.text)
        with partition_loading_context(dynamic_partitions_store=self.instance if self.has_instance else None):
            return downstream_keys(
                [partition_key], upstream=upstream.partitions, downstream=downstream.partitions, mapping=mapping
            )

    def advance_cursor(self, materialization_records_by_key: Mapping[AssetKey, EventLogRecord | None]) -> None:
        """Mark materializations as consumed, so that the next look does not find them again."""
        for key, record in materialization_records_by_key.items():
            if not isinstance(key, AssetKey) or not isinstance(record, EventLogRecord | None):
                raise InvalidInvocation("advance_cursor takes records of materializations by AssetKey.")
            if record is not None:
                self._consumed.setdefault(key, {})[record.storage_id] = record
        self._updated = True

    def advance_all_cursors(self) -> None:
        """Mark everything that was made so far of the monitored assets as consumed."""
        self.advance_cursor(self.latest_materialization_records_by_key())
        self._is_all_advanced = True

    def update_cursor_after_evaluation(self) -> None:
        """Set the cursor by what was consumed; called once, when the function has ended."""
        if self._consumed:
            self._places = {key: self._after(key) for key in self._keys_monitored}
            self._cursor = write_cursors(self._places)
            self._consumed, self._is_all_advanced = {}, False

    def _after(self, key: AssetKey) -> AssetCursor:
        place = self._place(key)
        consumed = [_made(record) for record in self._consumed.get(key, {}).values()]
        if self._is_all_advanced and consumed:
            place, passed = AssetCursor(partition=place.partition, event_id=place.event_id), list[EventLogRecord]()
        elif consumed:
            newest = max(each.event_id for each in consumed)
            between = self._pages(key, after=place.event_id, before=newest)
            passed = [*self.get_trailing_unconsumed_events(key), *between]
        else:
            passed = []
        return advanced(place, consumed, map(_made, passed), key.to_user_string())

    def _place(self, key: AssetKey) -> AssetCursor:
        return self._places.get(key, AssetCursor())

    def _newest(self, key: AssetKey) -> EventLogRecord | None:
        after = self._place(key).event_id or 0
        found = self.news.materializations(key.text, after=after, limit=1, newest_first=True)
        return record_of(found[0]) if found else None

    def _behind(self, key: AssetKey, limit: int | None = None) -> list[EventLogRecord]:
        return self._pages(key, after=self._place(key).event_id, before=None, limit=limit)

    def _pages(
        self, key: AssetKey, *, after: int | None, before: int | None, limit: int | None = None
    ) -> list[EventLogRecord]:
        """Return an asset's materializations behind one place and before another, oldest first."""
        found: list[EventLogRecord] = []
        while limit is None or len(found) < limit:
            page = self.news.materializations(key.text, after=after, limit=PAGE, newest_first=False)
            chosen = [item for item in page if before is None or item.seq < before]
            found += map(record_of, chosen)
            if len(page) < PAGE or len(chosen) < len(page):
                break
            after = page[-1].seq
        return found[:limit]

    def _partition_keys(self, key: AssetKey) -> Sequence[str]:
        partitions = self._partitions_of(key)
        if partitions is None:
            raise InvariantViolation(f"Asset '{key.to_user_string()}' has no partitions.")
        store = self.instance if self.has_instance else None
        found: Sequence[str] = partitions.get_partition_keys(dynamic_partitions_store=store)
        return found

    def _partitions_of(self, key: AssetKey) -> Any:
        spec = self._spec_of(key)
        return None if spec is None else spec.partitions

    def _partitioned(self, key: AssetKey) -> AssetSpec:
        spec = self._spec_of(key)
        if spec is None or spec.partitions is None:
            lacks = "is not defined here" if spec is None else "has no partitions"
            raise InvalidInvocation(f"Asset '{key.to_user_string()}' {lacks}.")
        return spec

    def _spec_of(self, key: AssetKey) -> AssetSpec | None:
        known = getattr(self._definitions, "records", None)
        records = [self._definitions.assets.get(key.text)] if known is None else known
        specs = [spec for record in records if record is not None for spec in record.specs]
        return next((spec for spec in specs if spec.key == key.text), None)

    def _definition_of(self, key: AssetKey) -> Any:
        resolve = getattr(self._definitions, "resolve_assets_def", None)
        made = self._definitions.universe.materializable
        return resolve(key) if resolve is not None and key.text in made else None

    def _check_monitored(self, key: AssetKey) -> None:
        if key not in self._keys_monitored:
            known = [each.to_user_string() for each in self._keys_monitored]
            name = key.to_user_string() if isinstance(key, AssetKey) else repr(key)
            raise InvalidInvocation(f"The sensor does not monitor asset '{name}'.{did_you_mean(name, known)}")


def build_multi_asset_sensor_context(
    *,
    monitored_assets: Any,
    repository_def: Any = None,
    instance: Any = None,
    cursor: str | None = None,
    repository_name: str | None = None,
    cursor_from_latest_materializations: bool = False,
    resources: Mapping[str, Any] | None = None,
    definitions: Any = None,
    last_sensor_start_time: float | None = None,
) -> MultiAssetSensorEvaluationContext:
    """Return the context to call a sensor of several assets with. Source: Dagster's function of that name.

    Raises:
        InvalidInvocation: no definitions; or a cursor beside ``cursor_from_latest_materializations``, or that without
            an instance.
    """
    known = definitions if definitions is not None else repository_def
    if known is None:
        raise InvalidInvocation("A sensor of several assets knows them from definitions; give definitions=.")
    if cursor_from_latest_materializations and (cursor or instance is None):
        raise InvalidInvocation("cursor_from_latest_materializations wants an instance, and no cursor beside it.")
    context = MultiAssetSensorEvaluationContext(
        monitored_assets=monitored_assets,
        instance=instance,
        cursor=cursor,
        repository_name=repository_name,
        definitions=known,
        resources=resources,
        last_sensor_start_time=last_sensor_start_time,
        news=None if instance is None else InstanceNews(instance),
        must_be_entered=needs_with(resources),
        resolve_partition=partition_resolver(known, instance),
    )
    if cursor_from_latest_materializations:
        context.advance_all_cursors()
        context.update_cursor_after_evaluation()
        context._updated = False
    return context


def keys_of(monitored: Any, definitions: Any) -> list[AssetKey]:
    """Return the keys of the assets that a sensor monitors: a list of them, or a selection among definitions."""
    if not hasattr(monitored, "resolve"):
        return list(monitored)
    if definitions is None:
        raise InvalidInvocation("A selection of monitored assets is resolved by definitions; give definitions=.")
    return [AssetKey.from_escaped_user_string(key) for key in sorted(monitored.resolve(definitions.universe))]


def _made(record: EventLogRecord) -> Made:
    return Made(record.storage_id, record.partition_key)
