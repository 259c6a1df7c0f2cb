"""A kernel that writes down, on disk and synced, each event that the history has acknowledged. Run by a test."""

from __future__ import annotations

import os
import random
import sys
import time
import uuid

from jobkernel.model.events import Event
from jobkernel.storage.client import HistoryClient


def write(project: str, ledger: str, linger_s: float) -> None:
    """Emit, flush, write down, for ever."""
    client = HistoryClient.connect(project, kernel_id=uuid.uuid4().hex, notebook="ledger.ipynb", linger_s=linger_s)
    descriptor = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        run_id = uuid.uuid4().hex
        words = ["RUN_ENQUEUED", "RUN_START", "STEP_START", *["STEP_OUTPUT"] * random.randint(0, 20), "STEP_SUCCESS"]
        tokens = [uuid.uuid4().hex for _ in [*words, "end"]]
        for word, token in zip([*words, "RUN_SUCCESS"], tokens, strict=True):
            step_key = "x" if word.startswith("STEP") else None
            body = {"token": token, "attempt": 1, "padding": "p" * random.choice([10, 100, 20_000])}
            client.emit(Event(word, run_id, step_key, time.time_ns() // 1000, body))
            if random.random() < 0.05:
                client.flush(60)
        client.flush(60)
        os.write(descriptor, ("\n".join(tokens) + "\n").encode())
        os.fsync(descriptor)


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], float(sys.argv[3]))
