"""Puts the schedules and sensors of a session together: what their looks see, and how their runs are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jobkernel.engine import live
from jobkernel.engine.automations import Automations
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.live_run import new_run_id
from jobkernel.engine.news import HistoryNews
from jobkernel.engine.reports import Reports
from jobkernel.engine.tick_runs import TickRuns
from jobkernel.rules.staleness import FRESH

if TYPE_CHECKING:
    from jobkernel.engine.session import Session


class SessionSurroundings:
    """What functions of schedules and sensors see of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.news = HistoryNews(session.history)
        self.reports = Reports(session)

    @property
    def resources(self) -> Mapping[str, Any]:
        """The definitions of resources, by key."""
        return self._session.registry.resources

    @property
    def instance(self) -> Callable[[], Any] | None:
        """What makes the instance they may ask for, or None."""
        return self._session.make_instance or live.instance_maker(self._session)

    @property
    def definitions(self) -> Any:
        """The registry: it has the ``universe`` of assets."""
        return self._session.registry

    def explain_error(self, error: BaseException) -> BaseException:
        """Return an error of a function, or of what was raised in one, with what people may want to know of it."""
        self._session.explain_error(error.__cause__ or error, is_look=True)
        return error


def automations_of(session: Session) -> Automations:
    """Return the schedules and sensors of a session, none of them defined yet."""
    launcher = session.launcher
    runs = TickRuns(
        registry=session.registry,
        planner=session.planner,
        history=session.history,
        prepare=session.prepare,
        enqueue=launcher.enqueue,
        alive=launcher.alive,
        new_run_id=new_run_id,
        now_us=session.clock.now_us,
        only_stale=lambda keys, partition: [key for key in keys if not _is_fresh(session, key, partition)],
    )
    return Automations(
        history=session.history,
        clock=session.clock,
        timer=launcher.deadlines,
        runs=runs,
        surroundings=SessionSurroundings(session),
        known=session.registry,
        notebook=session.notebook,
        on_change=session.changed.set,
        handle=lambda live: RunHandle(session, live),
    )


def _is_fresh(session: Session, key: str, partition: str | None) -> bool:
    """Whether an asset, or one of its partitions, need not be made again."""
    standing = session.freshness.partitions(key) if partition is not None else None
    if standing is not None and partition is not None:
        return standing.words.get(partition) == FRESH
    return session.freshness.status_words().get(key) == FRESH
