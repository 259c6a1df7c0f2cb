"""Config classes and legacy schemas: what run config may say, what comes of it, what is refused, as in Dagster.

Annotations are evaluated as they stand: classes inside functions cannot be named by text.
"""

import enum
from typing import Any, Literal, Optional, Union

import pydantic
import pytest
from harness import assert_refused, assert_same
from symbols import REFUSALS, covers

pytestmark = pytest.mark.compat


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


def plain_class(dg: Any) -> type:
    class Plain(dg.Config):
        n: int
        f: float = 1.0
        s: str = "a"
        b: bool = False
        xs: list[int] = [1]  # noqa: RUF012  - pydantic copies it
        d: dict[str, int] = {}  # noqa: RUF012
        o: Optional[int] = None  # noqa: UP045  - both spellings are to work

    return Plain


def rich_class(dg: Any) -> type:
    class Inner(dg.Config):
        x: int = 1
        y: int = 2

    class Cat(dg.Config):
        kind: Literal["cat"] = "cat"
        meows: int = 1

    class Dog(dg.Config):
        kind: Literal["dog"] = "dog"
        barks: int = 2

    class Rich(dg.Config):
        color: Color = Color.RED
        lit: Literal["a", "b"] = "a"
        inner: Inner = Inner(x=5)
        many: list[Inner] = []  # noqa: RUF012
        pet: Union[Cat, Dog] = pydantic.Field(discriminator="kind", default=Cat(meows=7))  # noqa: UP007
        alias: int = pydantic.Field(alias="other", default=4)

    return Rich


def run_with(dg: Any, config_type: Any, config: Any) -> Any:
    """What an op gets as its config argument, as plain data."""

    def read(config):
        return config.model_dump() if hasattr(config, "model_dump") else config

    read.__annotations__ = {"config": config_type}
    alpha = dg.op(name="alpha")(read)

    @dg.job(name="j")
    def j():
        alpha()

    run_config = None if config is None else {"ops": {"alpha": {"config": config}}}
    return j.execute_in_process(run_config=run_config).output_for_node("alpha")


@covers("Config", "RunConfig", "EnvVar")
@pytest.mark.parametrize(
    "config",
    [
        {"n": 1},
        {"n": 1, "f": 3},
        {"n": 1, "f": True},
        {"n": 1, "s": {"env": "JK_TEST_TEXT"}},
        {"n": {"env": "JK_TEST_INT"}},
        {"n": 1, "b": {"env": "JK_TEST_INT"}},
        {"n": 1, "o": None},
        {"n": 1, "o": 3},
        {"n": 1, "xs": [], "d": {"a": 2}},
    ],
    ids=str,
)
def test_a_config_class_takes(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JK_TEST_TEXT", "text")
    monkeypatch.setenv("JK_TEST_INT", "12")
    assert_same(lambda dg: run_with(dg, plain_class(dg), config))


@covers("Config", "EnvVar", aspect=REFUSALS)
@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        5,
        {"n": "x"},
        {"n": True},
        {"n": 1.0},
        {"n": None},
        {"n": 1, "zz": 2},
        {"n": 1, "f": "3"},
        {"n": 1, "s": 3},
        {"n": 1, "b": 1},
        {"n": 1, "xs": [1, "a"]},
        {"n": 1, "xs": (1, 2)},
        {"n": 1, "d": {"a": "x"}},
        {"n": {"env": "JK_TEST_UNSET"}},
        {"n": {"env": "JK_TEST_TEXT"}},
        {"n": {"env": 5}},
        {"n": {"other": "x"}},
    ],
    ids=str,
)
def test_a_config_class_refuses(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JK_TEST_TEXT", "a secret text")
    monkeypatch.delenv("JK_TEST_UNSET", raising=False)
    assert_refused(lambda dg: run_with(dg, plain_class(dg), config))


@covers("Config")
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"color": "BLUE"},
        {"lit": "b"},
        {"inner": {"x": 9}},
        {"inner": {}},
        {"many": [{"x": 3}, {}]},
        {"pet": {"dog": {"barks": 3}}},
        {"pet": {"cat": {}}},
        {"other": 9},
    ],
    ids=str,
)
def test_enums_literals_nested_and_told_apart_classes(config: Any) -> None:
    assert_same(lambda dg: run_with(dg, rich_class(dg), config))


