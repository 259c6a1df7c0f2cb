"""An installation without the built front end says so in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from shells import Notebook

from jobkernel.notebook import showing


def test_the_widget_whose_file_is_missing_is_one_sentence(
    nb: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "is_watched", lambda _shell: True)
    monkeypatch.setattr(showing, "WIDGET", tmp_path / "widget.js")
    nb.ok("%%asset a\n1")
    sentence = nb.refused("%jk")
    assert "widget.js is missing" in sentence
    assert "`%graph`" in sentence
