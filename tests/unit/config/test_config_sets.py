"""``--set a.b=c`` texts become run config."""

from __future__ import annotations

from typing import Any

import pytest

from jobkernel.errors import InvalidConfig
from jobkernel.model.config import RunConfig
from jobkernel.model.config_schema import Field
from jobkernel.rules.config_schemas import ConfigSchemas, NodeSchema
from jobkernel.rules.config_sets import config_from_sets

SCHEMA = {"n": int, "name": str, "xs": [int], "deep": {"k": str}, "free": dict}


def schemas(**more: Any) -> ConfigSchemas:
    nodes = {
        "alpha": NodeSchema(schema=SCHEMA),
        "plain": NodeSchema(),
        "inner": NodeSchema(nodes={"leaf": NodeSchema(schema=SCHEMA)}),
    }
    return ConfigSchemas(nodes={**nodes, **more}, resources={"db": Field({"url": str, "port": int})})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ops.alpha.config.n=3", {"ops": {"alpha": {"config": {"n": 3}}}}),
        ("alpha.n=3", {"ops": {"alpha": {"config": {"n": 3}}}}),
        ("alpha.config.n=3", {"ops": {"alpha": {"config": {"n": 3}}}}),
        ("alpha.inputs.x=3", {"ops": {"alpha": {"inputs": {"x": 3}}}}),
        ("n=3", {"ops": {"alpha": {"config": {"n": 3}}}}),
        ("inner.leaf.n=3", {"ops": {"inner": {"ops": {"leaf": {"config": {"n": 3}}}}}}),
        ("resources.db.url=x", {"resources": {"db": {"config": {"url": "x"}}}}),
        ("resources.db.config.port=5", {"resources": {"db": {"config": {"port": 5}}}}),
        (
            "execution.config.threads.max_workers=2",
            {"execution": {"config": {"threads": {"max_workers": 2}}}},
        ),
        ("plain.anything=[1, 2]", {"ops": {"plain": {"config": {"anything": [1, 2]}}}}),
    ],
)
def test_a_path_is_spelled_out_or_short(text: str, expected: dict[str, Any]) -> None:
    assert config_from_sets([text], schemas()) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("alpha.name=5", "5"),
        ("alpha.name=true", "true"),
        ("alpha.name=a b=c", "a b=c"),
        ('alpha.name="quoted"', "quoted"),
        ("alpha.deep.k=7", "7"),
        ("alpha.n=x", "x"),
        ("alpha.xs=[1, 2]", [1, 2]),
        ("alpha.free=5", 5),
        ("alpha.name=", ""),
        ("alpha.n=null", None),
    ],
)
def test_a_value_is_json_unless_the_schema_wants_text(text: str, value: Any) -> None:
    config = config_from_sets([text], schemas())["ops"]["alpha"]["config"]
    entry = next(iter(config.values()))
    assert (entry["k"] if isinstance(entry, dict) else entry) == value


def test_several_sets_go_over_each_other_and_over_a_base() -> None:
    base = {"ops": {"alpha": {"config": {"n": 1, "name": "base"}}}, "loggers": {}}

    config = config_from_sets(["alpha.n=2", "alpha.n=3", "resources.db.port=1"], schemas(), base)

    assert config == {
        "ops": {"alpha": {"config": {"n": 3, "name": "base"}}},
        "loggers": {},
        "resources": {"db": {"config": {"port": 1}}},
    }
    assert base["ops"] == {"alpha": {"config": {"n": 1, "name": "base"}}}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("alpha.n", "write path=value"),
        ("=3", "write path=value"),
        ("alfa.n=3", "Did you mean 'alpha'"),
        ("inner.n=3", "names no op"),
        ("zz=3", "names no op"),
    ],
)
def test_a_text_that_names_nothing_is_refused_in_a_sentence(text: str, match: str) -> None:
    with pytest.raises(InvalidConfig, match=match):
        config_from_sets([text], schemas())


def test_a_value_is_set_over_a_run_config_object() -> None:
    base = RunConfig(ops={"alpha": {"config": {"n": 1, "name": "kept"}}})
    found = config_from_sets(["alpha.n=3"], schemas(), base)
    assert found["ops"] == {"alpha": {"config": {"n": 3, "name": "kept"}}}
    assert base.ops == {"alpha": {"config": {"n": 1, "name": "kept"}}}
