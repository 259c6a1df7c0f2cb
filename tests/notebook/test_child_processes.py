"""Bodies that hand functions, classes and tables of the notebook to child processes, in a real kernel."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from collections.abc import Iterator

import pytest
from cells_at_work import Notebook, a_body
from kernels import Kernel, text_of

from jobkernel.errors import HistoryError
from jobkernel.storage.control import stop_server

HELPERS = """
import collections, concurrent.futures, copy, dataclasses, enum, functools, multiprocessing, os, pickle
factor = 3
table = list(range(3_000_000))
def base(x): return x * factor
def work(x): return base(x) + 1
def look_up(i): return table[i]
def tidy(x): return x + 1
triple = lambda x: x * factor
def adding(n): return lambda x: work(x) + n
add_ten = adding(10)
@functools.cache
def cached(x): return base(x)
def doubled(function):
    @functools.wraps(function)
    def inner(x): return 2 * function(x)
    return inner
@doubled
def decorated(x): return base(x)
@dataclasses.dataclass
class Point:
    x: int
    def scaled(self): return Point(base(self.x))
def scale(point): return point.scaled()
class Plain:
    def __init__(self, x): self.x = x
def is_plain(value): return isinstance(value, Plain) and value.x
class Colour(enum.Enum):
    RED = 1
