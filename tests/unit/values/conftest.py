"""Values are signed with a key of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobkernel.values.signing import KEY_VARIABLE


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep tests away from the user's key."""
    place = tmp_path_factory.getbasetemp() / "pickle.key"
    monkeypatch.setenv(KEY_VARIABLE, str(place))
    return place
