"""Which assets are fresh, stale or were never made: this kernel's code against what their values were made from.

Fingerprints are taken anew when a definition changed or a cell ran (a helper may have changed), else remembered.
Knows no screen; the session and the widget's publisher ask it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from jobkernel.engine.asset_state import AssetState, Made
from jobkernel.engine.moves import Moves
from jobkernel.engine.partition_freshness import PartitionFreshness, PartitionStanding
from jobkernel.engine.partition_making import PartitionMaking
from jobkernel.engine.registry import Registry
from jobkernel.engine.states import AssetStates
from jobkernel.model.definitions import EMPTY, Assets, Op
from jobkernel.rules.chosen_parameters import chosen_parameters
from jobkernel.rules.fingerprint import CHOSEN, Change, Fingerprint, compare
from jobkernel.rules.graph import Graph
from jobkernel.rules.partition_run import RunPartitions
from jobkernel.rules.partition_standing import words_among
from jobkernel.rules.plan import Plan, PlannedStep
from jobkernel.rules.staleness import WAS_NEVER_MADE, Grounds, Making, Verdict, judge_again, judge_all

Follow = Callable[[Any, dict[Any, Any]], Fingerprint]
"""Returns the fingerprint of a function; the dict is a memo that lives as long as one round of questions."""


class Freshness:
    """Judges every asset of one kernel. Safe to use from any thread."""

    def __init__(self, registry: Registry, states: AssetStates) -> None:
        self._registry = registry
        self._states = states
        self._lock = threading.RLock()  # protects all below
        self._code_version = 0
        self._prints: dict[str, Fingerprint | None] = {}
        self._prints_of: tuple[int, int] = (-1, -1)
        self._graph: Graph = Graph.of({})
        self._place: dict[str, int] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self._now: dict[str, Mapping[str, str]] = {}
        self._made: dict[str, Making] = {}
        self._versions: dict[str, str | None] = {}
        self._times: dict[str, int] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._verdicts_of: tuple[int, int, int] = (-1, -1, -1)
        self.moves = Moves()
        """The assets whose verdict changed, came or went."""
        self._partitions = PartitionFreshness(states)
        self.as_of_now: Callable[[], AbstractContextManager[Any]] = nullcontext
        """Sets as of when partitions are asked for, and who keeps dynamic keys; the session provides it."""
        self.follow: Follow | None = None
        """Takes the fingerprint of a plain function, for ops that bring none of their own; the notebook provides it."""

    def code_may_have_changed(self) -> None:
        """Note that a cell ran, so that any helper may be another now."""
        with self._lock:
            self._code_version += 1

    def fingerprint(self, key: str) -> Fingerprint | None:
        """Return the fingerprint of an asset's code as it is now; None where its code is not here."""
        with self._lock:
            self._take_prints()
            return self._prints.get(key)

    def at_launch(
        self, plan: Plan, config: Any = None, partitions: RunPartitions | None = None
    ) -> Callable[[PlannedStep], Mapping[str, Any]]:
        """Return what tells, when a step starts, how it is made: its code as it is now, its upstream as it is then.

        ``config`` is what the launch gives; the parameters that it changes are told too. ``partitions`` are those of
        the run; then ``upstream_of`` tells the upstream of each that the step makes.
        """
        chosen = chosen_parameters(plan, config)
        memo: dict[Any, Any] = {}
        parts: dict[str, Mapping[str, Any]] = {}
        for key, step in plan.steps.items():
            found = self._print_of(step.op, memo) if step.asset_keys else None
            if found is not None and key in chosen:
                found = found.adding({CHOSEN: chosen[key]})
            parts[key] = found.to_json() if found is not None else {}

        by_partition = PartitionMaking(self._states.partitions, self._registry, partitions, self.as_of_now)

        def making(step: PlannedStep) -> Mapping[str, Any]:
            told = by_partition.of(step)
            versions = {parent: version_of(self._states.made(parent)) for parent in _upstream_of(step)}
            known = {parent: version for parent, version in versions.items() if version is not None}
            return {"parts": parts.get(step.key, {}), "upstream": {**known, **told.whole}, **told.each}

        return making

    def verdicts(self) -> Mapping[str, Verdict]:
        """Return the verdict on every defined asset, upstream first. What is returned never changes."""
        with self._lock:
            code = (self._registry.version, self._code_version)
            states, moved = self._states.moves.since(self._verdicts_of[2])
            is_new_code = code != self._verdicts_of[:2]
            if is_new_code:
                moved += self._take_code()
            with self.as_of_now() if self._partitions.judges else nullcontext():
                moved += self._partitions.look_at_time()
                if moved:
                    self._judge_again(moved)
            if is_new_code:
                self._verdicts = {key: self._verdicts[key] for key in self._place}
            self._verdicts_of = (*code, states)
            return self._verdicts

    def status_words(self, running: Mapping[str, str] = EMPTY) -> dict[str, str]:
        """Return one status word per asset: fresh, stale, partly, never, failed, running or queued."""
        return self.words_of(self.verdicts(), running)

    def partition_words(self) -> dict[str, tuple[str, ...]]:
        """Return the words that some partitions of an asset have, but for ``fresh``; of assets that have partitions."""
        with self._lock:
            self.verdicts()
            return {key: words_among(book.counts()) for key, book in self._partitions.books.items()}

    def words_of(self, verdicts: Mapping[str, Verdict], running: Mapping[str, str] = EMPTY) -> dict[str, str]:
        """Return the same for verdicts that were taken before."""
        words = {key: verdict.status for key, verdict in verdicts.items()}
        for key in words:
            if self.state_of(key).last_ending == "FAILURE":
                words[key] = "failed"
        words.update({key: word for key, word in running.items() if key in words})
        return words

    def state_of(self, key: str) -> AssetState:
        """Return where an asset stands: its last attempt and value; of one with partitions, of whichever partition."""
        return self._states.partitions.last(key) if key in self._partitions.books else self._states.of(key)

    def partitions(self, key: str) -> PartitionStanding | None:
        """Return how the partitions of an asset stand; None where it has none."""
        with self._lock:
            self.verdicts()
            book = self._partitions.books.get(key)
            return book.standing() if book is not None else None

    def partition_verdict(self, key: str, partition: str) -> Verdict:
        """Return the verdict on a partition of an asset that has partitions."""
        return self.partition_verdicts(key).get(partition, WAS_NEVER_MADE)

    def partition_verdicts(self, key: str) -> Mapping[str, Verdict]:
        """Return the verdict on each partition that has a value, of an asset that has partitions."""
        with self._lock:
            self.verdicts()
            return dict(self._partitions.books[key].verdicts)

    def partitions_needed(self, key: str, partition: str | None, parent: str) -> Collection[str]:
        """Return the partitions of ``parent`` that a partition needs and that exist; none where it has none."""
        with self._lock, self.as_of_now():
            self.verdicts()
            return self._partitions.needed(key, partition, parent)

    def changes(self, key: str, partition: str | None = None) -> list[Change]:
        """Return what differs between an asset's code now and the code it was made with.

        Of one with partitions: between that of ``partition``, or of one that is stale.
        """
        book = self._partitions.books.get(key)
        if book is not None and partition is None:
            partition = next(iter(book.stale), None)
        state = self._states.of(key) if book is None else self._states.partitions.of(key).get(partition or "")
        made, now = state.made if state is not None else None, self.fingerprint(key)
        if made is None or now is None or not made.fingerprint:
            return []
        return compare(Fingerprint.from_json(made.fingerprint), now)

    def _take_code(self) -> list[str]:
        """Take in what is defined now; return the assets that came, went, or are made otherwise than before."""
        self._take_prints()
        self._graph = self._registry.graph
        order = self._graph.topological()
        parents = {key: self._parents_of(key) for key in order}
        now: dict[str, Mapping[str, str]] = {
            key: print_.hashes() for key, print_ in self._prints.items() if print_ is not None
        }
        moved = [key for key in order if parents[key] != self._parents.get(key) or now.get(key) != self._now.get(key)]
        moved += [key for key in self._place if key not in parents]
        moved += self._partitions.take_code(order, parents, self._registry.assets.get)
        self._place = {key: index for index, key in enumerate(order)}
        self._parents, self._now = parents, now
        return moved

    def _parents_of(self, key: str) -> tuple[str, ...]:
        """Return what an asset is made from; what is made together with it cannot be newer than it."""
        assets, spec = self._registry.assets.get(key), self._registry.spec(key)
        return _outside(assets, spec.deps) if assets is not None and spec is not None else ()

    def _judge_again(self, moved: Iterable[str]) -> None:
        """Judge what moved and what lies below it."""
        moved = set(moved)
        for key in moved:
            self._take_made(key)
        grounds = Grounds(
            parents=self._parents,
            now=self._now,
            made=self._made,
            versions=self._versions,
            times=self._times,
            judges=self._partitions.judges,
        )
        if self._verdicts:
            graph = self._graph
            found = judge_again(
                self._verdicts, moved, grounds, place=self._place, children=lambda key: graph.downstream([key], 1)
            )
        else:
            found = judge_all(self._place, grounds)
        gone = moved & self._verdicts.keys() - self._place.keys()
        self._verdicts = {**self._verdicts, **found}
        self.moves.note([*found, *gone])

    def _take_made(self, key: str) -> None:
        """Take in how an asset was made last, where it is defined here."""
        made = self._states.made(key) if key in self._place else None
        last = made or self._states.partitions.last(key).made
        if last is not None:
            self._times[key] = last.made_at
        if made is None:
            self._made.pop(key, None)
            self._versions.pop(key, None)
        else:
            self._made[key] = _making(made)
            self._versions[key] = version_of(made)

    def _take_prints(self) -> None:
        version = (self._registry.version, self._code_version)
        if version == self._prints_of:
            return
        memo: dict[Any, Any] = {}
        by_definition: dict[int, Fingerprint | None] = {}
        prints: dict[str, Fingerprint | None] = {}
        for key, assets in list(self._registry.assets.items()):
            if id(assets) not in by_definition:
                by_definition[id(assets)] = self._print_of(assets.node, memo)
            prints[key] = by_definition[id(assets)]
        self._prints, self._prints_of = prints, version

    def _print_of(self, node: Any, memo: dict[Any, Any]) -> Fingerprint | None:
        """Return the fingerprint of an op's code as it is now; None where nobody can tell it."""
        if not isinstance(node, Op):
            return None
        if node.fingerprint is None:
            return self.follow(node.compute, memo) if self.follow is not None else None
        found: Any = node.fingerprint(memo)
        return found if isinstance(found, Fingerprint) else None


def version_of(made: Made | None) -> str | None:
    """Return the version of a value; None where there is none."""
    return None if made is None else made.version


def _making(made: Made) -> Making:
    parts = Fingerprint.from_json(made.fingerprint).hashes() if made.fingerprint else EMPTY
    return Making(parts=parts, upstream=made.upstream, at=None if made.is_told else made.made_at)


def _outside(assets: Assets, keys: Iterable[str]) -> tuple[str, ...]:
    if len(assets.specs) == 1:
        return tuple(keys)
    together = {spec.key for spec in assets.specs}
    return tuple(key for key in keys if key not in together)


def _upstream_of(step: PlannedStep) -> Iterable[str]:
    if step.assets is None:
        return ()
    made = set(step.asset_keys.values())
    deps = [key for spec in step.assets.specs if spec.key in made for key in spec.deps]
    return dict.fromkeys(_outside(step.assets, deps))
