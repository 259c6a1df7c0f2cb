"""The part of a step's context that is about its assets and checks. Knows the step call only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from jobkernel.errors import InvariantViolation, Unsupported
from jobkernel.executors.call import StepCall
from jobkernel.executors.partition_values import of_partition, output_keys
from jobkernel.model.definitions import Assets, CheckSpec, Input
from jobkernel.model.keys import AssetCheckKey, AssetKey, key_text
from jobkernel.model.metadata import normalize_metadata
from jobkernel.records import dataclass
from jobkernel.rules.plan import FromAsset, PlannedInput


@dataclass(frozen=True, slots=True)
class CheckSaid:
    """What is said of a check, by the names of Dagster's ``AssetCheckSpec``."""

    record: CheckSpec

    @property
    def name(self) -> str:
        """The check's own name."""
        return self.record.name

    @property
    def key(self) -> AssetCheckKey:
        """The name of the check: its asset and its own name."""
        return AssetCheckKey(self.asset_key, self.name)

    @property
    def asset_key(self) -> AssetKey:
        """The asset that is checked."""
        return AssetKey.from_escaped_user_string(self.record.asset_key)

    @property
    def description(self) -> str | None:
        """What the check is for."""
        return self.record.description

    @property
    def blocking(self) -> bool:
        """Whether a failure holds up what is downstream."""
        return self.record.is_blocking

    @property
    def metadata(self) -> dict[str, Any]:
        """What else is said of it."""
        return dict(self.record.metadata)

    def get_python_identifier(self) -> str:
        """Return the name of the check's step or output: ``asset_check``."""
        return f"{self.asset_key.to_python_identifier()}_{self.name}"


class AssetPart:
    """What a body may ask of the assets that its step makes."""

    __slots__ = ()
    _call: StepCall

    @property
    def has_assets_def(self) -> bool:
        """Whether the step makes or checks assets."""
        return self._call.step.assets is not None

    @property
    def assets_def(self) -> Assets:
        """The definition of the step's assets.

        Raises:
            InvariantViolation: the step is of an op job.
        """
        assets = self._call.step.assets
        if assets is None:
            raise InvariantViolation(f"Step '{self._call.step.key}' makes no asset.")
        assert isinstance(assets, Assets)
        return assets

    @property
    def asset_key(self) -> AssetKey:
        """The key of the only asset that the step makes.

        Raises:
            InvariantViolation: it makes none, or several.
        """
        keys = list(self.assets_def.keys_by_output.values())
        if len(keys) != 1:
            made = "several assets; use context.asset_key_for_output(…)" if keys else "no asset"
            raise InvariantViolation(f"Step '{self._call.step.key}' makes {made}.")
        return AssetKey.from_escaped_user_string(keys[0])

    @property
    def selected_asset_keys(self) -> set[AssetKey]:
        """The assets that this run wants of the step."""
        return {AssetKey.from_escaped_user_string(key) for key in self._call.step.asset_keys.values()}

    @property
    def selected_asset_check_keys(self) -> set[AssetCheckKey]:
        """The checks that this run wants of the step."""
        return {each.key for each in self.check_specs}

    @property
    def check_specs(self) -> list[CheckSaid]:
        """The checks that the step evaluates."""
        return [CheckSaid(check) for check in self._call.step.checks.values()]

    @property
    def is_subset(self) -> bool:
        """Whether this run wants fewer assets or checks than the step could make."""
        if self._call.step.assets is None:
            return False
        whole = len(self.assets_def.keys_by_output) + len(self.assets_def.checks_by_output)
        return len(self._call.step.asset_keys) + len(self._call.step.checks) < whole

    def asset_key_for_output(self, output_name: str = "result") -> AssetKey:
        """Return the key of the asset behind an output.

        Raises:
            InvariantViolation: the output is no asset.
        """
        key = self._call.step.asset_keys.get(output_name)
        if key is None and self.has_assets_def:
            key = self.assets_def.keys_by_output.get(output_name)
        if key is None:
            raise InvariantViolation(f"Output '{output_name}' of step '{self._call.step.key}' is no asset.")
        return AssetKey.from_escaped_user_string(key)

    def output_for_asset_key(self, asset_key: Any) -> str:
        """Return the output behind an asset of the step.

        Raises:
            InvariantViolation: the step does not make it.
        """
        text = key_text(asset_key)
        for output, key in self._call.step.asset_keys.items():
            if key == text:
                return output
        raise InvariantViolation(f"Step '{self._call.step.key}' does not make asset '{text}'.")

    def asset_key_for_input(self, input_name: str) -> AssetKey:
        """Return the key of the asset behind an input.

        Raises:
            InvariantViolation: the input is no asset.
        """
        key = self._call.step.input_keys.get(input_name)
        if key is None:
            raise InvariantViolation(f"Input '{input_name}' of step '{self._call.step.key}' is no asset.")
        return AssetKey.from_escaped_user_string(key)

    def add_asset_metadata(
        self, metadata: Mapping[str, Any], asset_key: Any = None, partition_key: str | None = None
    ) -> None:
        """Add metadata to the materialization of an asset of the step.

        Raises:
            InvariantViolation: the step makes no asset, not that one, or several and none is named.
            InvalidMetadata: a value is of no kind that metadata has.
        """
        keys = list(self._call.step.asset_keys.values())
        if not keys:
            raise InvariantViolation(f"Step '{self._call.step.key}' makes no asset whose metadata could be added to.")
        if asset_key is None and len(keys) > 1:
            raise InvariantViolation(f"Step '{self._call.step.key}' makes several assets; say which one by asset_key.")
        text = keys[0] if asset_key is None else key_text(asset_key)
        if text not in keys:
            raise InvariantViolation(f"Step '{self._call.step.key}' does not make asset '{text}'.")
        if partition_key is not None and partition_key not in output_keys(self._call, text):
            raise InvariantViolation(f"This run does not make partition '{partition_key}'.")
        normalize_metadata(metadata)
        place = text if partition_key is None else (text, partition_key)
        self._call.metadata_of_assets.setdefault(place, {}).update(metadata)

    def load_asset_value(self, asset_key: Any, *, python_type: Any = None, partition_key: str | None = None) -> Any:
        """Return the stored value of an asset, or of one of its partitions.

        Raises:
            MissingUpstream: it was never made.
        """
        item = Input(name="value", annotation=Any if python_type is None else python_type)
        feed = FromAsset(key_text(asset_key))
        call = self._call if partition_key is None else of_partition(self._call, feed.key, partition_key)
        return call.exchange.load(call, PlannedInput(item, (feed,)), feed)

    def set_data_version(self, *_given: Any, **_named: Any) -> NoReturn:
        """Refused: a result says its data version."""
        raise Unsupported("context.set_data_version is not supported; return Output(value, data_version=…).")

    def get_asset_provenance(self, *_given: Any, **_named: Any) -> NoReturn:
        """Refused: staleness is asked with ``jk.why``."""
        raise Unsupported("context.get_asset_provenance is not supported; ask jk.why('key').")
