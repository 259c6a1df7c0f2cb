"""Tab in the lines of our magics: options, names, tags, groups and the selection language. Never runs anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from IPython.core.completer import SimpleCompletion, context_matcher

from jobkernel.engine.entries import AUTOMATIONS
from jobkernel.errors import HistoryError, JobkernelError
from jobkernel.notebook.heading import COMMENT
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.options import Option, Usage
from jobkernel.notebook.partition_completion import backfill_names, definition_texts, partition_texts
from jobkernel.notebook.pools import known_pools
from jobkernel.notebook.usages import CELL_USAGES, LINE_USAGES, SUB_USAGES
from jobkernel.notebook.using import usable_keys
from jobkernel.rules.asset_plan import run_title, shown_key
from jobkernel.rules.config_schemas import schemas_of_plan
from jobkernel.rules.config_sets import config_paths
from jobkernel.rules.cron_zones import zone_names
from jobkernel.rules.executor_choice import NAMES
from jobkernel.rules.selecting import completions

_LINE = re.compile(rf"^\s*(?:(%%?)|{COMMENT})(\w+)\s+(.*)$", re.DOTALL)
_SUB = re.compile(r"^(\w+)\s+(.*)$", re.DOTALL)
_LATEST_OF: Final = ("%logs", "%jk reexecute")
"""The magics that take a job or an asset for the latest run of it."""
MOST_RUNS: Final = 20
"""So many runs of the history are offered."""
STATUSES = ("QUEUED", "STARTED", "SUCCESS", "FAILURE", "CANCELING", "CANCELED")
Found = list[tuple[str, str]]
"""What may stand at the cursor: the text, and what kind of thing it is."""


def install_completion(shell: Any, kernel: NotebookKernel) -> Callable[[], None]:
    """Offer completions in the shell; return what undoes that."""
    completer = getattr(shell, "Completer", None)
    if completer is None:
        return lambda: None

    @context_matcher()  # type: ignore[untyped-decorator]
    def jobkernel_matcher(context: Any) -> Any:
        first_line = context.full_text.split("\n", 1)[0]
        line = context.line_with_cursor if context.cursor_line else first_line
        found, start = complete_line(kernel, line[: context.cursor_position])
        if found is None:
            return {"completions": [], "suppress": False}
        fragment = line[start : context.cursor_position]
        made = [SimpleCompletion(text=text, type=kind) for text, kind in found]
        return {"completions": made or _Nothing(), "suppress": True, "matched_fragment": fragment, "ordered": True}

    completer.custom_matchers.append(jobkernel_matcher)
    return lambda: completer.custom_matchers.remove(jobkernel_matcher)


class _Nothing:
    """No completions; they count as one, for IPython would ask others, who know Python and not our lines."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def complete_line(kernel: NotebookKernel, line: str) -> tuple[Found | None, int]:
    """Return what may stand at the end of ``line`` and where it begins; None where the line is not ours."""
    usage, rest = _usage_of(line)
    if usage is None:
        return None, len(line)
    if isinstance(usage, str):
        return _beginning([*SUB_USAGES, *LINE_USAGES], usage, "command"), len(line) - len(usage)
    word = re.search(r"\S*$", rest)
    half = word.group() if word else ""
    option = _option_before(usage, rest[: len(rest) - len(half)])
    if option is not None and option.completes in _OF_THE_LINE:
        return _beginning(_OF_THE_LINE[option.completes](kernel, usage, rest), half, option.name), len(line) - len(half)
    if option is not None:
        tail = half.rpartition(",")[2] if option.shape == "list" else half
        tail = tail.rpartition("=")[2] if option.completes == "key" else tail
        return _beginning(_values(kernel, option), tail, option.name), len(line) - len(tail)
    if half.startswith("-"):
        return _beginning([f"--{each.name}" for each in usage.options] + ["--help"], half, "option"), len(line) - len(
            half
        )
    return _positional(kernel, usage, rest, half, len(line))


def _usage_of(line: str) -> tuple[Usage | str | None, str]:
    found = _LINE.match(line)
    if found is None:
        return None, ""
    percent, word, rest = found.groups()
    if word == "jk" and percent == "%":
        sub = _SUB.match(rest)
        if sub is None:
            return rest, ""
        return SUB_USAGES.get(sub[1]) or LINE_USAGES.get(sub[1]), sub[2]
    return (LINE_USAGES if percent == "%" else CELL_USAGES).get(word), rest


def _option_before(usage: Usage, before: str) -> Option | None:
    words = before.split()
    places = [place for place, word in enumerate(words) if word.startswith("-")]
    if not places:
        return None
    last, has_value = words[places[-1]], places[-1] < len(words) - 1
    for option in usage.options:
        takes = option.shape == "words" or (option.shape != "flag" and not has_value)
        if takes and last in (f"--{option.name}", f"-{option.short}"):
            return option
    return None


def _steps_of(kernel: NotebookKernel, _usage: Usage, rest: str) -> Iterable[str]:
    """Return what the steps of the run that a line names are called, where it is one of this kernel."""
    live = kernel.session.run_of(rest.split()[0]) if rest.strip() else None
    if live is None:
        return ()
    makes_one = [key for key, step in live.plan.steps.items() if not step.is_check and len(step.asset_keys) < 2]
    return [shown_key(live.plan, key) if key in makes_one else key for key in live.plan.steps]


