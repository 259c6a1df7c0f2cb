"""Backfills in cells: one line in the foreground, a handle in the background, the list, cancel, retry, resume."""

from __future__ import annotations

import json
import re

import pytest
from shells import Notebook

DAY = "%%asset day --partitions daily:2024-01-01..2024-01-06\ncontext.partition_key"
BROKEN = (
    "broken = {'2024-01-03'}",
    "%%asset day --partitions daily:2024-01-01..2024-01-06\n"
    "if context.partition_key in broken:\n    raise ValueError('not today')\ncontext.partition_key",
)


def backfill_id(nb: Notebook) -> str:
    return str(nb.session.history.query("backfills")[0]["backfill_id"])


def test_several_partitions_are_one_line_and_one_backfill(nb: Notebook) -> None:
    nb.ok(DAY)

    shown = nb.ok("%materialize day --partition 2024-01-01..2024-01-04 --max-runs 2")

    assert re.search(r"✓ backfill [a-z]{8} · 4/4 partitions · ", shown.text)
    assert nb.names["day"] == "2024-01-04"
    (row,) = nb.session.history.query("backfills")
    assert (row["status"], row["selection"], row["partitions"], row["done"]) == ("COMPLETED_SUCCESS", "day", 4, 4)
    assert backfill_id(nb) in nb.ok("%jk backfills").text
    listed = nb.ok(f"%runs --tag dagster/backfill={backfill_id(nb)}").text
    assert listed.count("SUCCESS") == 4


def test_one_run_makes_a_range_where_it_is_asked_for(nb: Notebook) -> None:
    nb.ok(
        "%%asset day --partitions daily:2024-01-01..2024-01-06\n{key: 1 for key in context.partition_keys}",
        "%materialize day --partition 2024-01-02..2024-01-04 --single-run",
    )

    (run,) = nb.session.history.sql("select tags from runs").fetchall()
    assert '"dagster/asset_partition_range_start":"2024-01-02"' in str(run[0]).replace(" ", "")
    assert nb.session.load("day", "2024-01-03") == 1


def test_a_failing_partition_fails_the_cell_after_the_others_and_is_retried(nb: Notebook) -> None:
    nb.ok(*BROKEN)

    failed = nb("%materialize day --partition all")

    assert isinstance(failed.error, ValueError)
    assert "5/6 partitions · 1 failed" in failed.text
    assert "failed: 2024-01-03" in failed.text
    name = backfill_id(nb)
    assert f"%jk backfill {name} --retry runs again" in failed.text
    shown = nb.ok(f"%jk backfill {name}").text
    assert "2024-01-03: FAILURE, run " in shown
    assert "not today" in shown

    nb.ok("broken = set()", f"handle = %jk backfill {name} --retry", "handle.wait(30)")

    assert nb.names["handle"].status == "COMPLETED_SUCCESS"
    assert nb.refused(f"%jk backfill {name} --retry").endswith("made every partition; nothing is left to retry.")
    assert "is over: COMPLETED_SUCCESS" in nb.refused(f"%jk backfill {name} --resume")
    assert "it is over: COMPLETED_SUCCESS" in nb.ok(f"%jk backfill {name} --cancel").text


def test_missing_and_failed_ones_alone(nb: Notebook) -> None:
    nb.ok(*BROKEN)
    assert nb("%materialize day --partition 2024-01-01..2024-01-03").error is not None

    nb.ok("broken = set()", "%materialize day --partition missing")

    assert nb.session.history.query("backfills")[0]["partitions"] == 4
    assert nb.refused("%materialize day --partition failed").endswith("No partition of 'day' failed.")
    assert nb.refused("%materialize day --partition missing").endswith("No partition of 'day' is missing.")


def test_a_handle_in_the_background_is_canceled(nb: Notebook) -> None:
    nb.ok(
        "import threading\ngate = threading.Event()",
        "%%asset day --partitions daily:2024-01-01..2024-01-06\ngate.wait(30)\ncontext.partition_key",
        "handle = %materialize day --partition all --bg --max-runs 1",
    )
    handle = nb.names["handle"]
    assert handle.status == "REQUESTED"

    told = nb.ok(f"%jk backfill {handle.backfill_id} --cancel").text
    nb.ok("gate.set()", "handle.wait(30)")

    assert "are not launched" in told
    assert handle.status == "CANCELED"
    assert handle.progress.done <= 1
    assert handle.progress.canceled >= 5


