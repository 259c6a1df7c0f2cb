"""Which refused cells a job needs: by what they would define."""

from __future__ import annotations

import pytest
from shells import Notebook

from jobkernel.notebook.needs import first_needed


@pytest.fixture
def defined(nb: Notebook) -> Notebook:
    nb.ok(
        "%%resource db\n1",
        "%%asset shop/orders --group sales\n1",
        "%%asset total --ins orders=shop/orders\norders + context.resources.db",
        "%%op count\n1",
        "%%job counting\ncount()",
        "%job one total",
        "%job up +total",
        "%job down shop/orders+",
        "%job group group:sales",
        "%job lost gone",
        "%materialize shop/orders",
    )
    return nb


@pytest.mark.parametrize(
    ("job", "source", "is_needed"),
    [
        ("one", "%%asset total --retries many\n1", True),
        ("one", "%%asset\ndef total():\n  return 1 +", True),
        ("one", "%%asset other\n1 +", False),
        ("one", "%%asset shop/orders\n1 +", False),
        ("up", "%%asset shop/orders\n1 +", True),
        ("up", "# jk: asset other\n1 +", False),
        ("down", "%%asset other\n1 +", True),
        ("group", "%%asset other\n1 +", True),
        ("lost", "%%asset gone\n1 +", True),
        ("lost", "%%asset other\n1 +", False),
        ("one", "%%check total fine\n1 +", True),
        ("up", "%%check orders fine\n1 +", True),
        ("one", "%%check orders fine\n1 +", False),
        ("one", "%%resource db\n1 +", True),
        ("one", "%%resource other\n1 +", False),
        ("one", "%%op count\n1 +", False),
        ("counting", "%%op count\n1 +", True),
        ("counting", "%%op other\n1 +", False),
        ("counting", "%%asset count\n1 +", False),
        ("counting", "%%job counting\ncount(", True),
        ("counting", "%%job other\ncount(", False),
        ("counting", "%%op --nothing\n1", True),
        ("no_such_job", "%%op --nothing\n1", False),
    ],
)
def test_a_job_needs_what_it_runs_checks_and_uses(defined: Notebook, job: str, source: str, is_needed: bool) -> None:
    assert first_needed(defined.session, job, ["%%op nobody\n1", source]) == (1 if is_needed else None)
