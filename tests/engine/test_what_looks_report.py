"""What sensors report beside runs, kept once with their tick: partitions, asset events; and the forms of requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from waiting import eventually

import jobkernel as dg
from jobkernel.engine.opening import open_session
from jobkernel.model.runs import Launch
from jobkernel.notebook.automation_views import why_words

REGIONS = dg.DynamicPartitionsDefinition(name="regions")


@dg.asset(partitions_def=REGIONS)
def shop(context: dg.AssetExecutionContext) -> str:
    return context.partition_key


@dg.asset
def plain() -> int:
    return 1


@dg.asset_check(asset=plain)
def is_one() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=plain)
def is_small() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset
def other(plain: int) -> int:
    return plain + 1


shops = dg.define_asset_job("shops", [shop])
plains = dg.define_asset_job("plains", [plain, other])


@pytest.fixture
def session() -> Iterator[Any]:
    with dg.test_session() as opened:
        opened.add(shop, plain, other, is_one, is_small, shops, plains)
        yield opened


def sensor_giving(session: Any, give: Callable[[Any], Any], **options: Any) -> Any:
    """Add a sensor that is on and gives this at each look; return the tick of its first look."""

    @dg.sensor(name="s", default_status=dg.DefaultSensorStatus.RUNNING, **options)
    def made(context: Any) -> Any:
        return give(context)

    session.add(made)
    session.clock.move(timedelta(0))
    return last_tick(session)


def last_tick(session: Any) -> dict[str, Any]:
    session.history.flush()
    return session.history.query("ticks", automation="s", limit=1)[0]


def runs_of(session: Any, tick: dict[str, Any]) -> list[dict[str, Any]]:
    eventually(lambda: session.history.flush() or not session.launcher.alive())
    session.history.flush()
    return [session.history.query("run", run_id=run_id)[0] for run_id in tick["run_ids"] or ()]


def keys(session: Any) -> list[str]:
    return list(dg.DagsterInstance(session).get_dynamic_partitions("regions"))


def test_keys_are_added_before_the_runs_that_name_them(session: Any) -> None:
    result = dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key="eu")],
        dynamic_partitions_requests=[REGIONS.build_add_request(["eu", "us"])],
    )
    tick = sensor_giving(session, lambda _: result, job=shops)

    assert (tick["status"], tick["error"]) == ("SUCCESS", None)
    assert keys(session) == ["eu", "us"]
    assert [(row["status"], row["partition_key"]) for row in runs_of(session, tick)] == [("SUCCESS", "eu")]
    assert tick["details"]["partitions_changed"] == [{"partitions": "regions", "added": ["eu", "us"], "skipped": []}]


def test_keys_that_are_there_are_not_added_again_and_missing_ones_not_deleted(session: Any) -> None:
    dg.DagsterInstance(session).add_dynamic_partitions("regions", ["eu"])
    result = dg.SensorResult(
        dynamic_partitions_requests=[
            REGIONS.build_add_request(["eu", "asia"]),
            REGIONS.build_delete_request(["moon"]),
        ]
    )
    tick = sensor_giving(session, lambda _: result, job=shops)

    assert tick["status"] == "SKIPPED"
    assert keys(session) == ["eu", "asia"]
    assert tick["details"]["partitions_changed"] == [
        {"partitions": "regions", "added": ["asia"], "skipped": ["eu"]},
        {"partitions": "regions", "deleted": [], "skipped": ["moon"]},
    ]
    assert "asia added to partitions 'regions'; nothing deleted from partitions 'regions'" in str(why_words(tick))


def test_a_request_for_a_key_that_is_deleted_beside_it_fails_and_nothing_is_deleted(session: Any) -> None:
    dg.DagsterInstance(session).add_dynamic_partitions("regions", ["eu"])
    result = dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key="eu")],
        dynamic_partitions_requests=[REGIONS.build_delete_request(["eu"])],
    )
    tick = sensor_giving(session, lambda _: result, job=shops)

    assert tick["status"] == "FAILURE"
    assert "No partition 'eu' exists" in tick["error"]["message"]
    assert keys(session) == ["eu"]


def test_a_tick_that_is_claimed_twice_changes_keys_once(session: Any) -> None:
    result = dg.SensorResult(dynamic_partitions_requests=[REGIONS.build_add_request(["eu"])])
    sensor_giving(session, lambda _: result, job=shops)
    event = next(
        row for row in session.history.sql("select body from events where event_type = 'TICK_SKIPPED'").fetchall()
    )
    before = settings(session)
    tick = {"name": "s", "tick_id": last_tick(session)["tick_id"], "token": last_tick(session)["details"]["token"]}
    also = {
        "automation_type": "SENSOR",
        "status": "SKIPPED",
        "beside": [("SETTING_CHANGED", {"name": "x", "value": 1})],
    }
    answers = session.history.request("claim_ticks", ticks=[tick | also])

    assert event is not None
    assert answers[0]["claimed"] is True
    assert settings(session) == before


def settings(session: Any) -> list[str]:
    return [row["name"] for row in session.history.query("settings")]


def test_a_claim_that_another_kernel_has_changes_nothing(session: Any) -> None:
    sensor_giving(session, lambda _: dg.SkipReason("no"), job=shops)
    before = settings(session)
    tick = {"name": "s", "tick_id": "s@later", "token": 10**9, "automation_type": "SENSOR", "status": "SKIPPED"}
    beside = [("SETTING_CHANGED", {"name": "x", "value": 1})]
    answers = session.history.request("claim_ticks", ticks=[{**tick, "beside": beside}])

    assert answers[0] == {"claimed": False, "why": "lease"}
    assert settings(session) == before


def test_asset_events_are_reported_and_known_at_once(session: Any) -> None:
    made = dg.AssetMaterialization("outside", metadata={"rows": 3}, tags={"dagster/data_version": "v7"})
    seen = dg.AssetObservation("outside", partition="p")
    checked = dg.AssetCheckEvaluation(asset_key="plain", check_name="is_one", passed=False, description="no")
    tick = sensor_giving(session, lambda _: dg.SensorResult(asset_events=[made, seen, checked]), job=plains)

    assert tick["status"] == "SKIPPED"
    assert tick["details"]["assets_reported"] == {
        "count": 3,
        "first": [
            {"event": "ASSET_MATERIALIZATION", "asset_key": "outside"},
            {"event": "ASSET_OBSERVATION", "asset_key": "outside", "partition_key": "p"},
            {"event": "ASSET_CHECK_EVALUATION", "asset_key": "plain", "check_name": "is_one"},
        ],
    }
    assert session.states.made("outside").data_version == "v7"
    assert session.states.check("plain", "is_one").passed is False
    rows = session.history.query("materializations", asset_key="outside", limit=5)
    assert [row["metadata"]["rows"]["value"] for row in rows] == [3]


def test_an_asset_sensor_and_a_condition_hear_of_a_reported_materialization(session: Any) -> None:
    @dg.asset(deps=["outside"], automation_condition=dg.AutomationCondition.eager())
    def below() -> int:
        return 1

    @dg.asset_sensor(asset_key=dg.AssetKey("outside"), job=plains, default_status=dg.DefaultSensorStatus.RUNNING)
    def hears(context: Any, event: Any) -> Any:
        return dg.RunRequest(run_key=context.cursor)

    session.add(dg.Definitions(assets=[dg.AssetSpec("outside"), below], sensors=[hears]))
    session.automations.switch("default_automation_condition_sensor", on=True)
    session.clock.move(timedelta(seconds=1))
    sensor_giving(session, lambda _: dg.SensorResult(asset_events=[dg.AssetMaterialization("outside")]), job=plains)
    session.clock.move(timedelta(seconds=31))
    eventually(lambda: session.states.made("below") is not None and session.states.made("other") is not None)


def test_what_a_preview_gave_is_reported_when_it_is_launched(session: Any) -> None:
    result = dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key="eu")],
        dynamic_partitions_requests=[REGIONS.build_add_request(["eu"])],
        asset_events=[dg.AssetMaterialization("outside")],
    )

    @dg.sensor(name="quiet", job=shops)
    def quiet(_context: Any) -> Any:
        return result

    session.add(quiet)
    preview = session.automations.preview("quiet")
    assert (preview.refusal, keys(session)) == (None, [])
    assert "eu would be added to partitions 'regions'" in repr(preview)
    assert "1 asset event would be reported" in repr(preview)
    handles = preview.launch()

    assert keys(session) == ["eu"]
    assert handles[0].wait(20).status == "SUCCESS"
    assert session.states.made("outside") is not None


def made_by(session: Any, tick: dict[str, Any]) -> list[tuple[list[str], list[str]]]:
    """Return of each run the assets that it made and the checks that it evaluated."""
    found = []
    for run in runs_of(session, tick):
        rows = session.history.query("run_events", run_id=run["run_id"])
        of = [(row["event_type"], row["body"]) for row in rows]
        assets = [body["asset_key"] for word, body in of if word == "ASSET_MATERIALIZATION"]
        checks = [body["check_name"] for word, body in of if word == "ASSET_CHECK_EVALUATION"]
        found.append((sorted(assets), sorted(checks)))
    return found


ONE = dg.AssetCheckKey(dg.AssetKey("plain"), "is_one")


@pytest.mark.parametrize(
    ("request_", "made"),
    [
        (dg.RunRequest(), (["other", "plain"], ["is_one", "is_small"])),
        (dg.RunRequest(asset_selection=[dg.AssetKey("plain")]), (["plain"], ["is_one", "is_small"])),
        (dg.RunRequest(asset_selection=[dg.AssetKey("plain")], asset_check_keys=[ONE]), (["plain"], ["is_one"])),
        (dg.RunRequest(asset_selection=[dg.AssetKey("plain")], asset_check_keys=[]), (["plain"], [])),
    ],
)
def test_a_request_makes_the_assets_and_checks_that_it_names(
    session: Any, request_: Any, made: tuple[list[str], list[str]]
) -> None:
    assert made_by(session, sensor_giving(session, lambda _: request_, job=plains)) == [made]


def test_a_request_for_a_check_alone_makes_no_asset(session: Any) -> None:
    session.launch(session.plan(["plain"]), Launch()).wait(20)
    tick = sensor_giving(session, lambda _: dg.RunRequest(asset_check_keys=[ONE], asset_selection=[]), job=plains)

    assert made_by(session, tick) == [([], ["is_one"])]


def test_a_request_for_an_asset_of_no_job_fails_in_a_sentence(session: Any) -> None:
    tick = sensor_giving(session, lambda _: dg.RunRequest(asset_selection=[dg.AssetKey("shop")]), job=plains)

    assert tick["status"] == "FAILURE"
    assert tick["error"]["message"] == "Sensor 's' asks for 'shop', which job 'plains' does not make."


def test_only_what_is_stale_is_made_and_nothing_where_nothing_is(session: Any) -> None:
    give = dg.RunRequest(stale_assets_only=True)
    session.launch(session.plan(["plain"]), Launch()).wait(20)
    first = sensor_giving(session, lambda _: give, job=plains)
    made = made_by(session, first)
    session.clock.move(timedelta(seconds=31))
    second = last_tick(session)

    assert made == [(["other"], [])]
    assert (second["status"], second["run_ids"]) == ("SKIPPED", None)
    assert second["skip_reason"] == "Nothing that was asked for is stale."


def test_a_schedule_takes_the_same_requests(session: Any) -> None:
    dg.DagsterInstance(session).add_dynamic_partitions("regions", ["eu"])

    @dg.schedule(name="s", cron_schedule="* * * * *", job=shops, default_status=dg.DefaultScheduleStatus.RUNNING)
    def minutely(context: Any) -> Any:
        return dg.RunRequest(partition_key="eu", run_key="k", tags={"a": "b"}, asset_selection=[dg.AssetKey("shop")])

    session.add(minutely)
    session.clock.move(timedelta(seconds=61))
    run = runs_of(session, last_tick(session))[0]

    assert run["status"] == "SUCCESS"
    wanted = {"a": "b", "dagster/partition": "eu", "dagster/run_key": "k", "dagster/schedule_name": "s"}
    assert wanted.items() <= run["tags"].items()


def test_a_check_whose_condition_is_true_is_evaluated_alone(session: Any) -> None:
    newly = dg.AutomationCondition.newly_updated()

    @dg.asset
    def watched() -> int:
        return 1

    @dg.asset_check(asset=watched, automation_condition=dg.AutomationCondition.asset_matches("watched", newly))
    def looks_at_it() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    session.add(watched, looks_at_it)
    session.automations.switch("default_automation_condition_sensor", on=True)
    session.clock.move(timedelta(seconds=30))
    session.launch(session.planner.plan(["watched"], checks=set()), Launch()).wait(20)
    session.clock.move(timedelta(seconds=30))
    eventually(lambda: session.states.check("watched", "looks_at_it") is not None)
    session.history.flush()
    evaluated = session.conditions.latest_evaluation("watched:looks_at_it")

    assert made_by(session, evaluated) == [([], ["looks_at_it"])]


def words_of(session: Any, *keys: str) -> list[str]:
    words = session.freshness.status_words()
    return [words[key] for key in keys]


def tells(session: Any, key: str, partition: str | None = None) -> None:
    """Report an asset from outside, a second later."""
    session.clock.move(timedelta(seconds=1))
    dg.DagsterInstance(session).report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))


def test_what_a_sensor_reports_of_an_asset_of_here_is_fresh_until_what_is_above_it_is_made(session: Any) -> None:
    session.launch(session.plan(["plain"]), Launch()).wait(20)
    session.clock.move(timedelta(seconds=1))
    sensor_giving(session, lambda _: dg.SensorResult(asset_events=[dg.AssetMaterialization("other")]), job=plains)
    assert words_of(session, "plain", "other") == ["fresh", "fresh"]
    session.automations.switch("s", on=False)
    session.clock.move(timedelta(seconds=1))
    session.launch(session.plan(["plain"]), Launch()).wait(20)
    assert words_of(session, "plain", "other") == ["fresh", "stale"]


def test_reported_partitions_are_fresh_until_what_they_need_is_made() -> None:
    days = dg.StaticPartitionsDefinition(["1", "2"])

    @dg.asset(partitions_def=days)
    def raw() -> int:
        return 1

    @dg.asset(partitions_def=days, deps=[raw])
    def clean() -> int:
        return 1

    @dg.asset(deps=[clean])
    def summary() -> int:
        return 1

    with dg.test_session() as session:
        session.add(raw, clean, summary)
        for key in ("raw", "clean"):
            for day in ("1", "2"):
                tells(session, key, day)
        tells(session, "summary")
        assert words_of(session, "raw", "clean", "summary") == ["fresh", "fresh", "fresh"]
        session.clock.move(timedelta(seconds=1))
        session.launch(session.plan(["raw"]), Launch(partition_key="2")).wait(20)
        assert dict(session.freshness.partitions("clean").words) == {"1": "fresh", "2": "stale"}
        assert words_of(session, "raw", "clean", "summary") == ["fresh", "stale", "stale"]
        tells(session, "clean", "2")
        assert words_of(session, "raw", "clean", "summary") == ["fresh", "fresh", "stale"]
        tells(session, "summary")
        assert words_of(session, "summary") == ["fresh"]


def test_a_kernel_that_comes_later_judges_reports_the_same(tmp_path: Any) -> None:
    @dg.asset
    def above() -> int:
        return 1

    @dg.asset(deps=[above])
    def below() -> int:
        return 1

    for reported, words in (
        ("above", ["fresh", "never"]),
        ("below", ["fresh", "fresh"]),
        ("above", ["fresh", "stale"]),
    ):
        with closing(open_session(folder=tmp_path).session) as session:
            session.add(above, below)
            dg.DagsterInstance(session).report_runless_asset_event(dg.AssetMaterialization(reported))
            assert words_of(session, "above", "below") == words
