"""What screens are told of schedules and sensors: rows, strips, ticks, switches, previews, and only what differs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import screens
from screens import publisher, refusal
from shells import Notebook, notebook_in
from waiting import eventually

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from protocol_shapes import problems, problems_of_result

SENSOR = "%%sensor look --job j --every 0.1s --on\nprint('looked')\nSkipReason('nothing new')"


def ask(nb: Notebook, op: str, **fields: Any) -> Any:
    result = screens.ask(nb, op, **fields)
    assert problems_of_result(op, result) == []
    return result


def row(nb: Notebook, name: str) -> dict[str, Any]:
    return next(each for each in ask(nb, "snapshot")["automation"]["rows"] if each["name"] == name)


@pytest.fixture
def pipeline(nb: Notebook) -> Notebook:
    nb.ok("%%asset a\n1", "%job j a")
    return nb


def test_a_row_says_what_a_schedule_starts_when_and_that_it_is_off(pipeline: Notebook) -> None:
    pipeline.ok("%schedule nightly --job j --cron '0 2 * * *' --timezone Europe/Berlin")
    found = row(pipeline, "nightly")
    assert (found["kind"], found["starts"], found["when"], found["zone"], found["on"]) == (
        "schedule", ["j"], "at 02:00", "Europe/Berlin", False,
    )  # fmt: skip
    assert found["next"] == []
    assert found["last"] is None
    assert found["owner"] is None


def test_a_switch_acts_at_once_and_the_row_has_its_next_times(pipeline: Notebook) -> None:
    pipeline.ok("%schedule nightly --job j --cron '0 2 * * *'")
    answer, found = ask(pipeline, "switch", name="nightly", on=True), row(pipeline, "nightly")
    assert (answer["on"], answer["next"]) == (True, found["next"][:1])
    assert (found["on"], found["switched"], len(found["next"])) == (True, True, 2)
    assert pipeline.session.automations.watched["nightly"].is_on
    assert "takes true" in refusal(pipeline, "switch", name="nightly", on="yes")


def test_ticks_are_pushed_as_they_happen_and_only_what_differs(pipeline: Notebook) -> None:
    pushes: list[dict[str, Any]] = []
    pipeline.ok(SENSOR)
    stop = publisher(pipeline).listen(pushes.append)
    changes = eventually(
        lambda: [each for push in pushes for each in push.get("automation", {}).get("rows", ()) if each.get("last")],
        "a tick is told",
    )
    stop()
    assert all(problems(push, "Push") == [] for push in pushes)
    assert changes[0]["name"] == "look"
    assert changes[0]["last"]["why"] == "nothing new"
    assert "when" not in changes[0]


def test_details_have_ticks_with_what_they_printed(pipeline: Notebook) -> None:
    pipeline.ok(SENSOR)
    eventually(lambda: row(pipeline, "look")["last"], "a tick is kept")
    details = ask(pipeline, "automation", name="look")
    assert "%%sensor look" in details["code"]["source"] or "SkipReason" in details["code"]["source"]
    tick = details["ticks"][-1]
    assert tick["status"] == "SKIPPED"
    assert [line["text"] for line in ask(pipeline, "tick", tick_id=tick["tick_id"])["log"]] == ["looked"]
    assert row(pipeline, "look")["strip"]["marks"].strip("s.") == ""


def test_a_failed_tick_has_its_error_whole(pipeline: Notebook) -> None:
    pipeline.ok("%%sensor bad --job j --every 30s --on\n1 / 0")
    tick = eventually(lambda: row(pipeline, "bad")["last"], "a tick is kept")
    assert tick["status"] == "FAILURE"
    assert tick["why"] == "ZeroDivisionError: division by zero"
    error = ask(pipeline, "tick", tick_id=tick["tick_id"])["error"]
    assert "1 / 0" in error["text"]
    assert row(pipeline, "bad")["strip"]["marks"] == "f"
    assert row(pipeline, "bad")["failures"] == 1


def test_a_preview_does_nothing_until_it_is_launched(pipeline: Notebook) -> None:
    pipeline.ok(
        "%%sensor files --job j --every 30s\nprint('here')\ncontext.update_cursor('9')\nRunRequest(run_key='k')"
    )
    seen = ask(pipeline, "preview", name="files")
    assert (seen["count"], seen["requests"], seen["moves_cursor"], seen["cursor"]) == (1, ["k"], True, "9")
    assert [line["text"] for line in seen["log"]] == ["here"]
    assert pipeline.session.history.query("latest_runs", limit=5) == []

    (run_id,) = ask(pipeline, "launch_preview", token=seen["token"])["run_ids"]
    eventually(lambda: [r for r in ask(pipeline, "runs")["rows"] if r["run_id"] == run_id], "the run is there")
    assert ask(pipeline, "automation", name="files")["cursor"] == "9"
    assert "known no more" in refusal(pipeline, "launch_preview", token=seen["token"])


def test_a_preview_that_raises_shows_the_error_and_one_that_hangs_is_interrupted(pipeline: Notebook) -> None:
    pipeline.ok("%%sensor bad --job j\n1 / 0", "%%sensor slow --job j --timeout 0.2s\nwhile True:\n    pass")
    assert ask(pipeline, "preview", name="bad")["error"]["type"] == "ZeroDivisionError"
    assert "longer than 0.2 s" in ask(pipeline, "preview", name="slow")["error"]["message"]


def test_a_schedule_is_previewed_at_a_time_of_its_zone(pipeline: Notebook) -> None:
    pipeline.ok("%schedule nightly --job j --cron '0 2 * * *' --timezone Europe/Berlin")
    seen = ask(pipeline, "preview", name="nightly", at="2026-07-01 02:00")
    assert seen["at"]["local"] == "Wed 01 Jul 2026 02:00 CEST"
    assert "is no time" in refusal(pipeline, "preview", name="nightly", at="soon")
    assert [each["local"][-3:] for each in ask(pipeline, "automation", name="nightly")["next"]] != []


def test_cursor_and_run_keys_are_set_and_reset(pipeline: Notebook) -> None:
    pipeline.ok("%%sensor files --job j --every 30s --on\nRunRequest(run_key='k')")
    eventually(lambda: ask(pipeline, "automation", name="files")["run_keys"], "the run key is kept")
    ask(pipeline, "set_cursor", name="files", cursor="7")
    ask(pipeline, "reset_keys", name="files", keys=["k"])
    details = ask(pipeline, "automation", name="files")
    assert (details["cursor"], details["run_keys"]) == ("7", [])


def test_ticks_are_paged_and_filtered(pipeline: Notebook) -> None:
    pipeline.ok(SENSOR)
    eventually(lambda: len(ask(pipeline, "ticks", name="look")["rows"]) >= 3, "three ticks")
    ask(pipeline, "switch", name="look", on=False)
    first = ask(pipeline, "ticks", name="look", limit=1)
    second = ask(pipeline, "ticks", name="look", limit=1, before=first["rows"][0]["tick_id"])
    assert first["more"]
    assert second["rows"][0]["at"] < first["rows"][0]["at"]
    assert ask(pipeline, "ticks", name="look", status="FAILURE") == {"rows": [], "more": False}


def test_a_name_that_nobody_defined_is_refused_with_the_nearest(pipeline: Notebook) -> None:
    pipeline.ok("%schedule nightly --job j --cron '0 2 * * *'")
    assert "Did you mean 'nightly'?" in refusal(pipeline, "automation", name="nightli")
    assert "forgotten" in refusal(pipeline, "tick", tick_id="no@such")


def test_a_job_that_no_cell_defines_is_named_as_trouble(nb: Notebook) -> None:
    nb.ok("%schedule nightly --job later --cron '0 2 * * *'")
    assert row(nb, "nightly")["trouble"] == "no cell defines job later yet"


def test_a_restarted_kernel_names_what_its_cells_have_not_defined(project: Path) -> None:
    with notebook_in(project) as nb:
        nb.ok("%%asset a\n1", "%job j a", "%schedule nightly --job j --cron '0 9 * * *' --on")
    with notebook_in(project) as nb:
        assert sorted(ask(nb, "snapshot")["automation"]["unrun"]) == ["a", "j", "nightly"]
        nb.ok("%jk restore")
        assert ask(nb, "snapshot")["automation"]["unrun"] == []
