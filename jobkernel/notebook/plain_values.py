"""Which values never change, which are copied at once, and how large a value is. Imports no data package.

Used where the notebook's variables are captured; knows no functions and classes.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import re
import sys
import uuid
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, EllipsisType, ModuleType, NoneType
from typing import Any, Final

LARGE: Final = 10_000_000
"""Bytes above which a notebook variable is not sent to another process."""
ATOMS: Final = frozenset(
    {
        NoneType, bool, int, float, complex, str, bytes, EllipsisType, range, ModuleType, BuiltinFunctionType,
        datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone, decimal.Decimal,
        fractions.Fraction, uuid.UUID, pathlib.PosixPath, pathlib.PurePosixPath, pathlib.WindowsPath, re.Pattern,
    }
)  # fmt: skip
"""Types whose values never change, or that are the same for everybody."""


def are_atoms(values: Iterable[Any]) -> bool:
    """Whether none of the values can change."""
    return ATOMS.issuperset(map(type, values))


def size_of(value: Any) -> int:
    """Return about how many bytes a value takes; cheap, and exact for arrays and tables only."""
    shape = getattr(value, "shape", None)
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(shape, tuple) and len(shape) == 2 and all(isinstance(side, int) for side in shape):
        return int(shape[0]) * int(shape[1]) * 8
    try:
        own = sys.getsizeof(value)
    except TypeError:
        return 0
    return own + (len(value) * 32 if isinstance(value, list | dict | set) else 0)


def _copied_if_small(copy: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    return lambda value, size: copy(value) if size <= LARGE else value


def _copy_pandas(value: Any, size: int) -> Any:
    copies_on_write = int(sys.modules["pandas"].__version__.partition(".")[0]) >= 3
    return value.copy(deep=False) if copies_on_write else _copied_if_small(lambda frame: frame.copy())(value, size)


COPIES: Final[dict[str, Callable[[Any, int], Any]]] = {
    "pandas.DataFrame": _copy_pandas,
    "pandas.Series": _copy_pandas,
    "polars.DataFrame": lambda value, _: value.clone(),
    "polars.Series": lambda value, _: value.clone(),
    "polars.LazyFrame": lambda value, _: value.clone(),
    "numpy.ndarray": _copied_if_small(lambda array: array.copy()),
}
