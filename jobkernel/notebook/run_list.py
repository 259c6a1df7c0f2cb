"""What ``%runs`` and ``jobkernel runs`` list: which runs, those of one origin together, and the table of them.

Asks the history through any client. Knows no magics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from jobkernel.clock import from_us, seconds_between
from jobkernel.errors import HistoryError, UnknownName, did_you_mean
from jobkernel.model.definitions import EMPTY
from jobkernel.model.run_tags import RESUME_TAG, RETRY_NUMBER_TAG
from jobkernel.model.runs import RunStatus
from jobkernel.notebook.options import UsageProblem, duration
from jobkernel.notebook.run_search import names_known, runs_called, runs_that
from jobkernel.rules.asset_plan import run_title
from jobkernel.storage.history import History
from jobkernel.storage.table import Table

COLUMNS: Final = {
    "run": "VARCHAR",
    "job": "VARCHAR",
    "status": "VARCHAR",
    "queued_at (UTC)": "TIMESTAMP",
    "duration_s": "DOUBLE",
    "trigger": "VARCHAR",
    "notebook": "VARCHAR",
    "error": "VARCHAR",
}


def listed_runs(
    history: History,
    *,
    job: str | None = None,
    status: str | None = None,
    since_us: int | None = None,
    tags: Mapping[str, str | None] = EMPTY,
    limit: int = 20,
) -> list[dict[str, Any]]:
    """Return what the history says of runs, newest first, but those of one root next to each other.

    ``job`` is a job, or what the list calls a run of assets: its title, or a key of it. ``tags`` are what a run must
    carry; None stands for any value.

    Raises:
        UnknownName: the history knows no job and no asset of that name; the message names the nearest.
    """
    with suppress(HistoryError):  # what this kernel did last is listed too, unless nobody keeps it now
        history.flush()
    asked = {"status": status, "since": since_us}

    def carries(row: dict[str, Any]) -> bool:
        return _carries(row["tags"] or {}, tags)

    if job is None:
        newest = (
            runs_that(history, carries, limit, asked) if tags else history.query("latest_runs", limit=limit, **asked)
        )
        return grouped(newest)
    rows = runs_called(history, job, carries, limit, asked)
    if not rows and job not in (known := names_known(history)) and not runs_called(history, job, _any_run, 1):
        raise UnknownName(f"--job: the history knows no job and no asset '{job}'.{did_you_mean(job, known)}")
    return grouped(rows)


def _any_run(_row: object) -> bool:
    return True


def grouped(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with those of one root next to each other, where the newest of them stood."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["root_run_id"] or row["run_id"], []).append(row)
    return [row for group in groups.values() for row in group]


def _carries(tags: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return all(name in tags and value in (None, tags[name]) for name, value in wanted.items())


def wanted_tags(words: Iterable[str] | None) -> dict[str, str | None]:
    """Return the tags of ``k=v`` words; a ``k`` alone stands for any value.

    Raises:
        UsageProblem: a word has no name.
    """
    found: dict[str, str | None] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not name:
            raise UsageProblem(f"--tag: '{word}' has no name; write --tag name=value.")
        found[name] = value if equals else None
    return found


def status_named(text: str | None) -> str | None:
    """Return the status that is meant, in Dagster's words.

    Raises:
        UsageProblem: there is none such; the sentence names the nearest.
    """
    if text is None or text.upper() in RunStatus.__members__:
        return text and text.upper()
    known, guess = ", ".join(RunStatus.__members__), did_you_mean(text.upper(), RunStatus.__members__)
    raise UsageProblem(f"--status: no status '{text}'.{guess} Known are {known}.")


def since(text: str | None, now_us: int) -> int | None:
    """Return the instant that lies so long before now.

    Raises:
        UsageProblem: the text is no duration.
    """
    return now_us - int(duration(text, "--since") / timedelta(microseconds=1)) if text else None


def runs_table(rows: Sequence[Mapping[str, Any]], waiting: Mapping[str, str] = EMPTY) -> Table:
    """Show runs as a table; those without a job are called by their assets; times are UTC.

    ``priority`` is there where some run has one; ``origin`` says which run one goes on from, where one does;
    ``waiting`` by run id what those in the queue wait for.
    """
    columns = dict(COLUMNS)
    more: list[Mapping[str, Any]] = []
    has_priority = any(row["priority"] for row in rows)
    priorities = {row["run_id"]: row["priority"] for row in rows if has_priority}
    origins = {row["run_id"]: words for row in rows if (words := origin_of(row))}
    for name, kind, told in (
        ("priority", "BIGINT", priorities),
        ("origin", "VARCHAR", origins),
        ("waiting", "VARCHAR", waiting),
    ):
        if told:  # only where some row has it
            columns[name] = kind
            more.append(told)
    cells = [(*_cells(row), *(told.get(row["run_id"]) for told in more)) for row in rows]
    return Table(list(columns), list(columns.values()), cells, widest=160 if waiting else 60)


def origin_of(row: Mapping[str, Any]) -> str | None:
    """Say which run another one goes on from, and how; None for one that stands alone."""
    parent, tags = row.get("parent_run_id"), row.get("tags") or {}
    if not parent:
        return None
    if RETRY_NUMBER_TAG in tags and row.get("trigger") == "retry":
        return f"retry {tags[RETRY_NUMBER_TAG]} of {parent[:8]}"
    return f"from the failure of {parent[:8]}" if RESUME_TAG in tags else f"re-execution of {parent[:8]}"


def _cells(row: Mapping[str, Any]) -> tuple[Any, ...]:
    seconds, error = seconds_between(row.get("started_at"), row.get("ended_at")), row.get("error")
    return (
        row["run_id"][:8],
        run_title(row["job_name"], row["assets"] or ()),
        row["status"],
        from_us(row["queued_at"]).replace(tzinfo=None, microsecond=0) if row.get("queued_at") else None,
        None if seconds is None else round(seconds, 3),
        row.get("trigger"),
        row.get("notebook"),
        _sentence(error) if isinstance(error, Mapping) else error,
    )


def _sentence(error: Mapping[str, Any]) -> str:
    """Return an error's class and message, as the view ``runs`` has it."""
    return ": ".join(str(part) for part in (error.get("type"), error.get("message")) if part)
