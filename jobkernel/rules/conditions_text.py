"""Read the text of ``--automation``: ``eager``, ``on_missing`` or ``on_cron:0 9 * * *``. Pure."""

from __future__ import annotations

from typing import Final

from jobkernel.errors import InvalidDefinition, did_you_mean
from jobkernel.model.conditions import Condition
from jobkernel.rules.conditions_words import AutomationCondition

WORDS: Final = ("eager", "on_missing", "on_cron")
HOW: Final = '--automation takes eager, on_missing or "on_cron:0 9 * * *"'


def read_automation(text: str) -> Condition:
    """Return the condition that a text names. A time zone stands behind the cron: ``on_cron:0 9 * * * Europe/Berlin``.

    Raises:
        InvalidDefinition: no such word, or a cron or time zone that cannot be read; the sentence says what is meant.
    """
    word, _, rest = (part.strip() for part in text.strip().partition(":"))
    name = word.replace("-", "_").lower()
    if name not in WORDS:
        raise InvalidDefinition(f"{HOW}, not '{text}'.{did_you_mean(name, WORDS)}")
    if name == "on_cron":
        return _on_cron(rest)
    if rest:
        raise InvalidDefinition(f"'{name}' stands alone; drop ':{rest}' from --automation.")
    return AutomationCondition.eager() if name == "eager" else AutomationCondition.on_missing()


def _on_cron(rest: str) -> Condition:
    if not rest:
        raise InvalidDefinition(f"on_cron needs a cron; {HOW}.")
    *fields, last = rest.split()
    is_zone = last[0].isalpha() and (len(fields) == 5 or (len(fields) == 1 and fields[0].startswith("@")))
    cron, zone = (" ".join(fields), last) if is_zone else (rest, "UTC")
    return AutomationCondition.on_cron(cron, zone)
