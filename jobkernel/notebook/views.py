"""What magics show: echoes, plans, run results, histories, logs, reasons, as :class:`Shown`; decides nothing."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobkernel.clock import from_us
from jobkernel.engine.entries import Change, Entry
from jobkernel.engine.handle import RunHandle
from jobkernel.engine.session import Session
from jobkernel.engine.states import CheckState
from jobkernel.errors import InvalidSelection
from jobkernel.executors.failure import message_of, type_name
from jobkernel.model.automation import Automation
from jobkernel.model.definitions import Job
from jobkernel.model.runs import StepStatus
from jobkernel.notebook.automation_views import automation_words
from jobkernel.notebook.log_tail import LogLine
from jobkernel.notebook.reasons import stale_words
from jobkernel.notebook.shown import (
    Shown,
    columns_text,
    count_of,
    escaped,
    mark,
    mark_html,
    one_line,
    quiet,
    rows_html,
    span_of,
)
from jobkernel.rules.asset_plan import shown_key
from jobkernel.rules.graph_plan import plan_graph
from jobkernel.rules.plan import Plan
from jobkernel.rules.staleness import PARTLY

STEP_WORDS: Mapping[StepStatus, str] = {
    StepStatus.WAITING: "queued",
    StepStatus.STARTED: "running",
    StepStatus.UP_FOR_RETRY: "queued",
    StepStatus.SUCCESS: "fresh",
    StepStatus.FAILURE: "failed",
    StepStatus.SKIPPED: "skipped",
    StepStatus.NOT_RUN: "skipped",
    StepStatus.CANCELED: "canceled",
}
"""The screen's status word of each step status."""
RUN_WORDS: Mapping[str, str] = {
    "QUEUED": "queued",
    "NOT_STARTED": "queued",
    "STARTING": "running",
    "STARTED": "running",
    "CANCELING": "running",
    "SUCCESS": "fresh",
    "FAILURE": "failed",
    "CANCELED": "canceled",
}
"""The screen's status word of each run status."""


def echo(session: Session, change: Change, notes: Sequence[str]) -> Shown:
    """Say in one line what a definition cell did: name, inputs, what changed, who is now stale."""
    entry = change.entry
    words = [_title(entry), *_words_of(session, entry)]
    words += [_handed_over(key, notebook) for key, notebook in change.inherited.items()]
    words += [f"now feeds {key}" for _, key in change.new_edges if key != entry.name]
    words += list(notes)
    text = " · ".join(words)
    first, _, rest = text.partition(" · ")
    status = session.freshness.verdicts().get(entry.name) if entry.kind == "asset" else None
    word = status.status if status else "never" if entry.kind == "check" else "fresh"
    return Shown(f"{mark(word)} {text}", f"{mark_html(word)} <b>{escaped(first)}</b> {quiet(rest)}")


def _title(entry: Entry) -> str:
    if "check" in entry.options:
        key, name = entry.options["check"]
        return f"check {name} of {key}"
    return f"{entry.kind} {entry.name}"


def _words_of(session: Session, entry: Entry) -> list[str]:
    if isinstance(entry.record, Automation):
        return automation_words(session, entry.record)
    match entry.kind:
        case "asset":
            return _asset_words(session, entry.name)
        case "job":
            return _job_words(session, entry.record)
        case "op":
            names = [item.name for item in entry.record.inputs]
            return [f"takes {', '.join(names)}"] if names else []
        case "check":
            checks = session.registry.checks[entry.options["check"]].checks_by_output.values()
            return ["stops what is below when it fails"] if any(check.is_blocking for check in checks) else []
    return []


def _job_words(session: Session, job: Job) -> list[str]:
    if job.graph is not None:
        return [count_of(len(plan_graph(job.graph, job, input_values=job.input_values).steps), "step")]
    try:
        count = len(session.select(job.selection))
    except InvalidSelection:
        count = 0
    return [f"{job.selection}: {count_of(count, 'asset') if count else 'nothing that is defined yet'}"]


def _asset_words(session: Session, key: str) -> list[str]:
    registry = session.registry
    parents = registry.assets[key].specs[0].deps if key in registry.assets else ()
    words = [f"from {', '.join(parents)}"] if parents else []
    verdicts = session.freshness.verdicts()
    verdict = verdicts.get(key)
    if verdict is not None and verdict.status == "stale":
        words.append(f"stale: {stale_words(session, key)}")
    elif verdict is not None and verdict.status == "never":
        words.append("never run")
    stale = [child for child in registry.graph.downstream([key]) if verdicts[child].status == "stale"]
    if stale and verdict is not None and verdict.status == "stale":
        words.append(f"{count_of(len(stale), 'asset')} downstream stale too")
    return words


def _handed_over(key: str, notebook: str) -> str:
    return f"{key} taken over from {notebook}"