@covers("Config", aspect=REFUSALS)
@pytest.mark.parametrize(
    "config",
    [
        {"color": "b"},
        {"color": Color.BLUE},
        {"lit": "c"},
        {"inner": {"q": 9}},
        {"inner": None},
        {"many": {"x": 3}},
        {"many": [{"q": 3}]},
        {"pet": {"bird": {}}},
        {"pet": {"kind": "cat"}},
        {"pet": {"cat": {}, "dog": {}}},
        {"alias": 9},
    ],
    ids=str,
)
def test_what_does_not_fit_a_rich_class_is_refused(config: Any) -> None:
    assert_refused(lambda dg: run_with(dg, rich_class(dg), config))


@covers("PermissiveConfig")
def test_a_permissive_class_keeps_what_it_does_not_name() -> None:
    def script(dg: Any) -> Any:
        class Open(dg.PermissiveConfig):
            n: int = 1

        return run_with(dg, Open, {"z": [1, {"a": 2}]}), Open(q=5).q

    assert_same(script)


@covers("Config")
def test_validators_of_the_class_are_heard() -> None:
    def script(dg: Any) -> Any:
        class Checked(dg.Config):
            n: int = pydantic.Field(gt=0)

            @pydantic.field_validator("n")
            @classmethod
            def no_seven(cls, value: int) -> int:
                if value == 7:
                    raise ValueError("seven")
                return value

        outcomes = []
        for n in (1, 0, 7):
            try:
                outcomes.append(run_with(dg, Checked, {"n": n}))
            except pydantic.ValidationError as error:
                outcomes.append(error.errors()[0]["type"])
        return outcomes

    assert_same(script)


@covers("Config")
@pytest.mark.parametrize(
    ("kind", "config"),
    [(int, 3), (str, "a"), (list[int], [1]), (dict, {"a": 1}), (dict[str, int], {"a": 1}), (Any, 5), (float, 3)],
    ids=str,
)
def test_a_config_parameter_may_be_a_plain_type(kind: Any, config: Any) -> None:
    assert_same(lambda dg: run_with(dg, kind, config))


@covers("Config", aspect=REFUSALS)
@pytest.mark.parametrize(
    ("kind", "config"), [(int, "x"), (str, 1), (list[int], ["a"]), (dict[str, int], {"a": "b"})], ids=str
)
def test_a_plain_type_refuses_another(kind: Any, config: Any) -> None:
    assert_refused(lambda dg: run_with(dg, kind, config))


@covers("Config", aspect=REFUSALS)
def test_a_config_object_does_not_change() -> None:
    def script(dg: Any) -> Any:
        plain_class(dg)(n=1).n = 2

    assert_refused(script)


def reader(dg: Any, schema: Any) -> Any:
    """Return a function from config to what ``context.op_config`` is under a legacy schema."""

    @dg.op(config_schema=schema(dg))
    def alpha(context):
        return context.op_config

    @dg.job(name="j")
    def j():
        alpha()

    def read(config: Any) -> Any:
        run_config = None if config is None else {"ops": {"alpha": {"config": config}}}
        return j.execute_in_process(run_config=run_config).output_for_node("alpha")

    return read


