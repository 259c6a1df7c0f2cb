"""What a body reads from outside, against what running it looks up."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobkernel.rules.free_names import free_names

NAMES = st.sampled_from(["a", "b", "c", "d"])
FUNCTIONS = st.sampled_from(["f", "g"])


def expressions() -> st.SearchStrategy[str]:
    simple = NAMES | st.integers(0, 2).map(str)
    return st.one_of(
        simple,
        st.builds("({} + {})".format, simple, simple),
        st.builds("({} if {} else {})".format, simple, simple, simple),
        st.builds("({} and ({} := {}))".format, simple, NAMES, simple),
        st.builds("sum([{} for {} in range({} % 3)])".format, simple, NAMES, simple),
        st.builds("(lambda {}: {} + {})({})".format, NAMES, simple, simple, simple),
        st.builds("call({})".format, FUNCTIONS),
    )


def indented(block: list[str]) -> str:
    return "\n".join("  " + line for statement in block for line in statement.splitlines())


def statements() -> st.SearchStrategy[str]:
    values = expressions()
    simple = st.one_of(
        st.builds("{} = {}".format, NAMES, values),
        st.builds("{} += {}".format, NAMES, values),
        st.builds("{}, {} = {}, {}".format, NAMES, NAMES, values, values),
        values,
        st.builds("del {}".format, NAMES),
        st.just("raise ValueError"),
    )

    def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        block = st.lists(inner, min_size=1, max_size=3).map(indented)
        lines = st.lists(simple, min_size=1, max_size=2).map(indented)
        deeper = block.map(lambda text: indented([text]))
        return st.one_of(
            st.builds("if {}:\n{}\nelse:\n{}".format, values, block, block),
            st.builds("for {} in range({} % 3):\n{}".format, NAMES, values, block),
            st.builds("for {} in range({} % 3):\n{}\n  break\nelse:\n{}".format, NAMES, values, block, block),
            st.builds("while True:\n{}\n  break".format, block),
            st.builds("try:\n{}\nexcept ValueError as {}:\n{}".format, block, NAMES, block),
            st.builds("try:\n{}\nexcept ValueError:\n{}\nelse:\n{}\nfinally:\n{}".format, block, block, block, block),
            st.builds("def {}():\n{}\n  return {}".format, FUNCTIONS, lines, values),
            st.builds("match {}:\n  case 0:\n{}\n  case {}:\n{}".format, values, deeper, NAMES, deeper),
            st.builds("class A:\n{}".format, block),
        )

    return st.recursive(simple, compound, max_leaves=8)


@settings(max_examples=400, deadline=None)
@given(st.lists(statements(), min_size=1, max_size=6))
def test_every_name_looked_up_from_outside_is_a_free_name(program: list[str]) -> None:
    source = "\n".join(program)
    looked_up = _looked_up(source)

    assert looked_up <= set(free_names(source)), source


def _looked_up(source: str) -> set[str]:
    """Run the program again and again, each time with the names that it missed, and return those that it missed."""
    missed: set[str] = set()
    for _ in range(8):
        scope: dict[str, Any] = {"call": lambda function: function() if callable(function) else 0}
        scope.update(dict.fromkeys(missed, 1))
        try:
            exec(source, scope)
        except NameError as error:
            if isinstance(error, UnboundLocalError) or error.name is None or error.name in missed:
                return missed
            if _failed_at(error, source).startswith("del "):
                return missed  # unbinding a name that the scope does not have asks nobody outside
            missed.add(error.name)
        except Exception:
            return missed
        else:
            return missed
    return missed


def _failed_at(error: NameError, source: str) -> str:
    """Return the line of the program at which it failed."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return source.splitlines()[last.tb_lineno - 1].strip() if last is not None else ""
