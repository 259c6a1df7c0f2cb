"""Run config is checked, merged and handed out; secrets are read late and never kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobkernel.errors import InvalidConfig
from jobkernel.model.config import Config, RunConfig
from jobkernel.model.config_schema import Field, StringSource
from jobkernel.model.definitions import Input, Op
from jobkernel.model.environment import EnvVar
from jobkernel.rules.config_schemas import ConfigSchemas, NodeSchema
from jobkernel.rules.plan import FromConfig, FromValue, Plan, PlannedInput, PlannedStep
from jobkernel.rules.plan_config import fed_from_config, run_config_of_plan
from jobkernel.rules.run_config import NO_CONFIG, resolve_run_config


class Settings(Config):
    url: str = "none"
    n: int = 1


def schemas(**more: Any) -> ConfigSchemas:
    return ConfigSchemas(nodes={"alpha": NodeSchema(schema=Settings, takes_argument=True)}, job_name="j", **more)


def test_an_op_gets_an_object_of_its_class_and_its_plain_values() -> None:
    config = resolve_run_config(schemas(), {"ops": {"alpha": {"config": {"n": 2}}}})

    assert config.for_op(("alpha",)) == Settings(n=2)
    assert config.op_config(("alpha",)) == {"url": "none", "n": 2}
    assert config.for_op(("unknown",)) is None


def test_a_secret_is_read_when_it_is_asked_for_and_never_stored() -> None:
    environment = {"TOKEN": "hidden"}
    given = RunConfig(ops={"alpha": Settings(url=EnvVar("TOKEN"))})

    config = resolve_run_config(schemas(), given, environment=environment)
    environment["TOKEN"] = "changed"

    assert config.for_op(("alpha",)).url == "changed"
    assert "hidden" not in json.dumps(config.stored())
    assert config.stored()["ops"] == {"alpha": {"config": {"url": {"env": "TOKEN"}, "n": 1}}}
    assert "hidden" not in repr(config)


def test_a_secret_that_does_not_fit_is_not_repeated() -> None:
    with pytest.raises(InvalidConfig) as caught:
        resolve_run_config(
            schemas(), {"ops": {"alpha": {"config": {"n": {"env": "PORT"}}}}}, environment={"PORT": "s3cret"}
        )

    assert "PORT does not hold an int" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_missing_variable_is_named_before_the_run_starts() -> None:
    with pytest.raises(InvalidConfig, match="environment variable NOPE is not set; set it, or give the value"):
        resolve_run_config(schemas(), {"ops": {"alpha": {"config": {"url": {"env": "NOPE"}}}}})


def test_defaults_may_come_from_the_environment_too() -> None:
    node = NodeSchema(schema={"url": Field(StringSource, default_value=EnvVar("TOKEN"))})

    config = resolve_run_config(ConfigSchemas(nodes={"alpha": node}), environment={"TOKEN": "t"})

    assert config.op_config(("alpha",)) == {"url": "t"}


def test_what_json_cannot_hold_is_stored_as_text() -> None:
    config = resolve_run_config(
        ConfigSchemas(nodes={"any": NodeSchema()}), {"ops": {"any": {"config": {"at": {1, 2}}}}}
    )

    assert config.stored() == {"ops": {"any": {"config": {"at": "{1, 2}"}}}}
    assert config.op_config(("any",)) == {"at": {1, 2}}


def test_classes_are_checked_on_request_before_the_run() -> None:
    class Positive(Config):
        n: int

        def model_post_init(self, _context: Any) -> None:
            if self.n < 0:
                raise ValueError("n is negative")

    nodes = {"alpha": NodeSchema(schema=Positive, takes_argument=True)}
    config = resolve_run_config(ConfigSchemas(nodes=nodes), {"ops": {"alpha": {"config": {"n": -1}}}})

    with pytest.raises(InvalidConfig, match=r"ops\.alpha\.config: is refused"):
        config.check_classes()


def a_plan(*steps: PlannedStep) -> Plan:
    return Plan(job_name="j", steps={step.key: step for step in steps})


def test_a_plan_without_config_is_not_looked_into() -> None:
    plan = a_plan(*(PlannedStep(key=f"s{i}", op=Op(name=f"s{i}"), path=(f"s{i}",)) for i in range(3)))

    assert run_config_of_plan(plan, None) is NO_CONFIG
    assert run_config_of_plan(plan, {}) is NO_CONFIG


def test_inputs_from_config_become_values_of_the_plan() -> None:
    item = Input(name="x", annotation=int)
    step = PlannedStep(
        key="a", op=Op(name="a", inputs=(item,)), path=("a",), inputs=(PlannedInput(item, (FromConfig(),)),)
    )
    plan = a_plan(step)

    config = run_config_of_plan(plan, {"ops": {"a": {"inputs": {"x": {"value": 3}}}}})

    assert config.input_value(("a",), "x") == 3
    assert fed_from_config(plan, config).steps["a"].inputs[0].feeds == (FromValue(3),)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"ops": {"alpha": {"config": {"n": "x"}}}}, "ops.alpha.config.n: expected an int, got 'x' (str)."),
        ({"ops": {"alfa": {}}}, "ops.alfa: no such entry. Did you mean 'alpha'? Known: alpha."),
        ({"ops": 5}, "ops: expected a dict, got 5 (int)."),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence_with_its_path(config: Any, text: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        resolve_run_config(schemas(), config)
    assert str(caught.value) == f"Run config of 'j' does not fit: {text}"


def test_an_optional_entry_may_be_none_until_the_class_has_the_word() -> None:
    config = resolve_run_config(schemas(), {"ops": {"alpha": {"config": {"n": None}}}})

    assert config.op_config(("alpha",)) == {"url": "none", "n": None}


def test_run_config_is_a_dict_or_a_run_config() -> None:
    with pytest.raises(InvalidConfig, match=r"Run config is a dict or a RunConfig, not 5 \(int\)\."):
        resolve_run_config(schemas(), 5)


def test_a_refusing_validator_does_not_show_what_it_was_given() -> None:
    class Strict(Config):
        token: int

    with pytest.raises(ValueError, match="token") as caught:
        Strict(token="s3cret")
    assert "s3cret" not in str(caught.value)
