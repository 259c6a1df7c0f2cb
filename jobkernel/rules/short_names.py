"""What keys are called where several are shown: the shortest ending that no other of them has. Pure.

Called by graph views.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from jobkernel.model.keys import AssetKey


def shortest_endings(keys: Iterable[str]) -> dict[str, str]:
    """Return for each key text its last part, and as many parts before it as tell it from all others.

    A key that is itself the ending of another stays whole; the other is told from it by one part more.
    """
    parts = {key: AssetKey.from_escaped_user_string(key).parts if "/" in key else (key,) for key in keys}
    found: dict[str, str] = {}
    size = 0
    while len(found) < len(parts):
        size += 1
        endings = {key: tuple(of_key[-size:]) for key, of_key in parts.items() if key not in found}
        times = Counter(endings.values())
        found.update(
            (key, "/".join(ending)) for key, ending in endings.items() if times[ending] == 1 or size >= len(parts[key])
        )
    return found
