"""Jobs of both libraries at module level, where Dagster's ``reconstructable`` finds them, that fail when told to."""

from __future__ import annotations

import os
from typing import Any

from harness import dagster

import jobkernel

BROKEN = "JOBKERNEL_TEST_BROKEN"


def broken(*names: str) -> None:
    """Let the steps of these names fail from now on, and no others."""
    os.environ[BROKEN] = " ".join(names)


def check(name: str) -> None:
    """Raise where the step is to fail."""
    if name in os.environ.get(BROKEN, "").split():
        raise ValueError(f"{name} is broken")


def _op(dg: Any, name: str, **options: Any) -> Any:
    def body(context, **inputs):
        check(context.op.name if context.get_mapping_key() is None else f"{context.op.name}{context.get_mapping_key()}")
        return name + "".join(str(inputs[key]) for key in sorted(inputs))

    return dg.op(name=name, **options)(body)


def fixture_5(dg: Any) -> Any:
    """G5 of the inventory: a diamond with a tail, a branch not taken, and a mapped part."""
    a, b = _op(dg, "a"), _op(dg, "b", ins={"x": dg.In()})
    c, d = _op(dg, "c", ins={"x": dg.In()}), _op(dg, "d", ins={"x": dg.In(), "y": dg.In()})
    e, onl = _op(dg, "e", ins={"x": dg.In()}), _op(dg, "onl", ins={"x": dg.In()})
    onr, aft = _op(dg, "onr", ins={"x": dg.In()}), _op(dg, "aft", ins={"x": dg.In()})
    mul = _op(dg, "mul", ins={"x": dg.In()})

    @dg.op(out={"l": dg.Out(is_required=False), "r": dg.Out(is_required=False)})
    def br():
        yield dg.Output("l", "l")

    @dg.op(out=dg.DynamicOut())
    def dyn():
        check("dyn")
        for key in "012":
            yield dg.DynamicOutput(key, key)

    @dg.op
    def tot(xs):
        return "+".join(xs)

    @dg.job(name="g5", executor_def=dg.in_process_executor, tags={"team": "x"})
    def g5():
        start = a()
        e(d(x=b(start), y=c(start)))
        left, right = br()
        aft(onl(left))
        onr(right)
        tot(dyn().map(mul).collect())

    return g5


def fixture_6(dg: Any) -> Any:
    """G6 of the inventory: a diamond, and one step alone."""
    a, b = _op(dg, "a"), _op(dg, "b", ins={"x": dg.In()})
    c, d = _op(dg, "c", ins={"x": dg.In()}), _op(dg, "d", ins={"x": dg.In(), "y": dg.In()})
    e = _op(dg, "e")

    @dg.job(name="g6", executor_def=dg.in_process_executor, tags={"team": "x"})
    def g6():
        start = a()
        d(x=b(start), y=c(start))
        e()

    return g6


def assets_job(dg: Any) -> Any:
    """Two assets, the second of the first."""

    @dg.asset
    def up():
        check("up")
        return 5

    @dg.asset
    def down(up):
        check("down")
        return up + 1

    job = dg.define_asset_job("both", executor_def=dg.in_process_executor)
    return dg.Definitions(assets=[up, down], jobs=[job]).resolve_job_def("both")


def g5_of_dagster() -> Any:
    return fixture_5(dagster())


def g5_of_jobkernel() -> Any:
    return fixture_5(jobkernel)


def g6_of_dagster() -> Any:
    return fixture_6(dagster())


def g6_of_jobkernel() -> Any:
    return fixture_6(jobkernel)


def assets_of_dagster() -> Any:
    return assets_job(dagster())


def assets_of_jobkernel() -> Any:
    return assets_job(jobkernel)


def the_job(dg: Any, name: str) -> Any:
    """Return a job as ``execute_job`` takes it."""
    return dg.reconstructable(globals()[f"{name}_of_{dg.__name__}"])


def instance_of(dg: Any) -> Any:
    """Return an instance that keeps runs and values for the length of a test."""
    return dg.DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}})
