"""Which runs a name means: those of a job, and those of assets that somebody chose by hand. Asks the history alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from jobkernel.engine.records import RunRecords
from jobkernel.errors import UnknownName, did_you_mean
from jobkernel.model.definitions import EMPTY
from jobkernel.rules.asset_plan import ASSET_JOB, run_title
from jobkernel.storage.history import History

_FIRST_LOOK: Final = 200
_RUN_ID: Final = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")
Row = dict[str, Any]
Fits = Callable[[Row], bool]


def runs_that(history: History, fits: Fits, limit: int, asked: Mapping[str, Any] = EMPTY) -> list[Row]:
    """Return the newest runs that fit, at most ``limit``; ``asked`` is what the history looks for itself."""
    looked = max(_FIRST_LOOK, limit)
    while True:
        rows = history.query("latest_runs", limit=looked, **asked)
        found = [row for row in rows if fits(row)][:limit]
        if len(found) == limit or len(rows) < looked:
            return found
        looked *= 10


def runs_called(history: History, name: str, fits: Fits, limit: int, asked: Mapping[str, Any] = EMPTY) -> list[Row]:
    """Return the newest runs that fit and whose job is called ``name``, or whose assets, chosen by hand, are."""
    of_job = runs_that(history, fits, limit, {**asked, "job_name": name})
    by_hand = {**asked, "job_name": ASSET_JOB}
    chosen = runs_that(history, lambda row: _shows(row, name) and fits(row), limit, by_hand)
    return sorted({row["run_id"]: row for row in [*of_job, *chosen]}.values(), key=_place, reverse=True)[:limit]


def latest_run_of(history: History, name: str) -> str | None:
    """Return the id of the latest run of a job, or of any run that was to make an asset; None where there is none."""
    rows = [
        *runs_that(history, lambda _: True, 1, {"job_name": name}),
        *runs_that(history, lambda row: name in (row["assets"] or ()) or _shows(row, name), 1),
    ]
    return str(max(rows, key=_place)["run_id"]) if rows else None


def run_in_history(history: History, name: str | None, listing: str = "%runs") -> str:
    """Return the id of the run that is meant: by its id or the beginning of it, else the latest of an asset or a job.

    Without a name it is the latest run of the project. ``listing`` is the command that shows ids.

    Raises:
        UnknownName: there is none.
    """
    if name is None:
        rows = history.query("latest_runs", limit=1)
        if not rows:
            raise UnknownName("Nothing has run yet, so there are no logs.")
        return str(rows[0]["run_id"])
    found = None if _RUN_ID.fullmatch(name) else latest_run_of(history, name)
    if found is not None:
        return found
    try:
        return RunRecords(history).find(name)
    except UnknownName as error:
        found = latest_run_of(history, name)
        if found is not None:
            return found
        known = names_known(history)
        if name in known:
            kind = "Asset" if name in keys_known(history) else "Job"
            raise UnknownName(f"{kind} '{name}' has not run yet.") from None
        guess = did_you_mean(name, known)
        raise UnknownName(f"{error}{guess} Give a run's id as {listing} shows it, an asset or a job.") from None


def names_known(history: History) -> list[str]:
    """Return the jobs and assets that the history knows."""
    jobs = [row["name"] for row in history.query("definitions", kind="job")]
    return list(dict.fromkeys([*jobs, *_of_recent_runs(history), *keys_known(history)]))


def keys_known(history: History) -> dict[str, str | None]:
    """Return the assets that the history knows, each with the notebook that defined it last, where one did."""
    found: dict[str, str | None] = {row["asset_key"]: None for row in history.query("asset_states")}
    found.update((row["name"], row["notebook"]) for row in history.query("definitions", kind="asset"))
    return found


def _of_recent_runs(history: History) -> Iterator[str]:
    rows = history.query("latest_runs", limit=_FIRST_LOOK)
    return (row["job_name"] for row in rows if row["job_name"] != ASSET_JOB)


def _shows(row: Row, name: str) -> bool:
    """Whether a run of assets that were chosen by hand is called so in a list, or makes the asset of that key."""
    keys = row["assets"] or ()
    return row["job_name"] == ASSET_JOB and (name in keys or run_title(ASSET_JOB, keys) == name)


def _place(row: Row) -> int:
    return int(row["first_seq"])