def is_red(colour): return colour is Colour.RED
plain = [Plain(1), Plain(2)]
"""
MAP = "with multiprocessing.{context}Pool(2) as pool:\n    made = pool.map({function}, {values}, chunksize=1)\n"
BODIES = {
    "a function": ("work", "[1, 2]", "made", [4, 7]),
    "a function without helpers": ("tidy", "[1, 2]", "made", [2, 3]),
    "a lambda": ("triple", "[1, 2]", "made", [3, 6]),
    "a closure": ("add_ten", "[1, 2]", "made", [14, 17]),
    "a partial": ("functools.partial(work)", "[1, 2]", "made", [4, 7]),
    "a cached function": ("cached", "[1, 2]", "made", [3, 6]),
    "a decorated function": ("decorated", "[1, 2]", "made", [6, 12]),
    "a bound method": ("Point(2).scaled().__eq__", "[Point(6), Point(1)]", "made", [True, False]),
    "instances, there and back": ("scale", "[Point(1)]", "[type(each) is Point and each.x for each in made]", [3]),
    "instances of the notebook": ("is_plain", "plain", "made", [1, 2]),
    "members of an enum": ("is_red", "[Colour.RED, 1]", "made", [True, False]),
}
CONTEXTS = {"forked": "", "spawned": "get_context('spawn').", "from a fork server": "get_context('forkserver')."}
OTHERS = {
    "an executor of processes": (
        "with concurrent.futures.ProcessPoolExecutor(2) as pool:\n    made = list(pool.map(work, [1, 2]))\nmade",
        [4, 7],
    ),
    "a function of the body": (
        "def mine(x): return work(x) + factor\nwith multiprocessing.Pool(2) as pool:\n    made = pool.map(mine, [1])\n"
        "made", [7],
    ),
    "a function of the body, made after the pool": (
        "with multiprocessing.Pool(2) as pool:\n    def mine(x): return work(x) + factor\n"
        "    made = pool.map(mine, [1])\nmade", [7],
    ),
    "a variable of the body that changes between pools": (
        "made = []\ndef mine(x): return x + step\nfor step in (1, 2):\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        made += pool.map(mine, [1])\nmade",
        [2, 3],
    ),
    "a function of an asset's function": (
        "def answer():\n    def mine(x): return work(x) + 1\n    with multiprocessing.Pool(2) as pool:\n"
        "        return pool.map(mine, [1])", [5],
    ),
    "what pickle takes in a plain cell": (
        "[pickle.loads(pickle.dumps(tidy))(1), pickle.loads(pickle.dumps(Point(3))) == Point(3),"
        " copy.deepcopy(Point(3)) == Point(3)]", [2, True, True],
    ),
    "a large table that forked children have": (
        "from multiprocessing.reduction import ForkingPickler\nwith multiprocessing.Pool(2) as pool:\n"
        "    made = [*pool.map(look_up, [1, 2]), len(ForkingPickler.dumps(look_up)) < 1000]\nmade", [1, 2, True],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    place = tmp_path_factory.mktemp("children")
    (place / "rt").mkdir()
    (place / "project").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JUPYTER_RUNTIME_DIR", str(place / "rt"))
        patched.setenv("IPYTHONDIR", str(place / "ipython"))
        patched.delenv("JOBKERNEL_PROJECT", raising=False)
        kernel = Kernel(place / "project", "children.ipynb")
        try:
            kernel.run("%load_ext jobkernel")
            kernel.run(HELPERS)
            yield kernel
        finally:
            kernel.close()
            with contextlib.suppress(HistoryError):
                stop_server(place / "project")


def made_by(kernel: Kernel, body: str) -> str:
    """Return what printing the value of a body shows."""
    kernel.run(f"%%asset answer --timeout 30\n{body}")
    kernel.run("%materialize answer")
    return text_of(kernel.run("print(answer)")).strip()


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS.keys())
@pytest.mark.parametrize(("function", "values", "text", "expected"), BODIES.values(), ids=BODIES.keys())
def test_a_pool_takes_what_the_notebook_defines(
    kernel: Kernel, context: str, function: str, values: str, text: str, expected: list[object]
) -> None:
    body = MAP.format(context=context, function=function, values=values) + text

    assert made_by(kernel, body) == str(expected)


@pytest.mark.parametrize(("body", "expected"), OTHERS.values(), ids=OTHERS.keys())
def test_bodies_go_to_children_in_other_ways(kernel: Kernel, body: str, expected: list[object]) -> None:
    assert made_by(kernel, body) == str(expected)


def test_what_is_redefined_meanwhile_still_goes_to_the_children(kernel: Kernel) -> None:
    kernel.run("def shifting(x): return x + 1")
    kernel.run(
        "%%asset shifted\nimport time\nwith multiprocessing.Pool(1) as pool:\n"
        "    while shifting is vars(__import__('__main__'))['shifting']: time.sleep(0.01)\n"
        "    made = pool.map(shifting, [1])\nmade"
    )
    kernel.run("handle = %materialize shifted --bg")
    kernel.run("def shifting(x): return x + 100")
    kernel.run("handle.wait()")

    assert text_of(kernel.run("import jobkernel\nprint(jobkernel.load('shifted'))")).strip() == "[2]"


def test_what_is_too_large_for_a_child_is_refused_in_a_sentence(kernel: Kernel) -> None:
    kernel.run(
        "%%asset answer --timeout 30\n" + MAP.format(context=CONTEXTS["spawned"], function="look_up", values="[1]")
    )

    shown = text_of(kernel.run("%materialize answer", is_failing=True))

    assert "'look_up' takes 1" in shown
    assert "define it before the pool is made, or pass the data as an argument" in shown


def test_plain_cells_pickle_as_before(kernel: Kernel) -> None:
    shown = text_of(kernel.run("with multiprocessing.Pool(1) as pool: print(pool.map(work, [1]))"))
    refused = text_of(kernel.run("with multiprocessing.Pool(1) as pool: pool.map(triple, [1])", is_failing=True))

    assert shown.strip() == "[4]"
    assert "Can't pickle" in refused


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS.keys())
def test_a_body_in_a_worker_process_has_children_too(context: str) -> None:
    notebook = Notebook()
    notebook.run("import multiprocessing\nfactor = 3\ndef base(x): return x * factor\ndef work(x): return base(x) + 1")
    call = notebook.captured(a_body(MAP.format(context=context, function="work", values="[1, 2]") + "made"))
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer)())"

    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(call), capture_output=True, timeout=60)

    assert done.stdout.decode() == "[4, 7]\n", done.stderr.decode()
