"""Old ticks go with old runs; run keys, cursors, switches and what a schedule has decided stay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scheduled import a_world

from jobkernel.model.automation import RunRequest


def test_pruning_forgets_ticks_and_never_what_schedules_and_sensors_go_by() -> None:
    def look(context: Any) -> Any:
        context.update_cursor("7")
        return RunRequest(run_key="k")

    with a_world() as world:
        history, automations = world.session.history, world.session.automations
        world.sensor(look)
        world.schedule("0 0 * * *", on=False)
        automations.switch("nightly", True)
        world.clock.move(timedelta(minutes=1))
        assert (world.statuses("watch")[:2], world.statuses("nightly")) == (["SUCCESS", "SKIPPED"], ["SUCCESS"])

        automations.switch("watch", False)
        world.clock._now += timedelta(days=90)  # nobody looks meanwhile
        gone = history.request("prune")
        assert gone["ticks"] >= 3
        assert world.rows() == []
        kept = {row["name"]: row for row in history.query("automations")}
        assert (kept["watch"]["cursor"], kept["watch"]["is_on"], kept["nightly"]["is_on"]) == ("7", False, True)
        assert kept["nightly"]["scheduled_us"] is not None

        automations.switch("watch", True)
        world.clock.move(timedelta(minutes=1))
        assert world.why("watch") == "A run was launched before for run key 'k'."
        assert world.statuses("nightly") == ["MISSED", "SUCCESS"]  # 89 nights in one row, and the newest
        assert world.rows("nightly")[0]["details"]["count"] == 89