SCHEMAS: dict[str, Any] = {
    "dict": lambda dg: {"n": int, "m": dg.Field(int, default_value=2)},
    "shape": lambda dg: dg.Shape({"n": dg.Field(int, is_required=False), "s": dg.Field(str, default_value="x")}),
    "permissive": lambda dg: dg.Permissive({"n": int}),
    "selector": lambda dg: dg.Selector({"a": {"x": dg.Field(int, default_value=1)}, "b": int}),
    "noneable": lambda dg: {"n": dg.Noneable(int), "m": dg.Field(dg.Noneable(str), default_value="q")},
    "array": lambda dg: {"xs": [int], "ys": dg.Field(dg.Array(str), default_value=["a"])},
    "map": lambda dg: {"m": dg.Map(str, int), "k": dg.Field({str: {"v": int}}, is_required=False)},
    "enum": lambda dg: {"e": dg.Field(dg.Enum("E", [dg.EnumValue("x", 1), dg.EnumValue("y")]), default_value="x")},
    "union": lambda dg: {"u": dg.ScalarUnion(int, {"v": int})},
    "source": lambda dg: {
        "s": dg.Field(dg.StringSource, default_value="d"),
        "i": dg.Field(dg.IntSource, is_required=False),
    },
    "scalar": lambda dg: int,
    "nested": lambda dg: {"a": {"b": {"c": dg.Field(int, default_value=7)}}},
    "any": lambda dg: dg.Field(dg.Any, is_required=False),
}
VALUES: list[Any] = [
    None, {}, 3, "x", [1], {"n": 1}, {"n": "x"}, {"n": None}, {"n": 1, "m": 5}, {"n": 1, "zz": 2}, {"s": "t"},
    {"a": {"x": 2}}, {"a": {}}, {"b": 3}, {"a": {}, "b": 1}, {"a": None}, {"xs": [1, 2]}, {"xs": ["a"]},
    {"xs": [], "ys": []},
    {"m": {"a": 1}}, {"m": {"a": "b"}}, {"m": {1: 1}}, {"m": {}, "k": {"q": {"v": 1}}}, {"e": "y"}, {"e": "z"},
    {"u": 3},
    {"u": {"v": 3}}, {"u": "x"}, {"u": {"w": 1}}, {"s": {"env": "JK_TEST_TEXT"}}, {"s": {"env": "JK_TEST_UNSET"}},
    {"i": {"env": "JK_TEST_INT"}}, {"i": {"env": "JK_TEST_TEXT"}}, {"i": 4}, {"a": {"b": {}}}, {"a": {"b": {"c": 1}}},
]  # fmt: skip


@covers("Field", "Shape", "Permissive", "Selector", "Noneable", "Array", "Map", "Enum", "ScalarUnion")
@covers("Field", "Shape", "Permissive", "Selector", "Noneable", "Array", "Map", "Enum", "ScalarUnion", aspect=REFUSALS)
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_legacy_schema_takes_and_refuses_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JK_TEST_TEXT", "text")
    monkeypatch.setenv("JK_TEST_INT", "12")
    monkeypatch.delenv("JK_TEST_UNSET", raising=False)

    def script(dg: Any) -> Any:
        outcomes: list[Any] = []
        read = reader(dg, SCHEMAS[name])
        for value in VALUES:
            try:
                outcomes.append((value, read(value)))
            except dg.DagsterInvalidConfigError:
                outcomes.append((value, "refused"))
        return outcomes

    assert_same(script)


@covers("Field", "Map", "Selector", aspect=REFUSALS)
@pytest.mark.parametrize(
    "make",
    [
        lambda dg: dg.Field(int, default_value=1, is_required=True),
        lambda dg: dg.Field(int, default_value="x"),
        lambda dg: dg.Field(object()),
        lambda dg: dg.Shape({"a": None}),
        lambda dg: dg.Shape({"a": [int, str]}),
        lambda dg: dg.Map(dg.Shape({}), int),
    ],
)
def test_a_schema_that_makes_no_sense_is_refused(make: Any) -> None:
    assert_refused(make)


@covers("EnvVar")
def test_an_environment_variable_says_nothing_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JK_TEST_INT", "12")
    monkeypatch.delenv("JK_TEST_UNSET", raising=False)

    def script(dg: Any) -> Any:
        variable = dg.EnvVar("JK_TEST_INT")
        outcomes = [variable.get_value(), dg.EnvVar("JK_TEST_UNSET").get_value("d")]
        outcomes.append(dg.EnvVar.int("JK_TEST_INT").get_value())
        try:
            str(variable)
        except RuntimeError:
            outcomes.append("refused")
        return outcomes

    assert_same(script)
