"""What screens are told of conditions: why an asset makes itself or does not, and the tree of the last look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from shells import Notebook
from waiting import eventually

from jobkernel.engine.conditions import DEFAULT_SENSOR
from jobkernel.notebook import current

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from protocol_shapes import problems_of_result


def ask(nb: Notebook, op: str, **fields: Any) -> Any:
    answer = current.find(nb.shell).publisher.requests.answer({"id": 1, "op": op, **fields})  # type: ignore[union-attr]
    assert answer["ok"], answer
    assert problems_of_result(op, answer["result"]) == []
    return answer["result"]


def test_the_screen_is_told_what_the_last_look_at_a_condition_found(nb: Notebook) -> None:
    nb.ok("%%asset raw\n1", "%%asset report --deps raw --automation eager\n2")
    eventually(lambda: nb.session.conditions.latest_evaluation("report"))

    told = ask(nb, "details", key="report")["condition"]

    assert (told["condition"], told["requested"], told["automation"], told["on"]) == ("eager", 0, DEFAULT_SENSOR, True)
    assert told["why"].startswith("'report' waits for")
    assert (told["tree"]["label"], told["tree"]["status"]) == ("eager", "false")
    assert ask(nb, "details", key="raw")["condition"] is None
    assert ask(nb, "automation", name=DEFAULT_SENSOR)["conditions"] == [told]


def test_a_condition_that_nobody_has_looked_at_yet_is_told_too(nb: Notebook) -> None:
    nb.ok("%%asset raw\n1")
    nb.ok("%%asset report --deps raw --automation eager\n2", f"%sensor {DEFAULT_SENSOR} off")

    told = ask(nb, "details", key="report")["condition"]

    assert (told["key"], told["condition"], told["automation"], told["on"]) == (
        "report",
        "eager",
        DEFAULT_SENSOR,
        False,
    )
