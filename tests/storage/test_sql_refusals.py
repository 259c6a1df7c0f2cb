"""What a query that cannot be answered is told: a sentence about what the person can see, and nothing of ours."""

from __future__ import annotations

import pytest

from jobkernel.errors import QueryRefused
from jobkernel.storage.opening import MEMORY, open_history_file
from jobkernel.storage.user_sql import VIEWS, select

REFUSALS = {
    "select * from run": "The history has no view 'run'. Did you mean 'runs'? It has runs,",
    "select * from execution": "The history has no view 'execution'. It has runs,",
    "select eror from runs": "There is no column 'eror' here. Did you mean 'error'?",
    "select * from runs where job_name = orders": "There is no column 'orders' here.",
    "select foo(1)": "Scalar Function with name foo does not exist! Did you mean",
    "selec 1": 'syntax error at or near "selec".',
    "select strftime(started_at) from runs": "No function matches the given name and argument types",
    "select run_id from runs, steps": 'Ambiguous reference to column name "run_id"',
}


@pytest.mark.parametrize("query", REFUSALS)
def test_a_wrong_query_is_refused_in_sentences_without_internal_names(query: str) -> None:
    with open_history_file(MEMORY) as connection, pytest.raises(QueryRefused) as caught:
        select(connection.cursor(), query)
    said = str(caught.value)
    assert said.startswith(REFUSALS[query])
    assert said.endswith((".", "?", "!"))
    assert "kept" not in said
    assert "\n" not in said


def test_the_views_that_refusals_name_are_those_of_the_history() -> None:
    with open_history_file(MEMORY) as connection:
        rows = connection.execute("select view_name from duckdb_views() where not internal and schema_name = 'main'")
        assert {name for (name,) in rows.fetchall()} == set(VIEWS)
