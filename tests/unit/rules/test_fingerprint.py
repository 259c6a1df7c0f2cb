"""What a value was made by: hashes that only meaning changes, and what differs between two."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jobkernel
from jobkernel.rules.constants import canonical
from jobkernel.rules.fingerprint import (
    TEXT_LIMIT,
    Fingerprint,
    compare,
    fingerprint_of,
    joined,
    normalised_source,
    part_of,
)
from jobkernel.rules.sql_text import normalised_sql, table_names

SOURCE = '''
def orders(raw, limit=10):
    """All orders."""
    kept = raw[raw.total > limit]  # the large ones
    return f"{len(kept)} of {raw['name']!r:>{limit}} " "rows"
'''

COSMETIC = {
    "comments": SOURCE.replace("# the large ones", "# others"),
    "blank lines": SOURCE.replace("\n    kept", "\n\n\n    kept"),
    "quotes": SOURCE.replace(' "rows"', " 'rows'"),
    "docstring": SOURCE.replace("All orders.", "Every order,\n    without exception."),
    "no docstring": SOURCE.replace('    """All orders."""\n', ""),
    "spacing": SOURCE.replace("limit=10", "limit = 10").replace("raw.total > limit", "raw.total>limit"),
    "parentheses": SOURCE.replace("raw[raw.total > limit]", "raw[(raw.total > limit)]"),
    "lines": SOURCE.replace("raw[raw.total > limit]", "raw[\n        raw.total > limit\n    ]"),
    "pieces of an f-string": SOURCE.replace('" "rows"', 'rows"'),
}


@pytest.mark.parametrize("other", COSMETIC.values(), ids=COSMETIC.keys())
def test_cosmetic_edits_change_nothing(other: str) -> None:
    assert normalised_source(other) == normalised_source(SOURCE)


EDITS = {
    "a number": SOURCE.replace("10", "11"),
    "a name": SOURCE.replace("raw.total", "raw.sum"),
    "a text": SOURCE.replace("rows", "ROWS"),
    "an f-string's conversion": SOURCE.replace("!r", "!s"),
    "the order": SOURCE.replace("raw, limit=10", "limit=10, raw=None"),
}


@pytest.mark.parametrize("other", EDITS.values(), ids=EDITS.keys())
def test_edits_of_meaning_change_it(other: str) -> None:
    assert normalised_source(other) != normalised_source(SOURCE)


def test_the_same_pieces_joined_otherwise_are_another_fingerprint() -> None:
    assert joined(["ab", "c"]) != joined(["a", "bc"])
    assert fingerprint_of({"a": "b=c"}).combined() != fingerprint_of({"a=b": "c"}).combined()


def test_the_order_of_parts_does_not_matter() -> None:
    assert fingerprint_of({"a": "1", "b": "2"}).combined() == fingerprint_of({"b": "2", "a": "1"}).combined()


def test_a_fingerprint_goes_through_json_and_back() -> None:
    fingerprint = fingerprint_of({"own": "x = 1", "constant:<k>": "'é\\ud800'"})

    assert Fingerprint.from_json(json.loads(json.dumps(fingerprint.to_json()))) == fingerprint
    assert Fingerprint.from_json(fingerprint.hashes()).hashes() == fingerprint.hashes()


def test_a_long_text_is_kept_in_part_and_hashed_whole() -> None:
    text = "x" * TEXT_LIMIT

    assert part_of(text).text == text
    assert part_of(text + "ab").text == text + "\n… 2 more characters"
    assert part_of(text + "ab").hash != part_of(text + "ac").hash


def test_comparing_names_each_part_that_differs_with_its_lines() -> None:
    old = fingerprint_of(
        {"own": "a = 1\nb = 2", "helper:clean": "def clean(): pass", "constant:k": "1", "package:pandas": "pandas==2"}
    )
    new = fingerprint_of(
        {"own": "a = 1\nb = 3", "constant:k": "2", "package:pandas": "pandas==3", "upstream:raw": "v2"}
    ).adding({"config": "{}"})

    changes = compare(old, new)

    assert [(each.what, each.name, each.before, each.after) for each in changes] == [
        ("code", "own", "a = 1\nb = 2", "a = 1\nb = 3"),
        ("constant", "k", "1", "2"),
        ("config", "config", None, "{}"),
        ("packages", "pandas", "pandas==2", "pandas==3"),
        ("upstream", "raw", None, "v2"),
        ("missing", "clean", "def clean(): pass", None),
    ]
    assert changes[0].diff == ((" ", "a = 1"), ("-", "b = 2"), ("+", "b = 3"))
    assert compare(old, old) == []


def test_a_diff_leaves_out_what_is_far_from_any_change() -> None:
    lines = [f"x{number} = {number}" for number in range(40)]
    old = fingerprint_of({"own": "\n".join(lines)})
    new = fingerprint_of({"own": "\n".join(["y = 0", *lines[1:-1], "z = 0"])})

    marks = [mark for mark, _ in compare(old, new)[0].diff]

    assert marks == ["-", "+", " ", " ", " ", "…", " ", " ", " ", "-", "+"]


CANONICAL = {
    "{3, 1, 2}": "{1, 2, 3}",
    "frozenset('ba')": "frozenset('a', 'b')",
    "{'b': 1, 'a': (1.0, True, None)}": "{'b': 1, 'a': (1.0, True, None)}",
    "[1, [2]]": "[1, [2]]",
    "0.1 + 0.2": "0.30000000000000004",
    "float('nan')": "nan",
    "-0.0": "-0.0",
    "datetime.date(2024, 1, 2)": "datetime.date(2024, 1, 2)",
    "decimal.Decimal('1.50')": "Decimal('1.50')",
    "pathlib.Path('a/b')": "Path('a/b')",
    "re.compile('a.b', re.I)": "re.compile('a.b', 34)",
    "collections.Counter('aab')": "Counter{'a': 2, 'b': 1}",
    "object()": None,
    "[object()]": None,
    "list(range(20_000))": None,
    "lambda: 1": None,
}


@pytest.mark.parametrize(("expression", "text"), CANONICAL.items(), ids=CANONICAL.keys())
def test_plain_values_have_one_text(expression: str, text: str | None) -> None:
    import collections
    import datetime
    import decimal
    import pathlib
    import re

    names = {module.__name__: module for module in (collections, datetime, decimal, pathlib, re)}

    assert canonical(eval(expression, names)) == text


def test_a_value_that_holds_itself_is_not_followed() -> None:
    loop: list[object] = []
    loop.append(loop)

    assert canonical(loop) is None


PRINT_HASHES = """
import sys; sys.path[:0] = {path!r}
from jobkernel.rules.constants import canonical
from jobkernel.rules.fingerprint import fingerprint_of, part_of, source_part
import ast
constant = canonical({{"b", "a", ("c", 1.5), frozenset("xyz")}})
parts = {{"own": source_part(ast.parse({source!r})), "constant:k": constant}}
print(fingerprint_of(parts).combined())
"""

HARD_SOURCE = SOURCE + (
    "x = f'{a!r}' f\"{b['k']}\" 'it\\'s'\ny = lambda: 0\nz = a[1:2, ::3]\nfor i in *p, q: pass\n"
    "class A(B, metaclass=C):\n    'doc'\nwith (open(p) as f, g): pass\nmatch v:\n    case [1, *_]: pass\n"
    "async def g():\n    return (await x), (yield)\nd = {**e, 'k': -1 ** 2}\nt = ()\nw = a[()]\nassert (n := 10) > 5\n"
)


def _hash_in_another_process(seed: str, python: str = sys.executable) -> str:
    program = PRINT_HASHES.format(path=[str(Path(jobkernel.__file__).parents[1])], source=HARD_SOURCE)
    done = subprocess.run(
        [python, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_hashes_are_the_same_in_other_versions_of_python(version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", "1"], capture_output=True).returncode:
        pytest.skip(f"no python{version} here")

    assert _hash_in_another_process("0", python) == _hash_in_another_process("0")


def test_hashes_are_the_same_in_every_process() -> None:
    assert len({_hash_in_another_process(seed) for seed in ("0", "1", "4711")}) == 1


SQL = "select  a.Total, count(*) as n -- rows\nfrom raw as a /* all */ where a.name = 'It''s -- so' group by a.Total;"

SAME_SQL = {
    "case of keywords": "SELECT a.Total, COUNT(*) AS n FROM raw AS a WHERE a.name = 'It''s -- so'\nGROUP BY a.Total",
    "one line each": "select a.Total,\n  count( * ) as n from raw as a\nwhere a.name='It''s -- so'\n"
    "group by\n  a.Total",
}


@pytest.mark.parametrize("other", SAME_SQL.values(), ids=SAME_SQL.keys())
def test_comments_spacing_and_case_of_keywords_in_sql_do_not_matter(other: str) -> None:
    assert normalised_sql(other) == normalised_sql(SQL)


@pytest.mark.parametrize(("old", "new"), [("Total", "total"), ("It''s", "it''s"), ("a.name", "a.names"), ("=", "<>")])
def test_names_texts_and_operators_in_sql_matter(old: str, new: str) -> None:
    assert normalised_sql(SQL.replace(old, new)) != normalised_sql(SQL)


TABLES = {
    "select * from orders": "orders",
    "from orders": "orders",
    "with a as (select * from raw) select * from a join b using (x)": "b raw",
    "with raw as (select * from raw) select * from raw": "raw",
    "with recursive t as (select 1 n union all select n + 1 from t, ends) select * from t": "ends",
    "with x as (select 1) select * from (with y as (select * from x) select * from y, z)": "z",
    "with a as (select 1), b as (select * from a) select * from b": "",
    "select * from read_csv('a.csv'), orders o, unnest(o.items)": "orders",
    "select * from a where exists (select 1 from b where b.i = a.i)": "a b",
    "select (select max(x) from a) as m, b.* from b": "b a",
    'select * from "sales/orders"': "sales/orders",
    "select * from main.orders": "",
    "select orders from raw orders": "raw",
    "pivot sales on year using sum(x)": "sales",
    "summarize orders": "orders",
    "select * from a positional join b": "a b",
    "select * from a asof join b on a.t >= b.t": "a b",
    "select * from a union all by name select * from b": "a b",
    "select * from t where x > $limit": "t",
    "select 'from orders'": "",
    "no sql at all (": "",
}


@pytest.mark.parametrize(("query", "expected"), TABLES.items(), ids=TABLES.keys())
def test_tables_of_a_query_are_its_names_without_ctes_functions_and_schemas(query: str, expected: str) -> None:
    assert sorted(table_names(query)) == sorted(expected.split())
