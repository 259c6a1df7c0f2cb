"""Cells whose assets make themselves: --automation, the sensor that comes with it, and what %why says."""

from __future__ import annotations

from pathlib import Path

import pytest
from shells import Notebook, notebook_in
from waiting import eventually

from jobkernel.engine.conditions import DEFAULT_SENSOR


def test_a_cell_with_automation_turns_the_sensor_on_and_is_looked_at(nb: Notebook) -> None:
    nb.ok("%%asset raw\n1", "%%asset report --deps raw --automation eager\n2")
    watched = nb.session.automations.watched[DEFAULT_SENSOR]

    assert watched.is_on
    eventually(lambda: nb.session.conditions.latest_evaluation("report"))
    assert "Condition: 'report' waits for" in nb.ok("%why report").text


def test_the_condition_of_a_cell_is_that_of_its_words(nb: Notebook) -> None:
    nb.ok('%%asset daily --automation "on_cron:0 9 * * * Europe/Berlin"\n1')

    assert str(nb.session.registry.spec("daily").automation) == "on_cron(0 9 * * *, Europe/Berlin)"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("egaer", "Did you mean 'eager'?"),
        ("on_cron", "on_cron needs a cron"),
        ("'on_cron:0 9 * *'", "has 4 fields"),
        ("eager:5", "'eager' stands alone"),
    ],
)
def test_what_names_no_condition_is_refused_in_a_sentence(nb: Notebook, text: str, sentence: str) -> None:
    assert sentence in nb.refused(f"%%asset a --automation {text}\n1")
    assert "a" not in nb.session.registry.assets


def test_the_sensor_is_switched_and_listed_like_any_other(nb: Notebook) -> None:
    nb.ok("%%asset raw\n1", "%%asset report --deps raw --automation eager\n2")
    nb.ok(f"%sensor {DEFAULT_SENSOR} off")

    assert not nb.session.automations.watched[DEFAULT_SENSOR].is_on
    assert DEFAULT_SENSOR in nb.ok("%sensor").text
    assert "report" in nb.ok(f"%jk preview {DEFAULT_SENSOR}").text


def test_after_a_restart_why_tells_what_the_looks_before_found(project: Path) -> None:
    cells = ("%%asset raw\n1", "%%asset report --deps raw --automation eager\n2")
    with notebook_in(project) as nb:
        nb.ok(*cells)
        eventually(lambda: nb.session.conditions.latest_evaluation("report"))
        nb.ok("%materialize raw")
        nb.session.automations.look_soon(DEFAULT_SENSOR)
        eventually(lambda: nb.session.conditions.latest_evaluation("report")["requested"])
        run_id = nb.session.conditions.latest_evaluation("report")["run_ids"][0]
        nb.ok(f"%sensor {DEFAULT_SENSOR} off")
    with notebook_in(project) as nb:
        nb.ok(*cells)
        told = nb.ok("%why report").text

    assert "Condition: 'report' is requested: eager is true." in told
    assert "✓   in_latest_time_window" in told
    assert f"Run {run_id[:8]}." in told
    assert "this was the first look at its condition." in told


def test_a_condition_that_nobody_looked_at_says_so(nb: Notebook) -> None:
    nb.ok("%%asset raw\n1", "import jobkernel as jk")
    nb.ok(
        "@jk.asset(deps=['raw'], automation_condition=jk.AutomationCondition.eager())\n"
        "def report() -> int:\n    return 1",
        "jk.session().add(report)",
    )

    assert "Condition: eager; nobody looked at it yet." in nb.ok("%why report").text
