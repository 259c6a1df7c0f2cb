"""The magics: parse, call, return something that shows itself. One place turns our errors into usage errors.

IPython hides the traceback only for ``UsageError`` itself; so whatever is a sentence of ours becomes one here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand

from jobkernel.errors import (
    InvalidSelection,
    JobkernelError,
    RunCanceled,
    UnknownName,
    UserCodeError,
    did_you_mean,
)
from jobkernel.notebook import automation_commands, backfill_commands, commands, defining, pinning, restoring
from jobkernel.notebook.foreground import CellStopped, users_error
from jobkernel.notebook.graph_view import GraphQuery
from jobkernel.notebook.hints import held_in
from jobkernel.notebook.kernel import NotebookKernel
from jobkernel.notebook.options import HelpAsked, Usage
from jobkernel.notebook.showing import show_live
from jobkernel.notebook.shown import Shown
from jobkernel.notebook.usages import CELL_USAGES, LINE_USAGES, SUB_USAGES

DEFINERS: Final[dict[str, Callable[[NotebookKernel, argparse.Namespace, str], Any]]] = {
    "asset": defining.define_asset,
    "op": defining.define_op,
    "job": defining.define_job,
    "resource": defining.define_resource,
    "check": defining.define_check,
    "schedule": automation_commands.define_schedule,
    "sensor": automation_commands.define_sensor,
}
COMMANDS: Final[dict[str, Callable[[NotebookKernel, argparse.Namespace], Any]]] = {
    "job": commands.define_asset_job,
    "materialize": commands.materialize,
    "launch": commands.launch,
    "runs": commands.runs,
    "logs": commands.logs,
    "graph": commands.graph,
    "why": commands.explain,
    "cancel": commands.cancel,
    "reexecute": commands.reexecute,
    "queue": commands.queue,
    "sql": commands.sql,
    "use": commands.use,
    "forget": commands.forget,
    "prune": commands.prune,
    "doctor": commands.doctor,
    "schedule": automation_commands.schedule,
    "sensor": automation_commands.sensor,
    "backfills": backfill_commands.backfills,
    "backfill": backfill_commands.backfill,
    "ticks": automation_commands.ticks,
    "scheduler": automation_commands.scheduler,
    "preview": automation_commands.preview,
    "restore": restoring.restore,
    "pin": pinning.pin,
    "pins": pinning.pinned,
}


LATER: Final = {
    "export": "projects of several notebooks",
}
"""Commands that are promised, and what they wait for."""


def register(shell: Any, kernel: NotebookKernel) -> Callable[[], None]:
    """Register every magic in a shell; return what unregisters them."""
    made = [("cell", word, _cell_magic(kernel, usage, DEFINERS[word])) for word, usage in CELL_USAGES.items()]
    made += [("line", word, _line_magic(kernel, usage, COMMANDS[word])) for word, usage in LINE_USAGES.items()]
    made += [("line", word, _help_of_cell(usage)) for word, usage in CELL_USAGES.items() if word not in LINE_USAGES]
    made.append(("line", "jk", _jk(kernel)))
    before = {(kind, word): shell.magics_manager.magics[kind].get(word) for kind, word, _ in made}
    for kind, word, magic in made:
        shell.register_magic_function(magic, magic_kind=kind, magic_name=word)

    def unregister() -> None:
        for (kind, word), previous in before.items():
            shell.magics_manager.magics[kind].pop(word, None)
            if previous is not None:
                shell.magics_manager.magics[kind][word] = previous

    return unregister


def _cell_magic(kernel: NotebookKernel, usage: Usage, define: Callable[..., Any]) -> Callable[..., Any]:
    def magic(line: str, cell: str) -> Any:
        __tracebackhide__ = True
        return _told(kernel, lambda: define(kernel, usage.parse(line), cell))

    return _documented(magic, usage)


def _line_magic(kernel: NotebookKernel, usage: Usage, command: Callable[..., Any]) -> Callable[..., Any]:
    def magic(line: str) -> Any:
        __tracebackhide__ = True
        return _told(kernel, lambda: command(kernel, usage.parse(line)))

    return _documented(magic, usage)


def _help_of_cell(usage: Usage) -> Callable[..., Any]:
    """Return the line magic of a cell magic's name, which only helps."""

    def magic(line: str) -> Any:
        if {"--help", "-h"} & set(line.split()):
            return Shown(usage.help_text())
        written = f"{usage.magic} {line.strip()}".strip()
        raise UsageError(f"{usage.magic[1:]} is for cells: write {written} as a cell's first line, its code below.")

    return _documented(magic, usage)


def _jk(kernel: NotebookKernel) -> Callable[..., Any]:
    def magic(line: str) -> Any:
        __tracebackhide__ = True
        word, _, rest = line.strip().partition(" ")
        if not word:
            return _told(kernel, lambda: show_live(kernel, GraphQuery()))
        if word in ("--help", "-h", "help"):
            return Shown(_all_commands())
        usage = SUB_USAGES.get(word) or LINE_USAGES.get(word)
        if word in LATER:
            raise UsageError(f"%jk {word} is not available yet: it comes with {LATER[word]}.")
        if usage is None:
            known = [*SUB_USAGES, *LINE_USAGES]
            raise UsageError(f"%jk: no command '{word}'.{did_you_mean(word, known)} `%jk --help` lists them all.")
        return _told(kernel, lambda: COMMANDS[word](kernel, usage.parse(rest)))

    magic.__doc__ = _all_commands()
    magic.__name__ = "jk"
    return no_var_expand(magic)  # type: ignore[no-any-return]


def _documented(magic: Callable[..., Any], usage: Usage) -> Callable[..., Any]:
    magic.__doc__ = usage.help_text()
    magic.__name__ = usage.magic.strip("%")
    return no_var_expand(magic)  # type: ignore[no-any-return]


def _told(kernel: NotebookKernel, act: Callable[[], Any]) -> Any:
    __tracebackhide__ = True
    try:
        return act()
    except HelpAsked as asked:
        return Shown(str(asked))
    except RunCanceled as error:
        raise CellStopped(str(error)) from None
    except JobkernelError as error:
        if isinstance(error, UserCodeError) and error.__cause__ is not None:
            raise users_error(error.__cause__) from error.__cause__.__cause__
        raise UsageError(f"{error}{_remedy(kernel, error)}") from None
    except Exception as error:  # noqa: BLE001 - the user's own error, shown as if the cell had raised it
        raise users_error(error)  # noqa: B904 - itself, with all that it was raised from


def _remedy(kernel: NotebookKernel, error: JobkernelError) -> str:
    """Return, as the end of a refusal of a name that nothing defines, how to have what is called that."""
    if not isinstance(error, UnknownName | InvalidSelection):
        return ""
    return held_in(kernel, str(error)) or restoring.unrun_in(kernel, str(error))


def _all_commands() -> str:
    usages = {**SUB_USAGES, **LINE_USAGES}
    width = max(map(len, usages)) + 2
    lines = [f"  {word:<{width}}{usage.about}" for word, usage in usages.items()]
    return "\n".join(
        ["%jk [COMMAND …]", "", "  Without a command: the graph and the runs of this project.", "", *lines]
    )
