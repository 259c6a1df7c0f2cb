"""Tab in lines of magics: runs, config values and keys; where nothing fits, nothing, and no words of Python."""

from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter
from shells import Notebook

from jobkernel.notebook import current
from jobkernel.notebook.completion import Found, complete_line


def offered(nb: Notebook, line: str) -> Found:
    kernel = current.find(nb.shell)
    assert kernel is not None
    found, _ = complete_line(kernel, line)
    return found or []


def texts(nb: Notebook, line: str) -> list[str]:
    return [text for text, _ in offered(nb, line)]


def of_the_shell(nb: Notebook, line: str) -> list[str]:
    nb.shell.Completer.use_jedi = False
    with provisionalcompleter():
        return [each.text for each in nb.shell.Completer.completions(line, len(line))]


def test_runs_are_offered_with_what_they_are_runs_of(nb: Notebook) -> None:
    nb.ok("%%asset orders\n1", "%job nightly orders", "%materialize orders")
    run_id = nb.ok("run = %launch nightly --wait\nrun").value.run_id
    found = offered(nb, "%logs ")
    assert found[0] == (run_id[:8], "run of nightly")
    assert found[1][1] == "run of orders"
    assert texts(nb, "%logs ")[2:] == ["nightly", "orders"]
    assert texts(nb, "%jk reexecute ") == texts(nb, "%logs ")
    assert texts(nb, "%jk cancel ") == texts(nb, "%logs ")[:2]
    assert texts(nb, f"%logs {run_id[:3]}") == [run_id[:8]]
    assert texts(nb, f"%logs {run_id[:8]} ") == ["orders"]


def test_config_values_are_offered(nb: Notebook) -> None:
    nb.ok("%%asset orders --param limit:int=3 --param since:str=x\nlimit", "%%asset other --param n:int=1\nn")
    nb.ok("%job nightly orders other")
    assert texts(nb, "%materialize orders --set ") == ["orders.limit=", "orders.since="]
    assert texts(nb, "%materialize --set orders.l") == ["orders.limit="]
    assert texts(nb, "%launch nightly --set o") == ["orders.limit=", "orders.since=", "other.n="]
    assert texts(nb, "%launch nowhere --set ") == []


def test_inputs_are_offered_by_key(nb: Notebook) -> None:
    nb.ok("%%asset raw/orders\n1", "%%asset sales\n1")
    assert texts(nb, "%%asset total --ins ") == ["raw/orders", "sales"]
    assert texts(nb, "%%asset total --ins x=r") == ["raw/orders"]
    assert texts(nb, "%%asset total --ins x=raw/orders,s") == ["sales"]


@pytest.mark.parametrize("line", ["%logs ", "%launch nowhere --set ", "%%asset total --ins ", "%why "])
def test_where_nothing_fits_nothing_is_offered(nb: Notebook, line: str) -> None:
    assert of_the_shell(nb, line) == []
    nb.ok("%%asset orders\n1")
    assert "orders" in of_the_shell(nb, "%why ")
    assert "import" in of_the_shell(nb, "impor")


def test_schedules_and_sensors_are_offered_by_name_and_then_what_they_are_switched_to(nb: Notebook) -> None:
    nb.ok("%%asset a\n1", "%job j a", "%schedule nightly --job j --cron '0 2 * * *'")
    nb.ok("%%sensor watch --job j\nSkipReason('no')")
    assert texts(nb, "%schedule ") == ["nightly"]
    assert texts(nb, "%sensor w") == ["watch"]
    assert texts(nb, "%schedule nightly ") == ["on", "off", "reset"]
    assert texts(nb, "%jk ticks ") == ["nightly", "watch"]
    assert texts(nb, "%jk preview nightly ") == []
    assert texts(nb, "%schedule late --job ") == ["j"]
    assert texts(nb, "%schedule late --timezone Europe/Ber") == ["Europe/Berlin"]
    assert texts(nb, "%schedule late --timezone lo")[0] == "local"
    assert texts(nb, "%schedule late --catchup ") == ["none", "last", "all"]


DAYS = "%%asset day --partitions daily:2024-01-01..2024-01-04\n{}"


@pytest.mark.parametrize("line", ["%materialize day --partition ", "%launch daily --partition "])
def test_partitions_are_offered_after_the_words_that_say_some(nb: Notebook, line: str) -> None:
    nb.ok(DAYS.format("1"), "%job daily day")

    assert texts(nb, line) == [
        "latest", "all", "missing", "failed", "stale", "2024-01-04", "2024-01-03", "2024-01-02", "2024-01-01"
    ]  # fmt: skip
    assert texts(nb, line + "2024-01-03") == ["2024-01-03"]
    assert texts(nb, line + "2024-01-03..2024-01-0")[0] == "2024-01-03..2024-01-04"
    assert texts(nb, line + "2024-01-01,")[-1] == "2024-01-01,2024-01-01"
    assert texts(nb, line + "m") == ["missing"]


def test_partitions_of_an_asset_are_offered_to_why_and_keys_with_blanks_in_quotes(nb: Notebook) -> None:
    nb.ok("%%asset file --partitions 'static:a b,c'\n1")

    assert texts(nb, "%why file --partition ") == ["c", "'a b'"]
    assert texts(nb, "%why nobody --partition ") == []
    assert texts(nb, "%materialize nobody --partition ") == []


def test_what_partitions_begin_with_is_offered(nb: Notebook) -> None:
    assert "daily:" in texts(nb, "%%asset a --partitions ")
    assert texts(nb, "%%asset a --partitions st") == ["static:"]


def test_ten_thousand_partitions_are_offered_in_part(nb: Notebook) -> None:
    nb.ok("%%asset day --partitions daily:1990-01-01..2020-01-01\n1")

    found = texts(nb, "%materialize day --partition 20")

    assert len(found) == 50
    assert found[0] == "2020-01-01"


def test_backfills_are_offered_with_what_they_are_of(nb: Notebook) -> None:
    nb.ok(DAYS.format("1"), "handle = %materialize day --partition all --bg", "handle.wait(30)")
    name = nb.names["handle"].backfill_id

    assert offered(nb, "%jk backfill ") == [(name, "COMPLETED_SUCCESS of day")]
    assert texts(nb, f"%jk backfill {name[:3]}") == [name]
    assert texts(nb, f"%jk backfill {name} --r") == ["--retry", "--resume"]
