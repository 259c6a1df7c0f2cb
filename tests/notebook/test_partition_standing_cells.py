"""How partitions stand, told in cells: %why, --stale, selections by status; bounded however many there are."""

from __future__ import annotations

from typing import Any

import pytest
from shells import Notebook

from jobkernel.notebook import current

DAYS = "--partitions daily:2024-01-01..2024-01-04"
BOX = "import types; box = types.SimpleNamespace(broken={'2024-01-03'}, marks={})"
RAW = (
    f"%%asset raw {DAYS}\nif context.partition_key in box.broken: raise ValueError('not today')\n"
    "context.partition_key + box.marks.get(context.partition_key, '')"
)
TIDY = f"%%asset tidy {DAYS}\nraw + '!'"


@pytest.fixture
def half(nb: Notebook) -> Notebook:
    """Give a notebook in which the first two of four days are made, and the third failed."""
    nb.ok(BOX, RAW, TIDY, "%materialize raw tidy --partition 2024-01-01..2024-01-02 --max-runs 1")
    assert nb("%materialize raw --partition 2024-01-03").error is not None
    return nb


def ask(nb: Notebook, op: str, **fields: Any) -> Any:
    """Return what the kernel answers a screen."""
    answer = current.find(nb.shell).publisher.requests.answer({"id": 1, "op": op, **fields})  # type: ignore[union-attr]
    assert answer["ok"], answer
    return answer["result"]


def why(nb: Notebook, text: str) -> str:
    return str(nb.ok(f"%why {text}").text)


def test_why_tells_how_many_are_made_and_names_the_rest_as_ranges(half: Notebook) -> None:
    told = why(half, "raw")

    assert "raw: 2 of 4 made, 1 failed." in told
    assert "ValueError: not today" in told
    assert "failed: 2024-01-03" in told
    assert "missing: 2024-01-04" in told
    assert "tidy: 2 of 4 made." in why(half, "tidy")
    assert "missing: 2024-01-03..2024-01-04" in why(half, "tidy")


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2024-01-01", "raw, partition 2024-01-01, is fresh: made "),
        ("2024-01-03", "ValueError: not today."),
        ("2024-01-04", "raw, partition 2024-01-04, was never made."),
    ],
)
def test_why_of_one_partition(half: Notebook, day: str, words: str) -> None:
    assert words in why(half, f"raw --partition {day}")


def test_why_names_the_partition_above_that_was_made_anew(half: Notebook) -> None:
    half.ok("box.marks['2024-01-02'] = '*'", "%materialize raw --partition 2024-01-02")

    assert "raw 2024-01-02 was made anew" in why(half, "tidy --partition 2024-01-02")
    assert "is fresh" in why(half, "tidy --partition 2024-01-01")
    assert "raw 2024-01-03 above it was never made" in why(half, "tidy --partition 2024-01-03")


def test_changed_code_shows_its_diff_once_for_all_days(half: Notebook) -> None:
    half.ok(TIDY.replace("'!'", "'?'"))

    told = why(half, "tidy")

    assert "tidy is stale: 2 of 4 made, 2 stale." in told
    assert "stale: 2024-01-01..2024-01-02; its code changed" in told
    assert told.count("raw + '?'") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raw --partition 2024-01-9", "No partition '2024-01-9' exists. Did you mean '2024-01-0"),
        ("plain --partition 2024-01-01", "'plain' has no partitions; leave out --partition."),
    ],
)
def test_what_is_no_partition_is_refused(half: Notebook, text: str, words: str) -> None:
    half.ok("%%asset plain\n1")

    assert words in half.refused(f"%why {text}")


def made(nb: Notebook) -> list[tuple[str, str]]:
    sql = "select asset_key, partition_key from materializations order by occurred_at, asset_key desc"
    return [tuple(row) for row in nb.session.history.sql(sql).fetchall()]


def test_stale_makes_what_is_stale_failed_or_missing_and_nothing_else(half: Notebook) -> None:
    half.ok("box.broken = set()", "box.marks['2024-01-02'] = '*'", "%materialize raw --partition 2024-01-02")
    before = len(made(half))

    half.ok("%materialize tidy --stale --partition 2024-01-01..2024-01-02")
    assert made(half)[before:] == [("tidy", "2024-01-02")]

    half.ok("%materialize raw --stale")
    assert sorted(made(half)[before + 1 :]) == [("raw", "2024-01-03"), ("raw", "2024-01-04")]
    assert "Everything selected is fresh" in str(half.ok("%materialize raw --stale").text)


def test_selections_find_an_asset_by_how_any_of_its_partitions_stands(half: Notebook) -> None:
    select = half.session.select
    assert select("status:failed") == ["raw"]
    assert select("status:missing") == ["raw", "tidy"]
    assert select("status:stale") == []

    half.ok("box.marks['2024-01-02'] = '*'", "%materialize raw --partition 2024-01-02")
    assert select("status:stale") == ["tidy"]


def test_partitions_that_are_stale_are_made_by_that_word(half: Notebook) -> None:
    half.ok(
        "box.marks['2024-01-02'] = '*'",
        "%materialize raw --partition 2024-01-02",
        "%materialize tidy --partition stale",
    )

    assert made(half)[-1] == ("tidy", "2024-01-02")
    assert "No partition of 'tidy' is stale." in half.refused("%materialize tidy --partition stale")


def test_the_view_of_assets_counts_made_partitions(half: Notebook) -> None:
    sql = "select asset_key, materialized_partitions from assets order by 1"

    assert half.session.history.sql(sql).fetchall() == [("raw", 2), ("tidy", 2)]


def test_a_screen_is_told_the_bar_the_list_and_what_is_to_be_made(half: Notebook) -> None:
    statuses = ask(half, "snapshot")["status"]
    status = statuses["raw"]
    assert (status["status"], status["partitions"]["cells"]) == ("failed", "ffx-")
    assert status["partitions"]["text"] == "2 of 4 made, 1 failed"
    assert statuses["tidy"]["status"] == "stale"

    listed = ask(half, "partitions", key="raw", text="-0", status=None)
    assert [(row["key"], row["status"]) for row in listed["rows"]] == [
        ("2024-01-04", "never"), ("2024-01-03", "failed"), ("2024-01-02", "fresh"), ("2024-01-01", "fresh"),
    ]  # fmt: skip
    assert "not today" in listed["rows"][1]["error"]
    assert ask(half, "partitions", key="raw", text="03", status=None)["found"] == 1

    half.ok("box.broken = set()")
    told = ask(half, "materialize_partitions", key="raw", partition="missing")
    assert told["text"].startswith("2 partitions, backfill ")


def test_the_still_picture_says_how_many_are_made(half: Notebook) -> None:
    bundle = ask(half, "picture")

    assert "tidy  ← raw  2 of 4 made" in bundle["text/plain"]
    assert "2 of 4" in bundle["image/svg+xml"]


def test_a_dry_run_says_how_far_each_asset_is(half: Notebook) -> None:
    told = half.ok("%materialize raw tidy --dry-run").text

    assert "2 of 4 made, 1 failed" in told
    assert "◐  tidy  2 of 4 made" in told


def test_ranges_of_two_dimensions_lie_in_one_of_them(nb: Notebook) -> None:
    nb.ok(
        "%%asset grid --partitions day=daily:2024-01-01..2024-01-03;region=static:eu,us,asia\n1",
        "%materialize grid --partition region=us",
    )

    told = nb.ok("%why grid").text

    assert "missing: 2024-01-01|eu..2024-01-03|eu, 2024-01-01|asia..2024-01-03|asia" in told
