"""Loading and unloading: once is enough, and unloading leaves the shell as it was."""

from __future__ import annotations

import builtins
import gc
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from shells import Notebook, notebook_in


def state_of(nb: Notebook) -> dict[str, Any]:
    """Everything that loading may touch."""
    shell = nb.shell
    return {
        "magics": {kind: dict(table) for kind, table in shell.magics_manager.magics.items()},
        "events": {name: list(callbacks) for name, callbacks in shell.events.callbacks.items()},
        "transforms": list(shell.input_transformer_manager.cleanup_transforms),
        "matchers": list(shell.Completer.custom_matchers),
        "configurables": list(shell.configurables),
        "streams": nb._ours,
        "thread": (threading.Thread.start, threading.Thread.run),
        "logging": (logging.getLogger().handlers[:], logging.Logger.callHandlers, logging.Handler.emit),
        "display": (type(shell.display_pub), shell.display_pub.publish.__func__),
        "system": (os.system, os.write, builtins.print, sys.excepthook, shell.system),
    }


def our_threads() -> set[str]:
    """Our threads, but for the one that waits for the end of the project server that this process started."""
    names = {thread.name for thread in threading.enumerate() if thread.name.startswith("jobkernel")}
    return names - {"jobkernel-server-reaper"}


def test_unloading_leaves_no_thread_hook_magic_or_patched_stream(project: Path) -> None:
    with notebook_in(project, load=False) as nb:
        nb.ok("import threading, logging")
        nb("%unload_ext nothing")  # IPython makes these magics when first used
        before, threads = state_of(nb), our_threads()
        nb.ok("%load_ext jobkernel", "%%asset a --run\nprint('x')\n1", "%jk", "%graph")
        nb.ok("%unload_ext jobkernel")
        gc.collect()
        after = state_of(nb)
        assert {name: after[name] for name in before if after[name] != before[name]} == {}
        assert our_threads() <= threads


def test_loading_again_changes_nothing_and_says_nothing(nb: Notebook) -> None:
    nb.ok("%%asset a\n1")
    session = nb.session
    nb.ok("%load_ext jobkernel")
    nb.ok("from jobkernel import load_ipython_extension as load\nload(get_ipython())")
    assert nb.session is session
    assert list(session.registry.assets) == ["a"]


def test_reloading_gives_a_fresh_session(nb: Notebook) -> None:
    nb.ok("%%asset a\n1")
    session = nb.session
    assert "forgot 1 definition; run their cells again" in nb.ok("%reload_ext jobkernel").printed
    assert nb.session is not session
    assert not nb.session.registry.assets
    nb.ok("%%asset a --run\n2")


def test_unloading_during_a_run_cancels_it(nb: Notebook) -> None:
    nb.ok("%%asset slow\nimport time\nfor _ in range(2000): time.sleep(0.01)")
    handle = nb.ok("%materialize slow --bg").value
    nb.ok("%unload_ext jobkernel")
    assert handle.wait(10).status == "CANCELED"


def test_the_greeting_is_one_line_that_names_the_project(project: Path) -> None:
    with notebook_in(project, load=False) as nb:
        told = nb.ok("%load_ext jobkernel").printed
    assert told.count("\n") == 1
    assert "project" in told


def test_every_magic_answers_help_and_a_question_mark(nb: Notebook) -> None:
    for magic in ("asset", "op", "job", "resource", "check"):
        assert f"%%{magic}" in nb.ok(f"%%{magic} --help\nx").text
        assert nb(f"%%{magic}?").error is None
    for magic in ("job", "materialize", "launch", "runs", "logs", "graph", "why", "jk"):
        assert f"%{magic}" in nb.ok(f"%{magic} --help").text
    for word in ("cancel", "reexecute", "sql", "use", "forget", "prune", "doctor"):
        assert f"%jk {word}" in nb.ok(f"%jk {word} --help").text


def test_dollars_and_braces_in_a_body_and_line_are_left_alone(nb: Notebook) -> None:
    nb.ok("name = 'expanded'", "%%asset a --description '{name} $name'\nf'{1 + 1} {{x}} $HOME'", "%materialize a")
    assert nb.session.load("a") == "2 {x} $HOME"
    assert nb.session.registry.assets["a"].specs[0].description == "{name} $name"
