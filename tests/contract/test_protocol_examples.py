"""The examples of the protocol are what its types say; so both sides can be tested against them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from protocol_shapes import problems, problems_of_result, shapes

EXAMPLES = sorted((Path(__file__).parent / "graph_view").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_the_shape_of_the_protocol(path: Path) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    if path.stem.startswith("push_"):
        assert problems(example, "Push") == []
    elif path.stem == "snapshot":
        assert problems(example, "SentSnapshot") == []
    else:
        assert problems(example["reply"], "Reply") == []
        if example["reply"]["ok"]:
            assert problems_of_result(example["request"]["op"], example["reply"]["result"]) == []


def test_a_wrong_value_is_told_by_its_path() -> None:
    example = json.loads((Path(__file__).parent / "graph_view" / "snapshot.json").read_text(encoding="utf-8"))
    example["graph"]["nodes"]["x"][0] = "left"
    del example["runs"][0]["status"]
    told = problems(example, "Snapshot")
    assert "Snapshot.runs[0].status: missing" in told
    assert any(line.startswith("Snapshot.graph.nodes.x") for line in told)
    assert {"Snapshot", "Details", "RunDetails", "Push"} <= shapes().keys()