def test_a_job_is_launched_over_partitions(nb: Notebook) -> None:
    nb.ok(
        DAY,
        "%job daily day --tag team=ops",
        "handle = %launch daily --partition 2024-01-02..2024-01-03",
        "handle.wait(30)",
    )

    rows = nb.session.history.sql("select job_name, partition_key, tags ->> 'team' from runs order by 2").fetchall()
    assert rows == [("daily", "2024-01-02", "ops"), ("daily", "2024-01-03", "ops")]
    assert repr(nb.names["handle"]).endswith("of daily: COMPLETED_SUCCESS, 2/2 partitions>")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%materialize day --max-runs 2", "--max-runs is for several partitions"),
        ("%materialize day --single-run", "--single-run is for several partitions"),
        ("%materialize day --partition all --max-runs 0", "--max-runs: 0 is below 1."),
        ("%jk backfill nobody", "There is no backfill 'nobody'. %jk backfills lists them."),
        ("%jk backfill nobody --cancel --retry", "--cancel and --retry are two things; give one."),
    ],
)
def test_what_is_refused_is_one_sentence(nb: Notebook, text: str, words: str) -> None:
    nb.ok(DAY, "%%asset both --partitions letter=static:x,y;time=daily:2024-01-01\n1")

    assert words in nb.refused(text)


def test_partitions_of_two_dimensions_have_a_run_each(nb: Notebook) -> None:
    nb.ok(
        "%%asset both --partitions letter=static:x,y;time=daily:2024-01-01..2024-01-02\nstr(context.partition_key)",
        "%materialize both --partition all",
    )

    rows = nb.session.history.sql("select partition_key from runs where status = 'SUCCESS' order by 1").fetchall()
    assert [row[0] for row in rows] == ["x|2024-01-01", "x|2024-01-02", "y|2024-01-01", "y|2024-01-02"]
    assert nb.session.load("both", "y|2024-01-01") == "y|2024-01-01"


def test_partitions_of_two_dimensions_have_a_run_for_each_range(nb: Notebook) -> None:
    nb.ok(
        "%%asset both --partitions date=daily:2024-01-01..2024-01-03;letter=static:x,y\n"
        "{key: key.keys_by_dimension for key in context.partition_keys}",
        "%materialize both --partition all --single-run",
    )

    rows = nb.session.history.sql("select tags from runs where status = 'SUCCESS' order by queued_at").fetchall()
    tags = [json.loads(row[0]) for row in rows]
    ranges = [[each[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")] for each in tags]
    assert sorted(ranges) == [["2024-01-01|x", "2024-01-03|x"], ["2024-01-01|y", "2024-01-03|y"]]
    assert nb.session.load("both", "2024-01-02|y") == {"date": "2024-01-02", "letter": "y"}


def test_a_range_that_fails_is_named_by_its_ends(nb: Notebook) -> None:
    nb.ok(DAY.replace("context.partition_key", "1 / 0"))

    failed = nb("%materialize day --partition all --single-run")

    assert "6 failed" in failed.text
    assert "failed: 2024-01-01..2024-01-06 ·" in failed.text


def test_a_dry_run_says_which_partitions_in_how_many_runs(nb: Notebook) -> None:
    nb.ok(DAY, "%%asset month --partitions monthly:2024-01-01..2024-01-01\nlen(day)", "%job daily day+")

    told = nb.ok("%materialize day+ --partition 2024-01-01..2024-01-03 --dry-run").text
    assert "A backfill of 4 partitions in 4 runs:" in told
    assert "day: 3 from 2024-01-01 to 2024-01-03 in 3 runs" in told
    assert "month: 2024-01-01 in 1 run" in told
    assert "in 1 run\n" in nb.ok("%launch daily --partition all --single-run --dry-run").text
    assert "Partition 2024-01-06, in one run." in nb.ok("%materialize day --partition latest --dry-run").text
    assert "Did you mean '2024-01-01'?" in nb.refused("%materialize day --partition 2024-1-01 --dry-run")
    assert nb.session.history.query("backfills") == []


def test_nothing_yet_is_said(nb: Notebook) -> None:
    assert "No backfill yet" in nb.ok("%jk backfills").text
