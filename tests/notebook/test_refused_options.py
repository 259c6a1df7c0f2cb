"""Options and bodies that say nothing are refused with what to write instead."""

from __future__ import annotations

import pytest
from shells import Notebook


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%%asset z --ins x=\nx", "--ins: 'x=' names no asset; write --ins x=KEY."),
        ("%%asset z --ins =big\nx", "--ins: '=big' names no variable; write --ins x=KEY."),
        ("%%asset z --meta bad\n1", "--meta: 'bad' is neither K=V nor a variable of the notebook; write --meta bad=…."),
        ("%%job none\nx = 1", "%%job 'none' calls no op;"),
        ("%%job mixed\nbig()", "%%job 'mixed' uses an asset; a job composes ops."),
        ("%%job mixed\nsay(big)", "%%job 'mixed' uses an asset; a job composes ops."),
        ("%%job mixed\nsay(big())", "A job over assets is a line: %job mixed big"),
    ],
)
def test_what_says_nothing_is_refused_in_a_sentence(nb: Notebook, cell: str, sentence: str) -> None:
    nb.ok("%%asset big\n1", "%%op say --ins x\nprint(x)")
    assert sentence in nb.refused(cell)


def test_a_variable_alone_is_metadata_under_its_name(nb: Notebook) -> None:
    nb.ok("facts = {'rows': 3}", "%%asset z --meta facts --meta empty=\n1")
    assert dict(nb.session.registry.assets["z"].specs[0].metadata).keys() == {"facts", "empty"}
