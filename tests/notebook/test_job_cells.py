"""Jobs of cells follow their ops: in any order of cells, and anew whenever an op is mended."""

from __future__ import annotations

from shells import Notebook

DOUBLE = "%%op double\ndef double(x):\n    return 2 * x"
JOB = "%%job nightly\n@jk.op\ndef one():\n    return 1\n\ndouble(one())"
IMPORT = "import jobkernel as jk"


def made(nb: Notebook, step: str = "double") -> object:
    return nb.ok("%launch nightly --wait").value.value(step)


def test_a_job_runs_the_op_as_it_is_defined_now(nb: Notebook) -> None:
    nb.ok(IMPORT, DOUBLE, JOB)
    assert made(nb) == 2

    nb.ok(DOUBLE.replace("2 * x", "3 * x"))

    assert made(nb) == 3


def test_a_job_may_stand_before_its_ops(nb: Notebook) -> None:
    waiting = nb.ok(IMPORT, JOB).text
    assert "Job 'nightly' uses 'double', which no cell defines. It is composed when one does." in waiting
    assert "uses 'double', which no cell defines" in nb.refused("%launch nightly")

    told = nb.ok(DOUBLE).text

    assert "✓ job nightly · 2 steps" in told
    assert made(nb) == 2


def test_an_op_of_a_plain_cell_is_followed_too(nb: Notebook) -> None:
    nb.ok(IMPORT, "@jk.op\ndef double(x: int) -> int:\n    return 2 * x", JOB)
    assert made(nb) == 2

    nb.ok("@jk.op\ndef double(x: int) -> int:\n    return 5 * x")

    assert made(nb) == 5


def test_a_change_that_the_job_does_not_bear_is_told_and_the_job_stays(nb: Notebook) -> None:
    nb.ok(IMPORT, DOUBLE, JOB)

    told = nb.ok("%%op double\ndef double():\n    return 4").text

    assert "⚠ Job 'nightly' stays as it was: " in told
    assert made(nb) == 2


def test_a_job_that_is_forgotten_does_not_come_back(nb: Notebook) -> None:
    nb.ok(IMPORT, DOUBLE, JOB, "%jk forget nightly", DOUBLE.replace("2 * x", "3 * x"))

    assert "No job 'nightly' is defined" in nb.refused("%launch nightly")


def test_a_waiting_job_that_replaces_another_is_not_the_old_one(nb: Notebook) -> None:
    nb.ok(IMPORT, DOUBLE, JOB, JOB.replace("double(", "doubel("))

    assert "uses 'doubel', which no cell defines. Did you mean 'double'?" in nb.refused("%launch nightly")
