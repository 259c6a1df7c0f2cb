"""Kernels and servers are killed at random moments; what was acknowledged must be in the history, once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from conftest import kill, spawn
from waiting import eventually

from jobkernel.storage.client import HistoryClient
from jobkernel.storage.place import place_of

WRITER = Path(__file__).with_name("ledger_writer.py")
ROUNDS = 12
MANY_ROUNDS = int(os.environ.get("JOBKERNEL_KILL_ROUNDS", "200"))


def start_writer(project: Path, ledger: Path, linger_s: float) -> subprocess.Popen[bytes]:
    return spawn(str(WRITER), str(project), str(ledger), str(linger_s), stderr=subprocess.PIPE)


def pid_on_file(project: Path) -> int | None:
    """Return the server's pid without asking it, so that servers are also met while they start or leave."""
    try:
        return int(json.loads(place_of(project).server_file.read_text())["pid"])
    except (OSError, ValueError, KeyError):
        return None


def kill_at_random(project: Path, ledger: Path, rounds: int, dice: random.Random) -> int:
    """Kill kernel, server or both, again and again; return how often a server was killed."""
    killed = 0
    writer = start_writer(project, ledger, dice.choice([0.0, 0.1]))
    for _ in range(rounds):
        victim = dice.choice(["kernel", "server", "both"])
        if dice.random() < 0.7:
            size = ledger.stat().st_size if ledger.exists() else 0
            eventually(lambda size=size: ledger.exists() and ledger.stat().st_size > size)
        time.sleep(dice.random() * dice.choice([0.05, 0.5]))
        if victim != "kernel" and (pid := pid_on_file(project)):
            kill(pid)
            killed += 1
        if victim != "server":
            kill(writer.pid)
            writer.communicate()
            writer = start_writer(project, ledger, dice.choice([0.0, 0.1]))
        assert writer.poll() is None, writer.communicate()[1].decode()
    kill(writer.pid)
    writer.communicate()
    return killed


def check(project: Path, ledger: Path) -> None:
    acknowledged = ledger.read_text().split()
    client = HistoryClient.connect(project, linger_s=0.0)
    rows = client.sql(
        "select count(*), count(distinct body ->> 'token') from events where body ->> 'token' is not null"
    )
    assert len(set(rows.fetchall()[0])) == 1, "an event is there twice"
    kept: set[str] = set()
    after = 0
    while found := client.query("events", after_seq=after, limit=2_000):
        kept.update((row["body"] or {}).get("token", "") for row in found)
        after = found[-1]["seq"]
    assert set(acknowledged) <= kept
    assert len(acknowledged) > 0
    eventually(lambda: client.query("open_runs") == [])
    names = ("latest_runs", "asset_states")
    before = [client.query(name) for name in names] + [client.sql("from steps order by all").fetchall()]
    client.request("rebuild", timeout=120)
    assert [client.query(name) for name in names] + [client.sql("from steps order by all").fetchall()] == before
    client.close()


def test_a_ledger_of_what_was_acknowledged_is_part_of_the_history(project: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    kill_at_random(project, ledger, ROUNDS, random.Random())
    check(project, ledger)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_ledger_of_what_was_acknowledged_survives_two_hundred_kills(project: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    killed = kill_at_random(project, ledger, MANY_ROUNDS, random.Random(20_261_122))
    assert killed > MANY_ROUNDS // 3
    check(project, ledger)
