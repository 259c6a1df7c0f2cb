"""Ticks are claimed once, run keys are given once, leases go on: through a real store, in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from jobkernel.clock import SystemClock
from jobkernel.model import events as ev
from jobkernel.model.events import Event
from jobkernel.storage import leases
from jobkernel.storage.desk import Desk
from jobkernel.storage.encoding import stored
from jobkernel.storage.process import this_process
from jobkernel.storage.store import Store


class Kernel:
    """A peer of a desk, which notes what it is told."""

    def __init__(self, desk: Desk, notebook: str = "a.ipynb") -> None:
        self.desk = desk
        self.who = this_process(None, None, notebook)
        self.number, _ = desk.committer.call(lambda: desk.store.register(self.who, 1))
        self.told: list[tuple[str, dict[str, Any]]] = []
        desk.join(self)

    def push(self, name: str, **fields: Any) -> None:
        self.told.append((name, fields))

    def ask(self, operation: str, **fields: Any) -> Any:
        return self.desk.handle(self, operation, fields)

    def hold(self, *names: str, gives_way: bool = False) -> dict[str, int]:
        tokens: dict[str, int] = self.ask("hold_automations", names=list(names), gives_way=gives_way)["tokens"]
        return tokens

    def claim(self, name: str, at: int, token: int, *keys: str | None, **fields: Any) -> dict[str, Any]:
        requests = [{"run_id": f"{name}{at}{place}", "run_key": key} for place, key in enumerate(keys)]
        tick = {
            "name": name,
            "automation_type": "SCHEDULE",
            "tick_id": f"{name}@{at}",
            "token": token,
            "scheduled_us": at,
            "evaluated_us": at,
            "status": "STARTED" if keys else "SKIPPED",
            "requests": requests,
        }
        answer: dict[str, Any] = self.ask("claim_ticks", ticks=[{**tick, **fields}])[0]
        return answer

    def sensed(self, name: str, at: int, token: int, *keys: str | None) -> dict[str, Any]:
        return self.claim(name, at, token, *keys, automation_type="SENSOR", keeps_keys=True, scheduled_us=None)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(Store.open(), SystemClock(), None)
    yield desk
    desk.close()


def rows(desk: Desk, sql: str) -> list[Any]:
    found: list[Any] = desk.store.cursor().execute(sql).fetchall()
    return found


def test_a_time_of_a_schedule_is_claimed_once_and_never_an_earlier_one(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("nightly")["nightly"]
    assert kernel.claim("nightly", 200, token, None) == {
        "claimed": True,
        "status": "STARTED",
        "run_ids": ["nightly2000"],
    }
    assert kernel.claim("nightly", 200, token, None, tick_id="other") == {"claimed": False, "why": "taken"}
    assert kernel.claim("nightly", 100, token, None) == {"claimed": False, "why": "taken"}
    assert kernel.claim("nightly", 300, token)["claimed"] is True
    assert rows(desk, "select tick_id, status from ticks order by scheduled_at") == [
        ("nightly@200", "STARTED"),
        ("nightly@300", "SKIPPED"),
    ]


def test_a_claim_that_is_sent_again_has_the_same_answer(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("nightly")["nightly"]
    first = kernel.claim("nightly", 200, token, None)
    assert kernel.claim("nightly", 200, token, None) == first
    assert rows(desk, "select count(*) from events where event_type = 'TICK_STARTED'") == [(1,)]


def test_claims_of_one_batch_see_each_other(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("s")["s"]
    tick = {"name": "s", "automation_type": "SENSOR", "token": token, "evaluated_us": 1, "keeps_keys": True}
    ticks = [
        {**tick, "tick_id": str(place), "status": "STARTED", "requests": [{"run_id": f"r{place}", "run_key": "k"}]}
        for place in range(2)
    ]
    answers = kernel.ask("claim_ticks", ticks=ticks)
    assert [answer["run_ids"] for answer in answers] == [["r0"], []]
    assert [answer["status"] for answer in answers] == ["STARTED", "SKIPPED"]


def test_a_run_key_is_given_once_until_it_is_reset(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("s")["s"]
    assert kernel.sensed("s", 1, token, "a", "b", "a")["run_ids"] == ["s10", "s11"]
    again = kernel.sensed("s", 2, token, "a")
    assert (again["status"], again["run_ids"]) == ("SKIPPED", [])
    assert rows(desk, "select skip_reason from ticks where tick_id = 's@2'") == [
        ("A run was launched before for run key 'a'.",)
    ]
    body: dict[str, Any] = {"name": "s", "run_keys": ["a"]}
    desk.committer.call(lambda: desk.record([Event(ev.RUN_KEYS_RESET, None, None, 3, body)]))
    assert kernel.sensed("s", 3, token, "a", "b")["run_ids"] == ["s30"]
    desk.committer.call(lambda: desk.record([Event(ev.RUN_KEYS_RESET, None, None, 4, {"name": "s", "run_keys": None})]))
    assert kernel.sensed("s", 4, token, "a", "b")["run_ids"] == ["s40", "s41"]
    assert kernel.sensed("s", 5, token, "b", None)["run_ids"] == ["s51"]


def test_all_run_keys_of_one_tick_are_kept_and_each_is_reset_alone(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("s")["s"]
    kernel.sensed("s", 1, token, "a", "b", "c")
    kept = "select run_key, run_id from kept.run_key order by run_key"
    assert rows(desk, kept) == [("a", "s10"), ("b", "s11"), ("c", "s12")]

    body: dict[str, Any] = {"name": "s", "run_keys": ["b"]}
    desk.committer.call(lambda: desk.record([Event(ev.RUN_KEYS_RESET, None, None, 2, body)]))

    assert rows(desk, kept) == [("a", "s10"), ("b", None), ("c", "s12")]


def test_a_schedule_may_use_its_run_keys_again_at_the_next_time(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("nightly")["nightly"]
    assert len(kernel.claim("nightly", 100, token, "x", "y")["run_ids"]) == 2
    assert len(kernel.claim("nightly", 200, token, "x", "y")["run_ids"]) == 2


def test_one_kernel_has_a_lease_and_the_next_in_line_has_it_when_it_is_gone(desk: Desk) -> None:
    one, two, three = Kernel(desk), Kernel(desk), Kernel(desk)
    token = one.hold("nightly")["nightly"]
    assert [two.hold("nightly"), three.hold("nightly")] == [{}, {}]
    assert two.claim("nightly", 100, token, None) == {"claimed": False, "why": "lease"}
    desk.leave(one)
    [(name, fields)] = two.told
    assert (name, fields["automation"], fields["token"] > token) == ("lease", "nightly", True)
    assert one.claim("nightly", 100, token, None) == {"claimed": False, "why": "lease"}
    assert two.claim("nightly", 100, fields["token"], None)["claimed"] is True
    two.ask("release_automations", names=["nightly"])
    assert [name for name, _ in three.told] == ["lease"]


def test_a_silent_holder_loses_its_lease_and_is_told_when_it_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Kernel(desk), Kernel(desk)
    token = one.hold("nightly")["nightly"]
    two.hold("nightly")
    two.ask("beat")
    assert two.told == []
    monkeypatch.setattr(leases, "SILENCE_S", 0.0)
    time.sleep(0.01)
    two.ask("beat")
    assert [name for name, _ in two.told] == ["lease"]
    assert one.told == [("lease_lost", {"automation": "nightly"})]
    assert one.claim("nightly", 100, token, None) == {"claimed": False, "why": "lease"}


def test_a_silent_holder_keeps_what_nobody_waits_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Kernel(desk), Kernel(desk)
    token = one.hold("nightly")["nightly"]
    monkeypatch.setattr(leases, "SILENCE_S", 0.0)
    two.ask("beat")
    assert one.claim("nightly", 100, token, None)["claimed"] is True


def test_a_headless_kernel_gives_way_to_one_that_a_person_has_open(desk: Desk) -> None:
    headless, opened = Kernel(desk), Kernel(desk)
    old = headless.hold("nightly", gives_way=True)["nightly"]
    assert opened.hold("nightly")["nightly"] > old
    assert headless.told == [("lease_lost", {"automation": "nightly"})]
    desk.leave(opened)
    assert [name for name, _ in headless.told] == ["lease_lost", "lease"]


def test_a_lease_of_an_earlier_server_is_kept(desk: Desk) -> None:
    who = Kernel(desk)
    desk.join(who, leases={"nightly": 7})
    assert who.claim("nightly", 100, 7, None)["claimed"] is True
    other = Kernel(desk)
    desk.join(other, leases={"nightly": 9})
    assert other.claim("nightly", 200, 9, None) == {"claimed": False, "why": "lease"}
    assert other.told == [("lease_lost", {"automation": "nightly"})]
    desk.leave(who)
    assert [(name, fields["token"] > 9) for name, fields in other.told[1:]] == [("lease", True)]


def test_who_waited_with_an_earlier_server_still_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, waiter = Kernel(desk), Kernel(desk)
    desk.join(waiter, leases={"nightly": 0, "hourly": 0})
    waiter.ask("beat")
    assert waiter.told == []  # the owner may be on its way
    desk.join(owner, leases={"nightly": 7})
    monkeypatch.setattr(leases, "SILENCE_S", 0.001)
    time.sleep(0.01)
    owner.ask("beat")
    waiter.ask("beat")
    assert [(name, fields["automation"]) for name, fields in waiter.told] == [("lease", "hourly")]
    desk.leave(owner)
    assert [(name, fields["automation"]) for name, fields in waiter.told[1:]] == [("lease", "nightly")]


def test_a_beat_says_what_the_client_has(desk: Desk) -> None:
    kernel = Kernel(desk)
    tokens = kernel.hold("nightly", "hourly")
    assert kernel.ask("beat") == (2, sum(tokens.values()))
    answer = kernel.ask("hold_automations", names=["hourly"], no_others=True)
    assert answer["tokens"] == {"hourly": tokens["hourly"]}
    assert kernel.ask("beat") == (1, tokens["hourly"])


def test_the_owner_is_told_what_another_kernel_switched(desk: Desk) -> None:
    owner, other = Kernel(desk), Kernel(desk)
    token = owner.hold("nightly")["nightly"]
    other.ask("tell_owner", name="nightly")
    owner.ask("tell_owner", name="nightly")
    assert owner.told == [("lease", {"automation": "nightly", "token": token})]


def test_a_clock_that_was_far_ahead_keeps_no_tick_back(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("nightly")["nightly"]
    now, far = desk.clock.now_us(), desk.clock.now_us() + 10 * 86_400_000_000
    assert kernel.claim("nightly", far, token, None)["claimed"] is True
    assert kernel.claim("nightly", now, token, None)["claimed"] is True
    assert kernel.claim("nightly", now - 1, token, None) == {"claimed": False, "why": "taken"}


def test_times_of_what_was_off_count_from_when_it_is_on(desk: Desk) -> None:
    Kernel(desk)

    def note(at: int, word: str, **body: Any) -> Any:
        event = Event(word, None, None, at, {"name": "nightly", **body})
        desk.committer.call(lambda: desk.record([event]))
        return rows(desk, "select is_on, since_us from kept.automation")[0]

    crons = {"crons": ["0 0 * * *"], "timezone": "UTC"}
    assert note(1, ev.AUTOMATION_CHANGED, **crons, counts=False) == (None, None)
    assert note(2, ev.AUTOMATION_CHANGED, **crons, counts=True) == (None, 2)
    assert note(3, ev.AUTOMATION_SWITCHED, on=True, counts=True) == (True, 2)
    assert note(4, ev.AUTOMATION_SWITCHED, on=False, counts=False) == (False, None)
    assert note(5, ev.AUTOMATION_SWITCHED, on=None, counts=True) == (None, 5)
    assert note(6, ev.AUTOMATION_CHANGED, crons=["0 1 * * *"], timezone="UTC", counts=True) == (None, 6)


def test_a_tick_whose_kernel_died_is_told_to_the_next_owner(desk: Desk) -> None:
    one = Kernel(desk)
    one.who = one.who._replace(client_id="dead", pid=2**22 + 1)
    desk.committer.call(lambda: desk.store.register(one.who, 1))
    desk.join(one)
    one.claim("nightly", 100, one.hold("nightly")["nightly"], None)
    desk.leave(one)
    two = Kernel(desk)
    answer = two.ask("hold_automations", names=["nightly"])
    assert [tick["tick_id"] for tick in answer["unfinished"]] == ["nightly@100"]
    assert answer["unfinished"][0]["details"]["requests"] == [{"run_id": "nightly1000", "run_key": None}]
    assert answer["states"]["nightly"]["scheduled_us"] == 100


def test_rows_of_automations_made_anew_from_the_log_are_the_same(desk: Desk) -> None:
    kernel = Kernel(desk)
    token = kernel.hold("s")["s"]
    desk.committer.call(
        lambda: desk.record(
            [
                Event(ev.AUTOMATION_CHANGED, None, None, 5, {"name": "s", "crons": ["* * * * *"], "timezone": "UTC"}),
                Event(ev.AUTOMATION_SWITCHED, None, None, 6, {"name": "s", "on": True}),
            ]
        )
    )
    kernel.sensed("s", 10, token, "a", "b")
    kernel.claim("s", 11, token, automation_type="SENSOR", scheduled_us=None, new_cursor="c1")
    error = {"type": "ValueError", "message": "no"}
    kernel.claim("s", 12, token, automation_type="SENSOR", scheduled_us=None, status="FAILURE", error=error)
    desk.committer.call(lambda: desk.record([Event(ev.TICK_SUCCESS, None, None, 20, {"tick_id": "s@10", "name": "s"})]))
    tables = ("automation", "tick", "run_key")
    before = [rows(desk, f"select * from kept.{table} order by row_seq") for table in tables]
    assert before[0][0][9:12] == (12, "c1", 1)
    desk.handle(kernel, "rebuild", {})
    assert [rows(desk, f"select * from kept.{table} order by row_seq") for table in tables] == before


def test_events_of_an_own_client_end_a_tick(desk: Desk) -> None:
    from jobkernel.storage.store import Batch

    kernel = Kernel(desk)
    kernel.claim("nightly", 100, kernel.hold("nightly")["nightly"], None)
    event = Event(ev.TICK_SUCCESS, None, None, 150, {"tick_id": "nightly@100", "name": "nightly", "run_ids": ["r"]})
    done: list[Any] = []
    desk.append(Batch(kernel.number, 1, [stored(event)]), lambda *answer: done.append(answer))
    desk.committer.call(lambda: None)
    assert rows(desk, "select status, run_ids, epoch_us(ended_at) from ticks") == [("SUCCESS", '["r"]', 150)]
