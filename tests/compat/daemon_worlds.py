"""The same schedules and sensors under Dagster's own daemon functions and in a session, by a clock moved by hand.

A script gives definitions, with all that is in them on. What a world tells is plain: ticks, cursors, runs, keys.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness import dagster
from waiting import eventually

import jobkernel
from jobkernel.clock import ManualClock
from jobkernel.engine.opening import test_session as session_in_memory

Script = Callable[[Any], Any]
START = datetime(2024, 2, 1, 23, 59, 59, tzinfo=UTC)
OURS = {"dagster/tick", "dagster/code_location", ".dagster/repository"}
"""Tags whose texts differ, or that only several code locations have."""
GIVEN: dict[str, Any] = {}
"""Definitions by name, for the module that Dagster loads."""


class Theirs:
    """Dagster's daemon, in this process."""

    def __init__(self, context: Any, instance: Any) -> None:
        self._context, self.instance, self.now, self.dg = context, instance, START, dagster()
        self._times: dict[str, Any] = {}

    def move(self, seconds: float) -> None:
        """Let time pass, then have one iteration over sensors and one over schedules."""
        from dagster._core.test_utils import freeze_time
        from dagster._daemon.sensor import execute_sensor_iteration
        from dagster._scheduler.scheduler import launch_scheduled_runs

        self.now += timedelta(seconds=seconds)
        quiet = logging.getLogger("quiet")
        quiet.disabled = True
        with freeze_time(self.now):
            list(execute_sensor_iteration(self._context, quiet, None, None))
            list(launch_scheduled_runs(self._context, quiet, self.now, self._times))

    def ticks(self, name: str) -> list[dict[str, Any]]:
        """The ticks, oldest first."""
        state = next(each for each in self.instance.all_instigator_state() if each.instigator_name == name)
        found = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        return [
            {
                "status": tick.status.value,
                "runs": len(tick.run_ids),
                "error": tick.error is not None,
                "origins": len(tick.origin_run_ids),
                "changes": [_result(each) for each in tick.tick_data.dynamic_partitions_request_results],
            }
            for tick in reversed(found)
        ]

    def cursor(self, name: str) -> str | None:
        """What a sensor keeps."""
        state = next(each for each in self.instance.all_instigator_state() if each.instigator_name == name)
        return state.instigator_data.cursor if state.instigator_data else None

    def runs(self) -> list[dict[str, str]]:
        """The tags of all runs, oldest first."""
        return [_tags(run.tags) for run in self.instance.get_runs(ascending=True)]


class OfOurs:
    """A session with its own scheduler."""

    def __init__(self, session: Any) -> None:
        self.session, self.instance, self.dg = session, jobkernel.DagsterInstance(session), jobkernel

    def move(self, seconds: float) -> None:
        """Let time pass; the scheduler looks at what is due."""
        self.session.clock.move(timedelta(seconds=seconds))
        eventually(lambda: not self.session.launcher.alive())
        self.session.history.flush()

    def _rows(self, name: str) -> Sequence[Any]:
        self.session.automations.keep_looks()
        return list(reversed(self.session.history.query("ticks", automation=name, limit=1000)))

    def ticks(self, name: str) -> list[dict[str, Any]]:
        """The ticks, oldest first."""
        return [
            {
                "status": row["status"],
                "runs": len(row["run_ids"] or ()),
                "error": row["error"] is not None,
                "origins": len(row["details"].get("origin_run_ids") or ()),
                "changes": [
                    (each["partitions"], each.get("added"), each.get("deleted"), each["skipped"])
                    for each in row["details"].get("partitions_changed") or ()
                ],
            }
            for row in self._rows(name)
        ]

    def cursor(self, name: str) -> str | None:
        """What a sensor keeps."""
        found: str | None = self.session.history.query("automations", names=[name])[0]["cursor"]
        return found

    def runs(self) -> list[dict[str, str]]:
        """The tags of all runs, oldest first."""
        return [_tags(run.tags) for run in self.instance.get_runs(ascending=True)]


def _result(result: Any) -> tuple[Any, ...]:
    return result.partitions_def_name, result.added_partitions, result.deleted_partitions, result.skipped_partitions


def _tags(tags: Any) -> dict[str, str]:
    return {name: text for name, text in sorted(tags.items()) if name not in OURS}


@contextmanager
def theirs(script: Script, folder: Path) -> Iterator[Theirs]:
    """Give Dagster's world of a script."""
    dg = dagster()
    from dagster._core.remote_origin import InProcessCodeLocationOrigin
    from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time, instance_for_test
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

    module = folder / "definitions_of_dagster.py"
    module.write_text("import daemon_worlds\ndefs = daemon_worlds.GIVEN['defs']\n")
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        stack.enter_context(freeze_time(START))
        GIVEN["defs"] = script(dg)
        place = {"python_file": str(module), "attribute": "defs", "working_directory": str(folder)}
        target = LoadableTargetOrigin(executable_path=sys.executable, **place)
        origin = InProcessCodeLocationOrigin(loadable_target_origin=target, location_name="here")
        queued = {"run_coordinator": {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}}
        instance = stack.enter_context(instance_for_test(overrides=queued))
        load = InProcessWorkspaceLoadTarget(origin)
        context = stack.enter_context(create_test_daemon_workspace_context(load, instance))
        yield Theirs(context, instance)


@contextmanager
def ours(script: Script) -> Iterator[OfOurs]:
    """Give the session's world of a script."""
    with session_in_memory(ManualClock(START)) as session:
        session.add(script(jobkernel))
        yield OfOurs(session)


def told_by_both(script: Script, folder: Path, moves: Sequence[float], tell: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return what is told of both worlds after the moves."""
    found = []
    for world in (theirs(script, folder), ours(script)):
        with world as made:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for seconds in moves:
                    made.move(seconds)
            found.append(tell(made))
    return found[0], found[1]
