"""Where a step's output is kept is asked only when something is printed."""

from __future__ import annotations

from pathlib import Path

from jobkernel.executors.step_output import NOTHING, StepOutput


def test_an_output_without_lines_never_asks_where_it_is_kept() -> None:
    asked: list[str] = []

    def named() -> Path:
        asked.append("asked")
        return Path("never")

    assert StepOutput(named, lambda: 1).close() == NOTHING
    assert asked == []


def test_an_output_is_kept_where_it_is_said_with_its_first_line(tmp_path: Path) -> None:
    asked: list[str] = []

    def named() -> Path:
        asked.append("asked")
        return tmp_path / "step.jsonl"

    output = StepOutput(named, lambda: 1)
    output.add("stdout", "one\n")
    output.add("stdout", "two\n")
    summary = output.close()
    assert asked == ["asked"]
    assert (summary.path, summary.lines) == (tmp_path / "step.jsonl", 2)
    assert (tmp_path / "step.jsonl").read_text().count("\n") == 2