def plan_view(session: Session, plan: Plan, skipped: Mapping[str, str], partitions: Sequence[str] = ()) -> Shown:
    """Show what a run would do: its steps in order, why each would run, what is left out, the time expected.

    ``partitions`` are lines that say which of them would be made.
    """
    expected = expected_seconds(session, plan)
    verdicts = session.freshness.verdicts()
    rows: list[tuple[str, str, str]] = []
    for step in plan.steps.values():
        keys = list(step.asset_keys.values())
        if not keys:
            rows.append(("check" if step.is_check else "op", shown_key(plan, step.key), "runs each time"))
            continue
        verdict = verdicts.get(keys[0])
        word = verdict.status if verdict else "never"
        if session.freshness.state_of(keys[0]).last_ending == "FAILURE":
            word = "failed"
        why = {"fresh": "fresh, will run again", "never": "never run", "failed": "failed"}.get(
            word, f"stale: {stale_words(session, keys[0])}" if verdict else ""
        )
        if verdict is not None and verdict.partitions is not None:
            why, word = verdict.partitions, "stale" if word == PARTLY else word
        rows.append((word, shown_key(plan, step.key), why))
    head = f"{count_of(len(plan.steps), 'step')}, {_about(expected)}. Nothing was run."
    left = [f"{key}: {reason}" for key, reason in skipped.items()]
    after = [*partitions, *_left_out(left)]
    text = "\n".join([head, columns_text([(mark(word), key, why) for word, key, why in rows]), *after])
    markup = f"<div>{escaped(head)}</div>" + rows_html(
        (mark_html(word), f"<b>{escaped(key)}</b>", quiet(why)) for word, key, why in rows
    )
    markup += "".join(f"<div>{quiet(line)}</div>" for line in after)
    return Shown(text, markup)


def _left_out(left: Sequence[str]) -> list[str]:
    return [f"Left out, {line}" for line in left[:20]] + ([f"… and {len(left) - 20} more"] if len(left) > 20 else [])


def _about(seconds: float | None) -> str:
    return "no earlier runs to estimate from" if seconds is None else f"about {span_of(seconds)}"


def expected_seconds(session: Session, plan: Plan) -> float | None:
    """Return how long a plan usually takes by the history: the longest chain of median step times; None if unknown."""
    usual = usual_seconds(session)
    ends: dict[str, float] = {}
    for key, step in plan.steps.items():
        above = max((ends.get(feed.step_key, 0.0) for feed in step.sources), default=0.0)
        ends[key] = above + usual.get(key, 0.0)
    known = [key for key in plan.steps if key in usual]
    return max(ends.values()) if known else None


def usual_seconds(session: Session) -> dict[str, float]:
    """Return the median duration of each step in recent successful runs."""
    rows = session.history.query("step_durations", job_name=None)
    return {row["step_key"]: row["duration_s"] for row in rows}


def run_result(
    handle: RunHandle, bound: Sequence[str], checks: Mapping[tuple[str, str], CheckState] | None = None
) -> Shown:
    """Show how a run ended: one line, and a line for each step that did not end well and each check that failed."""
    active = handle.live.active
    began = active.started_at or handle.live.queued_at
    took = max([*active.finished_at.values(), began]) - began
    word = RUN_WORDS[handle.status]
    steps = active.progress.statuses
    good = sum(status is StepStatus.SUCCESS for status in steps.values())
    head = (
        f"{count_of(good, 'step')} in {span_of(took / 1e6)}"
        if handle.success
        else _ending_words(handle, good, len(steps))
    )
    parts = [head, f"run {handle.run_id[:8]}", *bound]
    if active.error is not None and active.first_failure is None:
        parts.append(one_line(str(active.error)))
    parts += [sentence for sentence in (handle.live.notice, handle.live.loss) if sentence]
    text = " · ".join(parts)
    trouble = [(key, status) for key, status in steps.items() if status not in (StepStatus.SUCCESS, StepStatus.WAITING)]
    plan = handle.live.plan
    rows = [
        (STEP_WORDS[status], shown_key(plan, key), _trouble_words(handle, key, status)) for key, status in trouble[:12]
    ]
    lines = [f"{mark(word)} {text}"]
    markup = f"{mark_html(word)} {escaped(text)}"
    if rows:
        lines.append(columns_text([(f"  {mark(each)}", key, why) for each, key, why in rows]))
        markup += rows_html((mark_html(each), f"<b>{escaped(key)}</b>", quiet(why)) for each, key, why in rows)
    for each, words in failed_checks(checks or {}):
        lines.append(f"{mark(each)} {words}")
        markup += f"<div>{mark_html(each)} {escaped(words)}</div>"
    return Shown("\n".join(lines), markup)


