"""The texts of a table's cells, column by column: numbers as people read them, dates without empty hours.

Knows plain Python values and no table; never raises. Called by :mod:`preview`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from jobkernel.model.metadata_json import readable_text

CELL: Final = 200
"""So many characters of one cell are shown."""
_SIGNIFICANT: Final = 6
_FEWEST_DECIMALS: Final = 2
_MOST_DECIMALS: Final = 9
_LARGEST: Final = 1e15
_MIDNIGHT: Final = " 00:00:00"


def column_texts(items: Sequence[Any]) -> list[str]:
    """Return the text of each cell of a column.

    Floats have about six significant digits and as many decimals as the longest of the column needs, from one up.
    """
    floats = [item for item in items if isinstance(item, float)]
    if floats:
        shown = iter(_float_texts(floats))
        return [next(shown) if isinstance(item, float) else cell_text(item) for item in items]
    texts = [cell_text(item) for item in items]
    if items and all(hasattr(item, "hour") for item in items) and all(text.endswith(_MIDNIGHT) for text in texts):
        return [text.removesuffix(_MIDNIGHT) for text in texts]
    return texts


def cell_text(item: Any) -> str:
    """Return one cell's text."""
    try:
        shown = item[: CELL + 1] if type(item) in (str, bytes) else item
        return cut(readable_text(str(shown)), CELL)
    except Exception as error:  # noqa: BLE001  - an object in a cell may fail to show itself
        return broken(item, error)


def cut(words: str, limit: int) -> str:
    """Return the text, at most ``limit`` characters of it."""
    return words if len(words) <= limit else words[: limit - 1] + "…"


def broken(value: Any, error: BaseException) -> str:
    """Return the sentence for a value whose own code failed when it was asked for its text."""
    return f"This {type(value).__name__} cannot be shown: {type(error).__name__} while it was asked for its text."


def _float_texts(numbers: Sequence[float]) -> list[str]:
    plain = [abs(number) for number in numbers if math.isfinite(number) and 0 < abs(number) < _LARGEST]
    whole_digits = math.floor(math.log10(max(plain))) + 1 if plain else 1
    decimals = min(max(_FEWEST_DECIMALS, _SIGNIFICANT - whole_digits), _MOST_DECIMALS)
    texts = [_float_text(number, decimals) for number in numbers]
    fixed = [text for text in texts if _is_fixed(text, decimals)]
    empty = min((len(text) - len(text.rstrip("0")) for text in fixed), default=0)
    drop = min(empty, decimals - 1)
    return [text[: len(text) - drop] if _is_fixed(text, decimals) else text for text in texts]


def _float_text(number: float, decimals: int) -> str:
    if math.isnan(number):
        return "NaN"
    size = abs(number)
    fixed = f"{number:.{decimals}f}"
    is_lost = 0 < size < 10.0 ** (1 - decimals) and float(fixed) != number
    return f"{number:.{_SIGNIFICANT}g}" if is_lost or size >= _LARGEST else fixed


def _is_fixed(text: str, decimals: int) -> bool:
    _, point, digits = text.partition(".")
    return bool(point) and len(digits) == decimals and digits.isdigit()
