"""The page docs/compat.md says what the tests show: no more, and never less than before."""

from __future__ import annotations

import report
import symbols
from symbols import ASPECTS, COVERED, REFUSALS, TIER_1, covers


def test_the_page_is_what_the_tests_show() -> None:
    report.collect()
    page = report.TARGET.read_text(encoding="utf-8")

    assert page == report.render(), "docs/compat.md is out of date: run python -m tests.compat.report"


def test_every_claim_stands_on_a_test() -> None:
    report.collect()
    claimed = report.claims(report.TARGET.read_text(encoding="utf-8"))

    shown = {(f"`{name}`", place) for name in COVERED for place, aspect in enumerate(ASPECTS) if COVERED[name][aspect]}
    assert claimed <= shown


def test_a_page_that_claims_less_is_noticed() -> None:
    old = "| `asset` | ✓ | ✓ | – |\n| `op` | ✓ | – | – |\n"

    assert report.shrinking(old, "| `asset` | ✓ | – | – |\n| `op` | ✓ | – | – |\n") == ["`asset`"]
    assert report.shrinking(old, "| `asset` | ✓ | ✓ | ✓ |\n| `op` | ✓ | – | – |\n") == []


def test_every_tier_1_definition_can_be_imported() -> None:
    import jobkernel

    names = [name for area in ("definitions", "results", "checks") for name in TIER_1[area].split()]
    missing = [name for name in names if type(getattr(jobkernel, name)).__name__ == "_Refusing"]
    assert missing == []


@covers("unsupported", aspect=REFUSALS)
def test_every_other_name_of_dagster_is_importable_and_refuses_to_be_used() -> None:
    import pytest
    from harness import dagster

    import jobkernel
    from jobkernel.api.unsupported import dagster_exports
    from jobkernel.errors import Unsupported

    assert {name for name in dagster_exports() if not hasattr(dagster(), name)} == set()
    refusing = [name for name in dagster_exports() if type(getattr(jobkernel, name)).__name__ == "_Refusing"]
    assert "PipesSubprocessClient" in refusing
    for name in refusing:
        with pytest.raises(Unsupported, match=name):
            getattr(jobkernel, name)()
    assert symbols.HAPPY in ASPECTS
