"""The words that conditions are written with: ``AutomationCondition.eager()`` and the rest.

Composition and labels are Dagster's. Makes trees of :mod:`jobkernel.model.conditions`; evaluates nothing.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Set
from datetime import timedelta
from typing import Any, NoReturn

from jobkernel.errors import Unsupported
from jobkernel.model.conditions import (
    And,
    AnyDownstream,
    Checks,
    Condition,
    Dependencies,
    Matches,
    Not,
    Operand,
    Or,
    checked,
)
from jobkernel.model.keys import AssetKey
from jobkernel.rules.cron import read_crons


class AutomationCondition(ABC):  # noqa: B024  - abstract so that every tree of conditions counts as one
    """A condition on which an asset is made by itself. Join conditions by ``&``, ``|`` and ``~``."""

    def __init__(self, *_given: Any, **_named: Any) -> None:
        raise TypeError("An AutomationCondition is made by its words, such as AutomationCondition.eager().")

    def __init_subclass__(cls, **_options: Any) -> NoReturn:
        raise Unsupported("Conditions of your own classes are not supported; a sensor can compute anything instead.")

    @staticmethod
    def missing() -> Operand:
        """True where the asset was never made."""
        return Operand("missing")

    @staticmethod
    def run_in_progress() -> Operand:
        """True where a run that is not over plans to make the asset and has not done so yet."""
        return Operand("run_in_progress")

    @staticmethod
    def backfill_in_progress() -> Operand:
        """True where a backfill that is not over has yet to make the asset."""
        return Operand("backfill_in_progress")

    @staticmethod
    def in_progress() -> Or:
        """True where a run or a backfill that is not over has yet to make the asset."""
        both = AutomationCondition.run_in_progress() | AutomationCondition.backfill_in_progress()
        return both.with_label("in_progress")

    @staticmethod
    def execution_failed() -> Operand:
        """True where the latest run that planned to make the asset failed without making it."""
        return Operand("execution_failed")

    @staticmethod
    def initial_evaluation() -> Operand:
        """True at the first look at the asset's condition, and at the first after its partitions changed kind."""
        return Operand("initial_evaluation")

    @staticmethod
    def newly_updated() -> Operand:
        """True where the asset was made since the look before."""
        return Operand("newly_updated")

    @staticmethod
    def newly_requested() -> Operand:
        """True where the look before requested the asset."""
        return Operand("newly_requested")

    @staticmethod
    def newly_missing() -> Condition:
        """True at the look at which the asset becomes missing."""
        return AutomationCondition.missing().newly_true().with_label("newly_missing")

    @staticmethod
    def will_be_requested() -> Operand:
        """True where this look requested it already, and one run can make both it and the asset asked for."""
        return Operand("will_be_requested")

    @staticmethod
    def code_version_changed() -> Operand:
        """True where the asset's code version is another than at the look before."""
        return Operand("code_version_changed")

    @staticmethod
    def data_version_changed() -> Operand:
        """True where the asset was made since the look before, with another data version."""
        return Operand("data_version_changed")

    @staticmethod
    def cron_tick_passed(cron_schedule: str, cron_timezone: str = "UTC") -> Operand:
        """True where a tick of a cron lies between the look before and this one.

        Raises:
            InvalidDefinition: the cron or the time zone cannot be read.
        """
        read_crons(cron_schedule, cron_timezone)
        return Operand("cron_tick_passed", (("cron_schedule", cron_schedule), ("cron_timezone", cron_timezone)))

    @staticmethod
    def in_latest_time_window(lookback_delta: timedelta | None = None) -> Operand:
        """True of the last partition by time, or of those within ``lookback_delta`` of its end; else of everything."""
        return Operand("in_latest_time_window", (("lookback_timedelta", lookback_delta),) if lookback_delta else ())

    @staticmethod
    def check_passed() -> Operand:
        """True of a check that passed on the latest materialization of its asset."""
        return Operand("check_passed")

    @staticmethod
    def check_failed() -> Operand:
        """True of a check that failed on the latest materialization of its asset."""
        return Operand("check_failed")

    @staticmethod
    def executed_with_root_target() -> Operand:
        """True where the run that last made the asset also planned the one that the whole condition stands on."""
        return Operand("executed_with_root_target")

    @staticmethod
    def executed_with_tags(*, tag_keys: Set[str] | None = None, tag_values: Mapping[str, str] | None = None) -> Operand:
        """True where the run that last made the asset had all these tags."""
        return _about_tags("executed_with_tags", tag_keys, tag_values)

    @staticmethod
    def all_new_updates_have_run_tags(
        *, tag_keys: Set[str] | None = None, tag_values: Mapping[str, str] | None = None
    ) -> Operand:
        """True where all runs that made the asset since the look before had all these tags."""
        return _about_tags("all_new_updates_have_run_tags", tag_keys, tag_values)

    @staticmethod
    def any_new_update_has_run_tags(
        *, tag_keys: Set[str] | None = None, tag_values: Mapping[str, str] | None = None
    ) -> Operand:
        """True where a run that made the asset since the look before had all these tags."""
        return _about_tags("any_new_update_has_run_tags", tag_keys, tag_values)

    @staticmethod
    def asset_matches(key: Any, condition: Condition) -> Matches:
        """True where the condition is true of the asset of that key."""
        return Matches(AssetKey.from_coercible(key), checked(condition, "asset_matches"))

    @staticmethod
    def any_deps_match(condition: Condition) -> Dependencies:
        """True where the condition is true of anything that the asset depends on."""
        return Dependencies(checked(condition, "any_deps_match"), is_all=False)

    @staticmethod
    def all_deps_match(condition: Condition) -> Dependencies:
        """True where the condition is true of everything that the asset depends on."""
        return Dependencies(checked(condition, "all_deps_match"), is_all=True)

    @staticmethod
    def any_checks_match(condition: Condition, blocking_only: bool = False) -> Checks:
        """True where the condition is true of any of the asset's checks, or of those that block."""
        return Checks(checked(condition, "any_checks_match"), is_all=False, blocking_only=blocking_only)

    @staticmethod
    def all_checks_match(condition: Condition, blocking_only: bool = False) -> Checks:
        """True where the condition is true of all of the asset's checks, or of those that block."""
        return Checks(checked(condition, "all_checks_match"), is_all=True, blocking_only=blocking_only)

    @staticmethod
    def any_downstream_conditions() -> AnyDownstream:
        """True where the condition of any asset downstream is true of this one."""
        return AnyDownstream()

    @staticmethod
    def any_deps_updated() -> Dependencies:
        """True where a dependency was made since the look before by a run without this asset, or is requested now."""
        alone = AutomationCondition.newly_updated() & ~AutomationCondition.executed_with_root_target()
        either = alone.with_label("newly_updated_without_root") | AutomationCondition.will_be_requested()
        return AutomationCondition.any_deps_match(either).with_label("any_deps_updated")

    @staticmethod
    def any_deps_missing() -> Dependencies:
        """True where a dependency was never made, and is not requested now."""
        missing = AutomationCondition.missing() & ~AutomationCondition.will_be_requested()
        return AutomationCondition.any_deps_match(missing).with_label("any_deps_missing")

    @staticmethod
    def any_deps_in_progress() -> Dependencies:
        """True where a dependency is being made."""
        return AutomationCondition.any_deps_match(AutomationCondition.in_progress()).with_label("any_deps_in_progress")

    @staticmethod
    def all_deps_updated_since_cron(cron_schedule: str, cron_timezone: str = "UTC") -> Dependencies:
        """True where every dependency was made since the cron's last tick, or is requested now."""
        since = AutomationCondition.newly_updated().since(
            AutomationCondition.cron_tick_passed(cron_schedule, cron_timezone)
        )
        label = f"all_deps_updated_since_cron({cron_schedule}, {cron_timezone})"
        return AutomationCondition.all_deps_match(since | AutomationCondition.will_be_requested()).with_label(label)

    @staticmethod
    def all_deps_blocking_checks_passed() -> Dependencies:
        """True where all blocking checks of all dependencies passed, or are requested now."""
        passed = AutomationCondition.check_passed() | AutomationCondition.will_be_requested()
        of_one = AutomationCondition.all_checks_match(passed, blocking_only=True)
        label = "all_deps_blocking_checks_passed"
        return AutomationCondition.all_deps_match(of_one.with_label("all_blocking_checks_passed")).with_label(label)

    @staticmethod
    def eager() -> And:
        """Make the asset when something it depends on was made, or when it becomes missing."""
        changed = AutomationCondition.newly_missing() | AutomationCondition.any_deps_updated()
        return And(
            (
                AutomationCondition.in_latest_time_window(),
                changed.since_last_handled(),
                Not(AutomationCondition.any_deps_missing()),
                Not(AutomationCondition.any_deps_in_progress()),
                Not(AutomationCondition.in_progress()),
            ),
            label="eager",
        )

    @staticmethod
    def on_cron(cron_schedule: str, cron_timezone: str = "UTC") -> And:
        """Make the asset at the times of a cron, once everything it depends on was made since."""
        return And(
            (
                AutomationCondition.in_latest_time_window(),
                AutomationCondition.cron_tick_passed(cron_schedule, cron_timezone).since_last_handled(),
                AutomationCondition.all_deps_updated_since_cron(cron_schedule, cron_timezone),
            ),
            label=f"on_cron({cron_schedule}, {cron_timezone})",
        )

    @staticmethod
    def on_missing() -> And:
        """Make the asset when it becomes missing after the condition was put on it."""
        missing = AutomationCondition.missing().newly_true().since_last_handled()
        return And(
            (
                AutomationCondition.in_latest_time_window(),
                missing.with_label("missing_since_last_handled"),
                Not(AutomationCondition.any_deps_missing()),
            ),
            label="on_missing",
        )

    @staticmethod
    def freshness_passed() -> NoReturn:
        """Refused: jobkernel has no freshness policies."""
        _refuse_freshness("passed")

    @staticmethod
    def freshness_warned() -> NoReturn:
        """Refused: jobkernel has no freshness policies."""
        _refuse_freshness("warned")

    @staticmethod
    def freshness_failed() -> NoReturn:
        """Refused: jobkernel has no freshness policies."""
        _refuse_freshness("failed")

    @staticmethod
    def any_job_root_assets_match(condition: Condition) -> NoReturn:  # noqa: ARG004
        """Refused: jobs have no conditions."""
        _refuse_jobs("any")

    @staticmethod
    def all_job_root_assets_match(condition: Condition) -> NoReturn:  # noqa: ARG004
        """Refused: jobs have no conditions."""
        _refuse_jobs("all")


AutomationCondition.register(Condition)


def _about_tags(kind: str, keys: Set[str] | None, values: Mapping[str, str] | None) -> Operand:
    given: list[tuple[str, Any]] = []
    if keys is not None:
        given.append(("tag_keys", frozenset(keys)))
    if values is not None:
        given.append(("tag_values", tuple(sorted(values.items()))))
    return Operand(kind, tuple(given))


def _refuse_freshness(word: str) -> NoReturn:
    raise Unsupported(
        f"'freshness_{word}' is not supported, since assets have no freshness policy; use cron_tick_passed."
    )


def _refuse_jobs(word: str) -> NoReturn:
    raise Unsupported(f"'{word}_job_root_assets_match' is not supported; put the condition on the job's assets.")
