"""What every comparison shares: noise that real Dagster's libraries make is no failure of ours."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let SQLAlchemy, which Dagster keeps events in, stumble over its weak references when memory is collected."""
    for item in items:
        item.add_marker(
            pytest.mark.filterwarnings(
                "ignore:Exception ignored in. <function _collection_gced:pytest.PytestUnraisableExceptionWarning"
            )
        )
