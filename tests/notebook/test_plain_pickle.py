"""Plain pickle in bodies: it finds functions and classes by name, in a worker also those that came with the body."""

from __future__ import annotations

import pytest
from shells import Notebook

CELLS = (
    "rate = 3\ndef double(x): return 2 * x",
    "def priced(x): return double(x) * rate",
    "class Point:\n    def __init__(self, x): self.x = x",
)
BODIES = {
    "a function that uses others": "pickle.loads(pickle.dumps(priced))(2)",
    "what only a helper names": "pickle.loads(pickle.dumps((priced, priced.__globals__['double'])))[1](6)",
    "an instance": "pickle.loads(pickle.dumps(Point(12))).x",
    "a function of the body": "def mine(x): return priced(x)\npickle.loads(pickle.dumps(mine))(2)",
}


@pytest.fixture
def shop(nb: Notebook) -> Notebook:
    for cell in CELLS:
        nb.ok(cell)
    return nb


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_worker_process_finds_what_came_with_the_body(shop: Notebook, body: str) -> None:
    shop.ok(f"%%asset made --executor processes\nimport pickle\n{body}")
    shop.ok("%materialize made\nassert made == 12, made")


def test_after_the_body_its_names_are_gone_from_the_worker(shop: Notebook) -> None:
    shop.ok("%%asset made --executor processes\nimport pickle\npickle.loads(pickle.dumps(priced))(2)")
    shop.ok("%materialize made")
    shop.ok("%%asset left --executor processes\nimport sys\nhasattr(sys.modules['__main__'], 'priced')")
    shop.ok("%materialize left\nassert left is False")


def test_where_pickle_finds_nothing_one_hint_says_what_to_do(shop: Notebook) -> None:
    shop.ok("%%asset made\nimport pickle\ndef mine(x): return x\npickle.dumps(mine)")

    ran = shop("%materialize made")

    assert type(ran.error).__name__ in ("PicklingError", "AttributeError")
    (note,) = ran.error.__notes__  # type: ignore[union-attr]
    assert note.startswith("Plain pickle finds functions and classes by their names")
    assert "cloudpickle" in note


def test_other_errors_of_pickle_get_no_hint(shop: Notebook) -> None:
    shop.ok("%%asset made\nimport pickle, threading\npickle.dumps(threading.Lock())")

    ran = shop("%materialize made")

    assert isinstance(ran.error, TypeError)
    assert not getattr(ran.error, "__notes__", [])