def _config_paths(kernel: NotebookKernel, usage: Usage, rest: str) -> Iterable[str]:
    """Return the config values that a launch would take, as ``alpha.n=``."""
    words = rest.split()
    chosen = words[: next((place for place, word in enumerate(words) if word.startswith("-")), None)]
    session = kernel.session
    try:
        is_job = usage.magic == "%launch"
        plan = session.plan_job(chosen[0]) if is_job else session.plan(session.select(" ".join(chosen) or None))
    except (JobkernelError, IndexError):
        return ()
    return [f"{path}=" for path in config_paths(schemas_of_plan(plan).nodes)]


_OF_THE_LINE: Final[Mapping[str | None, Callable[[NotebookKernel, Usage, str], Iterable[str]]]] = {
    "step": _steps_of,
    "config": _config_paths,
    "partition": lambda kernel, usage, rest: partition_texts(kernel.session, usage.magic, rest),
}
"""What the values of an option may be, where the rest of its line says it."""


_OF_BOTH: Final = ("jk ticks", "jk preview")
_OF_AUTOMATIONS: Final = frozenset({"%schedule", "%sensor", *(f"%{magic}" for magic in _OF_BOTH)})
SWITCHES: Final = ("on", "off", "reset")


def _runs(kernel: NotebookKernel, half: str) -> Found:
    """Return the latest runs, of any notebook, each with what it is a run of."""
    live = kernel.session.launcher.runs
    titles = {run_id: run_title(run.plan.job_name, run.plan.asset_keys) for run_id, run in reversed(live.items())}
    with suppress(HistoryError):
        rows = kernel.session.history.query("latest_runs", limit=MOST_RUNS)
        titles |= {row["run_id"]: run_title(row["job_name"], row["assets"] or ()) for row in rows}
    return [(run_id[:8], f"run of {title}") for run_id, title in titles.items() if run_id.startswith(half)]


def _values(kernel: NotebookKernel, option: Option) -> Iterable[str]:
    universe = kernel.session.registry.universe
    sources: dict[str, Callable[[], Iterable[str]]] = {
        "key": lambda: universe.facts,
        "group": lambda: universe.by_group,
        "tag": lambda: [f"{name}={value}" for name, values in universe.by_tag.items() for value in values],
        "owner": lambda: universe.by_owner,
        "kind": lambda: universe.by_kind,
        "job": lambda: kernel.session.registry.jobs,
        "status": lambda: STATUSES,
        "partitions": definition_texts,
        "io": lambda: ["memory", *kernel.session.registry.resources],
        "executor": lambda: NAMES,
        "zone": lambda: ["local", *sorted(zone_names())],
        "pool": lambda: known_pools(kernel.settings, kernel.session.registry),
        "variable": lambda: [name for name in kernel.names if not name.startswith("_")],
    }
    return option.choices or sources.get(option.completes or "", tuple)()


def _positional(kernel: NotebookKernel, usage: Usage, rest: str, half: str, end: int) -> tuple[Found, int]:
    registry = kernel.session.registry
    if usage.rest == "selection":
        before = rest if usage.magic != "%job" else rest.partition(" ")[2]
        found = completions(before, len(before), registry.universe)
        start = found[0][1] if found else len(before) - len(half)
        jobs = _beginning(registry.jobs, half, "job") if usage.magic == "%graph" and half == before.strip() else []
        return [*((text, kind) for text, _, kind in found), *jobs], end - (len(before) - start)
    names: Iterable[str] = ()
    positional = (*usage.positional, *usage.optional_positional)
    if positional[:1] == ("job",):
        names = registry.jobs
    elif positional[:1] == ("run",) and not rest[: len(rest) - len(half)].strip():
        called = _beginning([*registry.jobs, *registry.assets], half, "name") if usage.magic in _LATEST_OF else []
        return [*_runs(kernel, half), *called], end - len(half)
    elif positional[:1] == ("backfill",):
        return backfill_names(kernel.session, half), end - len(half)
    elif positional == ("run", "step"):
        names = _steps_of(kernel, usage, rest)
    elif usage.magic in ("%why", "%%check", "%%asset"):
        names = registry.assets
    elif usage.magic in _OF_AUTOMATIONS:
        return _beginning(_of_automations(kernel, usage, rest[: len(rest) - len(half)]), half, "name"), end - len(half)
    elif usage.magic == "%jk use":
        names = usable_keys(kernel.session)
    elif usage.magic == "%jk forget":
        names = [name for _, name in registry.entries]
    return _beginning(names, half, "name"), end - len(half)


def _of_automations(kernel: NotebookKernel, usage: Usage, before: str) -> Iterable[str]:
    """Return schedules or sensors, or both; behind the name of one what it can be switched to."""
    if before.strip():
        return SWITCHES if "switch" in usage.optional_positional else ()
    kind = usage.magic.removeprefix("%")
    return [name for each, name in kernel.session.registry.entries if each in AUTOMATIONS and kind in (each, *_OF_BOTH)]


def _beginning(names: Iterable[str], half: str, kind: str) -> Found:
    return [(name, kind) for name in dict.fromkeys(names) if name.startswith(half)]
