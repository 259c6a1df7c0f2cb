"""A step's output: its file, its live tail, its limits."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobkernel.executors.step_output import LIVE_LINES, NOTHING, OutputLine, StepOutput
from jobkernel.storage.output_files import output_path


def an_output(path: Path | None, on_lines: object = None, **sizes: int) -> StepOutput:
    return StepOutput(path, lambda: 1_700_000_000_000_000, on_lines, **sizes)  # type: ignore[arg-type]


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_in_the_file_as_soon_as_it_is_complete(tmp_path: Path) -> None:
    output = an_output(tmp_path / "logs" / "a.jsonl")

    output.add("stdout", "hello ")
    output.add("stdout", "world\nnot yet")

    line = {"at": 1_700_000_000_000_000, "level": "stdout", "text": "hello world"}
    assert records(tmp_path / "logs" / "a.jsonl") == [line]
    output.close()


def test_no_file_and_no_folder_without_output(tmp_path: Path) -> None:
    output = an_output(tmp_path / "logs" / "a.jsonl")

    assert output.close() == NOTHING
    assert list(tmp_path.iterdir()) == []


def test_closing_writes_what_waits_and_drops_what_follows(tmp_path: Path) -> None:
    output = an_output(tmp_path / "a.jsonl")
    output.add("stderr", "\r 50%")

    summary = output.close()
    output.add("stdout", "too late\n")

    assert [record["text"] for record in records(tmp_path / "a.jsonl")] == [" 50%"]
    assert output.close() is summary
    assert (summary.path, summary.lines, summary.truncated, summary.error) == (tmp_path / "a.jsonl", 1, False, None)
    assert summary.bytes == (tmp_path / "a.jsonl").stat().st_size


def test_followers_get_what_came_after_the_last_line_they_had() -> None:
    output = an_output(None)
    output.add("stdout", "1\n2\n3\n")
    seen = output.lines_after(0)[-1].seq

    output.add("INFO", "4")

    assert [(line.seq, line.level, line.text) for line in output.lines_after(seen)] == [(4, "INFO", "4")]
    assert output.lines_after(4) == []


def test_memory_keeps_the_last_lines_only() -> None:
    output = an_output(None)

    output.add("stdout", "".join(f"{n}\n" for n in range(1000)))

    live = output.lines_after(0)
    assert len(live) == LIVE_LINES
    assert (live[-1].text, live[-1].seq) == ("999", 1000)


def test_batches_are_handed_over_in_order(tmp_path: Path) -> None:
    batches: list[Sequence[OutputLine]] = []
    output = an_output(tmp_path / "a.jsonl", batches.append)

    output.add("stdout", "a\nb\n")
    output.add("WARNING", "c")

    assert [[line.text for line in batch] for batch in batches] == [["a", "b"], ["c"]]
    output.close()


def test_threads_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    output = an_output(tmp_path / "a.jsonl")

    def speak(name: str) -> None:
        for n in range(300):
            output.add("stdout", f"{name}")
            output.add("stdout", f" {n}")
            output.add("stdout", "\n")

    threads = [threading.Thread(target=speak, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    output.close()

    texts = [str(record["text"]) for record in records(tmp_path / "a.jsonl")]
    assert sorted(texts) == sorted(f"{name} {n}" for name in "abc" for n in range(300))


def test_a_long_output_keeps_its_beginning_and_its_end_and_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    output = an_output(path, head=20_000, tail=20_000)
    largest = 0

    for n in range(20_000):
        output.add("stdout", f"line {n}\n")
        if n % 50 == 0:
            largest = max(largest, path.stat().st_size)
    summary = output.close()

    kept = records(path)
    marker = next(place for place, record in enumerate(kept) if record["level"] == "event")
    numbers = [int(str(record["text"]).split()[1]) for record in kept if record["level"] == "stdout"]
    assert numbers[:marker] == list(range(marker))
    assert numbers[marker:] == list(range(numbers[marker], 20_000))
    assert f"{20_000 - len(numbers):,} lines" in str(kept[marker]["text"])
    assert largest < 65_000
    assert path.stat().st_size == summary.bytes < 41_000
    assert summary.truncated
    assert os.listdir(tmp_path) == ["a.jsonl"]


def test_one_huge_piece_keeps_its_beginning_and_its_end_too(tmp_path: Path) -> None:
    output = an_output(tmp_path / "a.jsonl", head=20_000, tail=20_000)

    output.add("stdout", "".join(f"line {n}\n" for n in range(20_000)))
    summary = output.close()

    texts = [str(record["text"]) for record in records(tmp_path / "a.jsonl")]
    assert texts[0] == "line 0"
    assert texts[-1] == "line 19999"
    assert f"… {20_000 - len(texts) + 1:,} lines" in "".join(texts)
    assert 30_000 < summary.bytes < 41_000


def test_two_hundred_megabytes_are_bounded_on_disk_and_in_memory(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    output = an_output(tmp_path / "a.jsonl")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    block = ("z" * 999 + "\n") * 100

    for _ in range(2_000):
        output.add("stdout", block)
    summary = output.close()

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert summary.lines == 200_000
    assert summary.bytes < 10_001_000
    assert grown * (1 if sys.platform == "darwin" else 1024) < 80_000_000


def test_a_later_attempt_continues_the_file(tmp_path: Path) -> None:
    for attempt in ("first", "second"):
        output = an_output(tmp_path / "a.jsonl")
        output.add("stdout", attempt + "\n")
        output.close()

    assert [record["text"] for record in records(tmp_path / "a.jsonl")] == ["first", "second"]


def test_what_cannot_be_encoded_is_still_text(tmp_path: Path) -> None:
    output = an_output(tmp_path / "a.jsonl")

    output.add("stdout", "lone \udcff surrogate, \x00, \x1b[31m, <script>, 🐍\n")
    output.add_bytes("stdout", b"caf\xc3")
    output.add_bytes("stdout", b"\xa9 \xff\n")
    output.close()

    assert [record["text"] for record in records(tmp_path / "a.jsonl")] == [
        "lone ? surrogate, \x00, \x1b[31m, <script>, 🐍",
        "café \ufffd",
    ]


def test_a_file_that_cannot_be_written_fails_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    output = an_output(tmp_path / "logs" / "a.jsonl")

    output.add("stdout", "still here\n")
    summary = output.close()

    assert [line.text for line in output.lines_after(0)] == ["still here"]
    assert summary.path is None
    assert summary.truncated
    assert "cannot be written" in str(summary.error)


def test_displays_keep_small_images_and_words_for_large_ones(tmp_path: Path) -> None:
    output = an_output(tmp_path / "a.jsonl")

    output.display({"text/plain": "<Figure>", "image/png": b"\x89PNG", "application/x-unknown": {"a": 1}})
    output.display({"text/plain": "big", "text/html": "x" * 4_000_000})
    output.close()

    first, second = records(tmp_path / "a.jsonl")
    assert (first["level"], first["text"], first["data"]) == ("display", "<Figure>", {"image/png": "iVBORw=="})
    assert second["text"] == "big\n(text/html of 4.0 MB is left out)"
    assert "data" not in second
    assert output.lines_after(0)[0].data is None


def test_any_step_key_has_a_file_inside_its_runs_folder(tmp_path: Path) -> None:
    keys = ["a", "a/b", "../../x", "x[2024|eu]", "🐍" * 100, "y" * 500, "y" * 499 + "z", "..", "."]

    paths = [tmp_path / output_path("run/../1", key) for key in keys]

    assert len(set(paths)) == len(keys)
    assert {path.resolve().parent for path in paths} == {(tmp_path / "logs" / "run%2F..%2F1").resolve()}
    assert all(len(path.name) < 200 for path in paths)
