"""What is left of a notebook's cells when they may only define."""

from __future__ import annotations

import pytest

from jobkernel.headless import defining_source, shown_lines, title_of


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("%%asset raw --group g --run\n1", "%%asset raw --group g\n1"),
        ("%%asset raw -r\n1", "%%asset raw\n1"),
        ("%%asset raw --retries 2\n1", "%%asset raw --retries 2\n1"),
        ("# jk: op one --run\n1", "# jk: op one\n1"),
        ("%%check raw whole\ntrue", "%%check raw whole\ntrue"),
        ("%job nightly +raw", "%job nightly +raw"),
        ("%load_ext jobkernel", "%load_ext jobkernel"),
        ("%jk use sales", "%jk use sales"),
        ("limit = 10", "limit = 10"),
        ("import pandas as pd\npd.__version__", "import pandas as pd\npd.__version__"),
        ("def late(x):\n    return x", "def late(x):\n    return x"),
        ("limit = 3\n%materialize raw", "limit = 3"),
    ],
)
def test_what_defines_stays_without_what_runs(source: str, left: str) -> None:
    assert defining_source(source) == left


@pytest.mark.parametrize(
    "source",
    [
        "%materialize +report",
        "run = %launch nightly",
        "%jk",
        "%jk sql select 1",
        "%why report",
        "report.head()",
        "%%time\nslow()",
        "%%bash\nls",
    ],
)
def test_what_runs_or_shows_is_left_out(source: str) -> None:
    assert defining_source(source) is None


def test_a_long_title_is_cut() -> None:
    assert title_of("\n" + "x" * 100) == "x" * 79 + "…"


def test_only_the_first_lines_of_an_output_are_told() -> None:
    class Cell:
        outputs = ({"output_type": "stream", "text": "\n".join("abcd")},)

    assert shown_lines(Cell(), most=2) == ["a", "b", "… and 2 more lines"]
