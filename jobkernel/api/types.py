"""Dagster's names for types, which are Python's own types here."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set, Tuple  # noqa: UP035  - exported under Dagster's names

Bool = bool
Float = float
Int = int
String = str

__all__ = ["Any", "Bool", "Dict", "Float", "Int", "List", "Optional", "Set", "String", "Tuple"]
