"""Between partitions by time: every window needs the upstream windows that it overlaps, shifted by offsets."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from jobkernel.errors import InvalidDefinition, InvariantViolation
from jobkernel.model.partitions import PartitionsDefinition
from jobkernel.rules.partition_mapping import Mapped, PartitionMapping
from jobkernel.rules.partition_windows import TimeWindowPartitionsDefinition

TimePartitions = TimeWindowPartitionsDefinition


class Span(NamedTuple):
    """Seconds since the epoch, from ``start`` up to but without ``end``."""

    start: float
    end: float


class TimeWindowPartitionMapping(PartitionMapping):
    """Every window needs the upstream windows that it overlaps.

    ``start_offset`` and ``end_offset`` shift the two ends of what is needed by whole downstream windows. With
    ``allow_nonexistent_upstream_partitions`` what lies outside the upstream partitions is not missed.
    """

    __slots__ = ("start_offset", "end_offset", "allow_nonexistent_upstream_partitions")  # noqa: RUF023
    start_offset: int
    end_offset: int
    allow_nonexistent_upstream_partitions: bool

    def __init__(
        self,
        start_offset: int = 0,
        end_offset: int = 0,
        allow_nonexistent_upstream_partitions: bool = False,
    ) -> None:
        for name, value in (("start_offset", start_offset), ("end_offset", end_offset)):
            if not isinstance(value, int):
                raise TypeError(f"TimeWindowPartitionMapping takes '{name}' as a whole number, not {value!r}.")
        if not isinstance(allow_nonexistent_upstream_partitions, bool):
            raise TypeError("TimeWindowPartitionMapping takes 'allow_nonexistent_upstream_partitions' as a bool.")
        self._set(
            start_offset=start_offset,
            end_offset=end_offset,
            allow_nonexistent_upstream_partitions=allow_nonexistent_upstream_partitions,
        )

    @property
    def description(self) -> str:
        """What the mapping does, in a sentence."""
        shift = f", its ends shifted by {self.start_offset} and {self.end_offset} partitions"
        is_shifted = self.start_offset or self.end_offset
        return f"Each partition depends on the upstream windows that it overlaps{shift if is_shifted else ''}."

    def validate_partition_mapping(
        self, upstream_partitions_def: PartitionsDefinition, downstream_partitions_def: PartitionsDefinition | None
    ) -> None:
        """Raise InvalidDefinition where one of the two is not by time, or their zones differ."""
        for side, definition in (("Upstream", upstream_partitions_def), ("Downstream", downstream_partitions_def)):
            if not isinstance(definition, TimePartitions):
                raise InvalidDefinition(f"{side} partitions have to be by time for a TimeWindowPartitionMapping.")
        _both(upstream_partitions_def, downstream_partitions_def)

    def upstream_of(
        self, keys: Collection[str] | None, downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> Mapped:
        """Return the upstream windows that these overlap."""
        own, other = _both(downstream, upstream)
        if not keys or self._is_identity(own, other, keys):
            return Mapped(list(keys or ()))
        bounds, spans = _bounds(other), _spans(own, keys)
        is_before = not self.start_offset and not self.end_offset and spans[-1].end <= other.start.timestamp()
        if not is_before:
            spans = [_aligned(own, other, self._moved(own, span, bounds)) for span in spans]
        return self._within(other, spans, bounds)

    def downstream_of(
        self, keys: Collection[str], upstream: PartitionsDefinition, downstream: PartitionsDefinition
    ) -> Collection[str]:
        """Return the downstream windows that overlap these."""
        own, other = _both(upstream, downstream)
        if not keys or self._is_identity(own, other, keys):
            return keys
        bounds = _bounds(other)
        aligned = [_aligned(own, other, span) for span in _spans(own, keys)]
        spans = [
            Span(
                _shifted(other, span.start, -self.end_offset, bounds),
                _shifted(other, span.end, -self.start_offset, bounds),
            )
            for span in aligned
        ]
        return self._within(other, spans, bounds).keys

    def beyond(
        self, keys: Collection[str], downstream: PartitionsDefinition | None, upstream: PartitionsDefinition
    ) -> list[str]:
        """Return what these keys would need if the upstream partitions had no bounds; nothing where that is allowed."""
        own, other = _both(downstream, upstream)
        if not keys or self.allow_nonexistent_upstream_partitions:
            return []
        spans = [_aligned(own, other, self._moved(own, span, None)) for span in _spans(own, keys)]
        return [key for span in spans for key in other.keys_between(*span)]

    def _moved(self, own: TimePartitions, span: Span, bounds: Span | None) -> Span:
        start = _shifted(own, span.start, self.start_offset, bounds)
        return Span(start, _shifted(own, span.end, self.end_offset, bounds))

    def _is_identity(self, own: TimePartitions, other: TimePartitions, keys: Collection[str]) -> bool:
        """Whether the keys stay as they are: nothing is shifted, and the other side is at least as long."""
        if self.start_offset or self.end_offset:
            return False
        if own == other:
            return True
        if not own.equal_except_for_start_or_end(other):
            return False
        begins = own.start >= other.start or _spans(own, keys)[0].start >= other.start.timestamp()
        ends = other.end is None or (own.end is not None and other.end >= own.end)
        return begins and ends

    def _within(self, other: TimePartitions, spans: list[Span], bounds: Span | None) -> Mapped:
        found: dict[str, None] = {}
        missing: dict[str, None] = {}
        for span in spans:
            if span.start >= span.end:
                continue
            if bounds is not None:
                found.update(
                    dict.fromkeys(other.keys_between(max(span.start, bounds.start), min(span.end, bounds.end)))
                )
            if not self.allow_nonexistent_upstream_partitions:
                missing.update(dict.fromkeys(_outside(other, span, bounds)))
        return Mapped(list(found), list(missing))


def _both(
    own: PartitionsDefinition | None, other: PartitionsDefinition | None
) -> tuple[TimePartitions, TimePartitions]:
    if not isinstance(own, TimePartitions) or not isinstance(other, TimePartitions):
        raise InvariantViolation("TimeWindowPartitionMapping maps between partitions by time only.")
    if own.timezone != other.timezone:
        raise InvalidDefinition(f"Windows of the zones {own.timezone} and {other.timezone} cannot be mapped.")
    return own, other


def _bounds(definition: TimePartitions) -> Span | None:
    first, last = definition.get_first_partition_window(), definition.get_last_partition_window()
    return Span(first.start.timestamp(), last.end.timestamp()) if first is not None and last is not None else None


def _spans(definition: TimePartitions, keys: Collection[str]) -> list[Span]:
    """Return the spans of time that the windows of these keys form, in order."""
    windows = sorted(definition.span_of(key) for key in keys)
    merged = [Span(*windows[0])]
    for start, end in windows[1:]:
        if start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(end, merged[-1].end))
        else:
            merged.append(Span(start, end))
    return merged


def _shifted(definition: TimePartitions, instant: float, offset: int, bounds: Span | None) -> float:
    """Return an instant moved by whole windows, but not out of the bounds that it is moved towards."""
    if offset == 0:
        return instant
    if offset < 0:
        moved: float = definition.windows.before(instant, -offset)[-1][0]
        return moved if bounds is None else max(moved, bounds.start)
    moved = definition.windows.after(instant, offset)[-1][1]
    return moved if bounds is None else min(moved, bounds.end)


def _aligned(own: TimePartitions, other: TimePartitions, span: Span) -> Span:
    """Return the windows of the other side that a span touches, as a span."""
    if own.cron_schedule == other.cron_schedule:
        return span
    first = other.get_partition_key_for_timestamp(span.start)
    last = other.get_partition_key_for_timestamp(span.end, end_closed=True)
    return Span(other.span_of(first)[0], other.span_of(last)[1])


def _outside(other: TimePartitions, span: Span, bounds: Span | None) -> list[str]:
    """Return the keys of a span that lie outside the bounds."""
    if bounds is None:
        return other.keys_between(span.start, span.end)
    before = other.keys_between(span.start, min(span.end, bounds.start))
    return before + other.keys_between(max(span.start, bounds.end), span.end)
