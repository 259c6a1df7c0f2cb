"""What the condition of an asset came to, as parts of ``%why``: the sentence, the tree, and the looks before.

Reads what the history keeps; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jobkernel.engine.session import Session
from jobkernel.notebook.reasons import when

LOOKS: Final = 6
"""So many looks are listed, the last one included."""
DEEPEST: Final = 3
SIGNS: Final[Mapping[str, str]] = {"true": "✓", "false": "✗", "partly": "◐", "moot": "·"}

Line = tuple[str, str]


def condition_parts(session: Session, key: str) -> list[dict[str, Any]]:
    """Say what the asset's condition, if it has one, waited for or requested when it was looked at."""
    looks = session.conditions.evaluations(key, limit=LOOKS)
    if looks:
        last = {"text": f"Condition: {looks[0]['why']}", "diff": list(tree_lines(looks[0]["tree"]))}
        before = {"text": "Looks that found something else, the last first:", "diff": [_look(each) for each in looks]}
        return [last, before] if len(looks) > 1 else [last]
    spec = session.registry.spec(key)
    if spec is None or spec.automation is None:
        return []
    return [{"text": f"Condition: {spec.automation}; nobody looked at it yet."}]


def tree_lines(tree: Mapping[str, Any], depth: int = 0) -> Iterator[Line]:
    """Give the lines of an evaluation: a sign of what each part came to, and its name, set in by how deep it lies.

    What was not asked is not opened, nor is what lies deeper than three parts.
    """
    label, inner = tree["label"], tree
    while inner.get("operator") == "not" and label == "NOT" and inner.get("children"):
        inner = inner["children"][0]
        label = inner["label"] if inner.get("operator") == "not" else f"not {inner['label']}"
    yield SIGNS[tree["status"]], f"{'  ' * depth}{label}{_many(tree)}"
    if depth < DEEPEST and tree["status"] != "moot":
        for child in inner.get("children", ()):
            yield from tree_lines(child, depth + 1)
        if inner.get("left_out"):
            yield " ", f"{'  ' * (depth + 1)}and {inner['left_out']} more"


def _many(tree: Mapping[str, Any]) -> str:
    if tree["of"] <= 1 and "partitions" not in tree:
        return ""
    named = f": {tree['partitions']}" if "partitions" in tree else ""
    return f" ({tree['true']} of {tree['of']}{named})"


def _look(look: Mapping[str, Any]) -> Line:
    runs = look["run_ids"] or []
    more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    started = f" Run {runs[0][:8]}{more}." if look["requested"] and runs else ""
    return ("✓" if look["requested"] else "✗"), f"{when(look['evaluated_at'])} {look['why']}{started}"
