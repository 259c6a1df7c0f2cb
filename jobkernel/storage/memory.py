"""What a client holds on the server and must claim again after a reconnect: runs, slots, keys, leases, subscription."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

WAITS = 0
"""Stands for the token of a lease that the client waits for."""


class Remembered:
    """Runs that were submitted and have not ended, keys and leases, whether changes are listened to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects all below
        self._runs: dict[str, dict[str, Any]] = {}
        self._keys: set[str] = set()
        self._leases: dict[str, int] = {}
        self._gives_way = False
        self._subscribed = False

    def hello(self) -> dict[str, Any]:
        """Return what a new server is told."""
        with self._lock:
            runs = [{**run, "slots": dict(run["slots"])} for run in self._runs.values()]
            return {
                "runs": runs,
                "keys": sorted(self._keys),
                "leases": dict(self._leases),
                "gives_way": self._gives_way,
                "subscribed": self._subscribed,
            }

    def before(self, operation: str, fields: dict[str, Any]) -> None:
        """Note a request on its way."""
        if operation == "submit_runs":
            with self._lock:
                for run in fields["runs"]:
                    self._runs.setdefault(run["run_id"], {**run, "admitted": False, "slots": {}})
        elif operation == "claim_slot":
            with self._lock:
                if fields["run_id"] in self._runs:
                    slot = {"pool": fields["pool"], "priority": fields.get("priority", 0), "granted": False}
                    self._runs[fields["run_id"]]["slots"].setdefault(fields["step_key"], slot)
        elif operation == "release_slot":
            with self._lock:
                if fields["run_id"] in self._runs:
                    self._runs[fields["run_id"]]["slots"].pop(fields["step_key"], None)

    def after(self, operation: str, fields: dict[str, Any], answer: Any) -> None:
        """Note what a request has brought."""
        with self._lock:
            if operation == "submit_runs":
                for run_id in answer["admitted"]:
                    self._admitted(run_id)
            elif operation == "claim_slot" and answer["granted"]:
                self._slot_granted(fields)
            elif operation == "claim_keys":
                self._keys.update(fields["keys"])
            elif operation == "release_keys":
                self._keys.difference_update(fields.get("keys") or set(self._keys))
            elif operation == "hold_automations":
                self._leases.update({name: answer["tokens"].get(name, WAITS) for name in fields["names"]})
                self._gives_way = fields.get("gives_way", False)
            elif operation == "release_automations":
                for name in fields["names"]:
                    self._leases.pop(name, None)
            elif operation == "subscribe":
                self._subscribed = fields.get("wanted", True)

    def refused(self, operation: str, fields: dict[str, Any]) -> None:
        """Note that a request was refused."""
        if operation == "submit_runs":
            self.ended(run["run_id"] for run in fields["runs"])

    def pushed(self, name: str, fields: dict[str, Any]) -> None:
        """Note what the server told unasked."""
        with self._lock:
            if name == "admitted":
                self._admitted(fields["run_id"])
            elif name == "slot":
                self._slot_granted(fields)
            elif name == "lease":
                self._leases[fields["automation"]] = fields["token"]
            elif name == "lease_lost":
                self._leases[fields["automation"]] = WAITS
            elif name == "keys_taken":
                self._keys.difference_update(fields["keys"])

    def ended(self, run_ids: Iterable[str | None]) -> None:
        """Forget runs that ended."""
        with self._lock:
            for run_id in run_ids:
                self._runs.pop(run_id or "", None)

    def _admitted(self, run_id: str) -> None:
        if run_id in self._runs:
            self._runs[run_id]["admitted"] = True

    def _slot_granted(self, fields: dict[str, Any]) -> None:
        run = self._runs.get(fields["run_id"])
        if run is not None and fields["step_key"] in run["slots"]:
            run["slots"][fields["step_key"]]["granted"] = True
