"""What a screen asks the kernel of a test's notebook, and how it is answered."""

from __future__ import annotations

from typing import Any

from shells import Notebook

from jobkernel.notebook import current


def publisher(nb: Notebook) -> Any:
    """What tells screens of this notebook."""
    return current.find(nb.shell).publisher  # type: ignore[union-attr]


def ask(nb: Notebook, op: str, **fields: Any) -> Any:
    """Return the answer to a request, as a screen sends it."""
    answer = publisher(nb).requests.answer({"id": 1, "op": op, **fields})
    assert answer["ok"], answer
    return answer["result"]


def refusal(nb: Notebook, op: str, **fields: Any) -> str:
    """Return the sentence by which a request is refused."""
    answer = publisher(nb).requests.answer({"id": 1, "op": op, **fields})
    assert not answer["ok"]
    return str(answer["error"])
