"""What the bodies of %%sensor and %%schedule see of their context, in a fresh kernel and without any import."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel
from shells import Notebook
from waiting import eventually

from jobkernel.storage.client import HistoryClient
from jobkernel.storage.control import stop_server

SENSOR = """%%sensor watch --job j --every 1s --on
import json
from_before = json.loads(context.cursor or "[]")
context.log.info("looked")
seen = {
    "runs": len(context.instance.get_runs()),
    "keys": list(context.instance.get_dynamic_partitions("regions")),
    "name": context.sensor_name,
    "repository": context.repository_name,
    "first": context.is_first_tick_since_sensor_start,
    "last_run_key": context.last_run_key,
    "has_last": context.last_tick_completion_time is not None,
    "since": context.last_sensor_start_time is not None,
    "db": context.resources.db["x"],
}
context.update_cursor(json.dumps([*from_before, seen]))
RunRequest(run_key=f"k{len(from_before)}") if len(from_before) < 1 else SkipReason("enough")
"""
SCHEDULE = """%%schedule minutely --job j --cron "* * * * *" --timezone Europe/Berlin
at = context.scheduled_execution_time
context.log.info("asked")
SkipReason(f"{at.tzinfo} {at.second} {len(context.instance.get_runs())} {context.resources.db['x']}")
"""
BEFORE = ("%load_ext jobkernel", "%%asset raw\n1", "%job j raw", "%%resource db\n{'x': 1}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / ".jobkernel").mkdir()
    yield tmp_path
    stop_server(tmp_path)


def looks(history: Any) -> list[dict[str, Any]]:
    ticks = history.query("ticks", automation="watch", limit=100)
    return json.loads(ticks[0]["cursor"] or "[]") if ticks else []


def test_a_sensor_of_a_fresh_kernel_sees_its_whole_context(folder: Path) -> None:
    kernel = Kernel(folder, "n.ipynb")
    history = HistoryClient.connect(folder)
    try:
        for cell in (*BEFORE, SENSOR):
            kernel.run(cell)
        eventually(lambda: len(looks(history)) >= 2)
        first, second = looks(history)[:2]
        tick = history.query("ticks", automation="watch", limit=1)[0]
    finally:
        kernel.close()
        history.close()
    same = {"keys": [], "name": "watch", "repository": "__repository__", "since": True, "db": 1}

    assert first == {**same, "runs": 0, "first": True, "last_run_key": None, "has_last": False}
    assert second == {**same, "runs": 1, "first": False, "last_run_key": "k0", "has_last": True}
    assert [line["message"] for line in tick["details"]["log"]] == ["looked"]


def test_a_schedule_of_a_cell_sees_its_context(nb: Notebook) -> None:
    nb.ok(*BEFORE, SCHEDULE)
    preview = nb.ok("%jk preview minutely").value

    assert preview.skip_reason == "Europe/Berlin 0 0 1"
    assert [line.message for line in preview.evaluation.log] == ["asked"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("instance_ref", "context.instance_ref is not supported; use context.instance."),
        ("curser", "'SensorEvaluationContext' object has no attribute 'curser'. Did you mean 'cursor'?"),
    ],
)
def test_what_a_context_has_not_is_said_in_a_sentence(nb: Notebook, name: str, sentence: str) -> None:
    nb.ok(*BEFORE, f"%%sensor watch --job j --on\ncontext.{name}")
    eventually(lambda: nb.session.history.query("ticks", automation="watch", limit=1))
    tick = nb.session.history.query("ticks", automation="watch", limit=1)[0]

    assert (tick["status"], tick["error"]["message"]) == ("FAILURE", sentence)