def failed_checks(checks: Mapping[tuple[str, str], CheckState]) -> list[tuple[str, str]]:
    """Return a status word and a sentence for each check, by asset and name, that did not pass."""
    return [
        (
            "failed" if check.severity == "ERROR" else "warning",
            f"check {name} of {key} failed ({check.severity})"
            + (f": {one_line(check.description)}" if check.description else ""),
        )
        for (key, name), check in checks.items()
        if not check.passed
    ]


def _ending_words(handle: RunHandle, good: int, total: int) -> str:
    if handle.status == "CANCELING":
        return f"being canceled, has not stopped yet · {good} of {total} steps done"
    return f"{'canceled' if handle.status == 'CANCELED' else 'failed'} after {good} of {total} steps"


def _trouble_words(handle: RunHandle, key: str, status: StepStatus) -> str:
    if status is StepStatus.NOT_RUN:
        return "not run: something above it failed" if handle.live.active.first_failure else "not run"
    error = handle.live.active.errors_of_steps.get(key)
    if error is not None:
        return one_line(f"{type_name(type(error))}: {message_of(error)}")
    return {StepStatus.FAILURE: "failed", StepStatus.SKIPPED: "skipped", StepStatus.CANCELED: "canceled"}.get(
        status, ""
    )


def together(parts: Iterable[Shown | None]) -> Shown:
    """Return several shown things as one, under each other."""
    shown = [part for part in parts if part is not None]
    if len(shown) == 1:
        return shown[0]
    markup = "".join(f"<div>{part.markup or escaped(part.text)}</div>" for part in shown)
    return Shown("\n".join(part.text for part in shown), markup)


def log_view(
    lines: Sequence[LogLine] | None,
    failed: Sequence[Mapping[str, Any]] = (),
    *,
    head: str | None = None,
    error: Mapping[str, Any] | None = None,
    left: str | None = None,
) -> Shown:
    """Show log lines: time (UTC), step, level and text; after them the traceback of each attempt that failed.

    ``head`` says which run it is, ``error`` why it failed as a whole, ``left`` what is not shown;
    no ``lines`` at all says that they were shown before.
    """
    rows = [(_clock_time(line.at), line.place, line.level, line.text) for line in lines or ()]
    nothing = "" if failed or error or lines is None else "Nothing was printed or logged."
    blocks = [head or "", columns_text(rows) or nothing, left or "", *(_failed_attempt(each) for each in failed)]
    blocks.append(_failure_block("the run failed", error) if error else "")
    text = "\n\n".join(block for block in blocks if block)
    style = "margin:0;font-size:12px;white-space:pre-wrap"
    return Shown(text, f'<pre style="{style}">{escaped(text, 1_000_000)}</pre>')


def log_line(line: LogLine, width: int) -> str:
    """Return one log line as text, with room for a step's name."""
    return f"{_clock_time(line.at)}  {line.place:<{width}}  {line.level:<7} {line.text}".rstrip()


def _failed_attempt(attempt: Mapping[str, Any]) -> str:
    is_one_of_several = attempt["attempt"] > 1 or attempt.get("status") == StepStatus.UP_FOR_RETRY
    again = f" (attempt {attempt['attempt']})" if is_one_of_several else ""
    return _failure_block(f"{attempt['step']}{again} failed", attempt["error"])


def _failure_block(what: str, error: Mapping[str, Any]) -> str:
    words = ": ".join(word for word in (what, error.get("type"), one_line(error.get("message") or "")) if word)
    return f"{mark('failed')} {words}\n{error.get('text') or ''}".rstrip()


def _clock_time(at: int) -> str:
    return f"{from_us(at):%H:%M:%S.%f}"[:-3]


def why_view(headline: str, status: str, parts: Sequence[Mapping[str, Any]]) -> Shown:
    """Show why an asset stands as it does: a sentence, and a diff for each thing that changed."""
    lines = [f"{mark(status)} {headline}"]
    markup = f"{mark_html(status)} {escaped(headline)}"
    for part in parts:
        lines.append(f"  {part['text']}")
        lines += [f"    {sign} {line}" for sign, line in part.get("diff") or ()]
        markup += f'<div style="margin-top:6px">{quiet(part["text"])}</div>{_diff_html(part.get("diff") or ())}'
    return Shown("\n".join(lines), markup)


def _diff_html(diff: Sequence[tuple[str, str]]) -> str:
    if not diff:
        return ""
    tones = {"-": "rgba(211,47,47,.12)", "+": "rgba(56,142,60,.14)"}
    rows = "".join(
        f'<div style="background:{tones.get(sign, "none")};padding:0 6px">{html.escape(sign)} {escaped(line)}</div>'
        for sign, line in diff
    )
    return f'<pre style="margin:2px 0;font-size:12px;white-space:pre-wrap">{rows}</pre>'
