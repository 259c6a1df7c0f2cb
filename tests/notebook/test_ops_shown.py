"""What a screen is told of ops: every op that a cell defined, the jobs that use it, its steps among the statuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from shells import Notebook

from jobkernel.notebook.graph_view import GraphQuery, GraphViews
from jobkernel.notebook.snapshot import Standing
from jobkernel.notebook.usages import ASSET, OP, SCHEDULE_CELL, SENSOR_CELL

CELLS = Path(__file__).parents[2] / "labextension" / "src" / "cells.ts"


def snapshot(nb: Notebook) -> dict[str, Any]:
    return Standing(nb.session).snapshot(GraphViews(nb.session), GraphQuery(), seq=1)


def test_every_op_is_told_with_the_jobs_that_use_it(nb: Notebook) -> None:
    nb.ok("%%op fetch\n1", "%%op lonely\n2", "%%job nightly\nfetch()\nfetch.alias('again')()")

    ops = snapshot(nb)["ops"]

    keys = ["op:nightly/fetch", "op:nightly/again"]
    assert ops == [
        {"name": "fetch", "uses": [{"job": "nightly", "keys": keys}]},
        {"name": "lonely", "uses": []},
    ]


def test_an_ops_keys_are_those_of_its_statuses(nb: Notebook) -> None:
    nb.ok("%%op fetch\n1", "%%job nightly\nfetch()", "%launch nightly --wait")

    told = snapshot(nb)

    (key,) = told["ops"][0]["uses"][0]["keys"]
    assert told["status"][key]["status"] == "fresh"


def test_the_screen_knows_which_options_of_a_definition_cell_take_no_value() -> None:
    (known,) = re.findall(r"const FLAGS = \[(.*?)\];", CELLS.read_text(encoding="utf-8"))
    usages = (ASSET, OP, SCHEDULE_CELL, SENSOR_CELL)
    flags = [option for usage in usages for option in usage.options if option.shape == "flag"]
    spelled = {f"--{each.name}" for each in flags} | {f"-{each.short}" for each in flags if each.short}
    assert set(re.findall(r"'([^']+)'", known)) == spelled


def test_a_job_of_ops_is_told_with_the_keys_of_its_steps(nb: Notebook) -> None:
    nb.ok("%%op fetch\n1", "%%job nightly\nfetch()")
    assert snapshot(nb)["jobs"] == [{"name": "nightly", "kind": "op", "keys": ["op:nightly/fetch"]}]


def test_ops_stand_as_the_last_run_left_them_though_this_kernel_has_run_nothing(
    nb: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    nb.ok("%%op fetch\n1", "%%op broken\nraise OSError('no disk')", "%%op after -i x\nx")
    nb.ok("%%job nightly\nafter(broken())", "%%job other\nfetch()")
    nb("%launch nightly --wait")
    (run_id,) = nb.session.launcher.runs

    monkeypatch.setattr(nb.session.launcher, "runs", {})
    told = snapshot(nb)["status"]

    broken = told["op:nightly/broken"]
    assert (broken["status"], broken["run_id"], broken["error"]) == ("failed", run_id, "OSError: no disk")
    assert told["op:nightly/after"]["status"] == "skipped"
    assert told["op:other/fetch"].get("status", "never") == "never"


def test_an_op_that_a_re_execution_left_out_stands_as_before(nb: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    nb.ok("%%op fetch\n1", "%%op store -i x\nraise OSError('no disk')", "%%job nightly\nstore(fetch())")
    nb("%launch nightly --wait")
    (first,) = nb.session.launcher.runs
    handle = nb.session.reexecute(first, from_failure=True)
    handle.wait()

    def seen() -> dict[str, tuple[str, str]]:
        told = snapshot(nb)["status"]
        return {
            key: (told[f"op:nightly/{key}"]["status"], told[f"op:nightly/{key}"]["run_id"])
            for key in ("fetch", "store")
        }

    stand = {"fetch": ("fresh", first), "store": ("failed", handle.run_id)}
    assert seen() == stand
    monkeypatch.setattr(nb.session.launcher, "runs", {})
    assert seen() == stand
