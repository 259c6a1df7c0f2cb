"""What can go wrong, as sentences for the person at the notebook.

One root, one class per thing a caller can do about it. Classes that Dagster also exports are known there under
the name in ``DAGSTER_NAMES``. Knows nothing of the rest of jobkernel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SHORT: Final = 3
"""Names of so many letters or fewer are short."""


class JobkernelError(Exception):
    """Root of every error that jobkernel raises on purpose."""


class InvalidDefinition(JobkernelError):
    """A definition cannot be what it says: a bad name, a clash, a missing part."""


class InvalidInvocation(JobkernelError):
    """A definition was called with arguments that it does not take."""


class InvalidConfig(JobkernelError):
    """Run config does not fit its schema; the message lists every path."""


class InvalidSelection(JobkernelError):
    """A selection's text cannot be read; the message says where."""


class InvalidSubset(JobkernelError):
    """A selection names something that the job does not hold."""


class CircularDependency(InvalidDefinition):
    """Definitions depend on each other in a circle; the message lists it in order, ``circle`` each name once."""

    def __init__(self, message: str, circle: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.circle = tuple(dict.fromkeys(circle))


class InvariantViolation(JobkernelError):
    """A call came in a state in which it makes no sense."""


class Unsupported(JobkernelError):
    """Something that Dagster has and jobkernel does not do; the message names it."""


class UnknownName(JobkernelError):
    """Nothing of that name is defined; the message names the nearest match."""


class UnknownResource(InvalidDefinition):
    """A resource is asked for that nobody provides."""


class MissingUpstream(JobkernelError):
    """An upstream value was never made; the message names it and the remedy. ``keys`` are the missing assets."""

    def __init__(self, message: str, keys: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.keys = tuple(keys)


class UnstorableValue(JobkernelError):
    """A value cannot be stored by its IO manager; the message names ``--io memory``."""


class UnreadableValue(JobkernelError):
    """A stored value cannot be read back here: damaged, or of other versions; the message says which."""


class UnverifiedPickle(JobkernelError):
    """A pickle was not signed by this user and is not loaded."""


class InvalidMetadata(JobkernelError):
    """A metadata value is of no kind that can be kept and shown; the message names its key."""


class ValueNotWritten(JobkernelError):
    """The place where values live cannot be written (full, read-only); the last good value is as it was."""


class TypeCheckFailed(JobkernelError):
    """A value is not of its declared type."""


class StepOutputMissing(JobkernelError):
    """A step ended without one of its required outputs."""


class UserCodeError(JobkernelError):
    """Code of the user that jobkernel called raised; ``__cause__`` is its own exception."""


class ConfigMappingFailed(UserCodeError):
    """The function of a config mapping raised."""


class ResourceFailed(UserCodeError):
    """The function that makes or ends a resource raised."""


class StepExecutionError(UserCodeError):
    """A step's code raised; ``__cause__`` is the user's own exception."""


class Interrupted(BaseException):
    """A step was asked to stop. Not an ``Exception``, so that user code does not swallow it by accident."""


class RemoteStepError(JobkernelError):
    """A step could not be sent to another process, or its error could not be brought back whole."""


class WorkerDied(JobkernelError):
    """The process that ran a step ended before the step did: it crashed, was killed, or ran out of memory."""


class ClusterUnreachable(JobkernelError):
    """A Dask cluster cannot be had, or was lost; the message says which and what to do."""


class MissingDependency(JobkernelError):
    """A package that is not always installed is needed; the message says how to install it."""


class StepTimedOut(JobkernelError, TimeoutError):
    """A step took longer than its timeout."""


class RunTimedOut(JobkernelError, TimeoutError):
    """A run took longer than it may."""


class RunCanceled(JobkernelError):
    """A run was canceled before it ended."""


class RunFailed(JobkernelError):
    """A run in the foreground failed; the message names the steps."""


class HistoryError(JobkernelError):
    """The project's history cannot be used as asked; the subclasses say why."""


class ProjectReadOnly(HistoryError):
    """The project's folder cannot be written."""


class HistoryCorrupt(HistoryError):
    """The history file is damaged, or is no history."""


class HistoryTooNew(HistoryError):
    """The history was written by a newer jobkernel."""


class HistoryHeld(HistoryError):
    """Another program holds the history file, or another machine the project."""


class NetworkFilesystem(HistoryError):
    """The project lies on a network file system, where locks cannot be trusted."""


class SocketPathTooLong(HistoryError):
    """No folder short enough for the project server's socket."""


class DiskFull(HistoryError):
    """The history cannot grow: the disk is full."""


class HistoryGap(HistoryError):
    """Events came out of order, after some that could not be kept yet."""


class HistoryInterrupted(HistoryError):
    """The database gave up after a failure of the disk and has to be opened again; nothing acknowledged is lost."""


class QueryRefused(HistoryError):
    """A query on the history is not one SELECT, or went over its limits."""

    def _render_traceback_(self) -> list[str]:
        """Show a notebook the sentence alone: the way through our code says nothing of a query."""
        return [str(self)]


class ServerUnreachable(HistoryError):
    """The project server cannot be reached, or does not answer in time."""


class VersionMismatch(HistoryError):
    """The project server and this kernel speak different versions."""


class KeyOwnedElsewhere(HistoryError):
    """A key is defined by another notebook whose kernel is alive."""


DAGSTER_NAMES: dict[str, type[BaseException]] = {
    "DagsterError": JobkernelError,
    "DagsterInvalidDefinitionError": InvalidDefinition,
    "DagsterInvalidInvocationError": InvalidInvocation,
    "DagsterInvalidConfigError": InvalidConfig,
    "DagsterInvalidAssetSelectionError": InvalidSelection,
    "DagsterInvalidSubsetError": InvalidSubset,
    "DagsterInvariantViolationError": InvariantViolation,
    "DagsterUnknownResourceError": UnknownResource,
    "DagsterInvalidMetadata": InvalidMetadata,
    "DagsterTypeCheckDidNotPass": TypeCheckFailed,
    "DagsterStepOutputNotFoundError": StepOutputMissing,
    "DagsterExecutionStepExecutionError": StepExecutionError,
    "DagsterExecutionInterruptedError": Interrupted,
    "DagsterRunNotFoundError": UnknownName,
    "DagsterUserCodeExecutionError": UserCodeError,
    "DagsterConfigMappingFunctionError": ConfigMappingFailed,
    "DagsterResourceFunctionError": ResourceFailed,
    "DagsterTypeCheckError": UserCodeError,
    "DagsterSubprocessError": UserCodeError,
    "DagsterInvalidConfigDefinitionError": InvalidDefinition,
    "DagsterUnmetExecutorRequirementsError": InvalidDefinition,
    "DagsterExecutionStepNotFoundError": UnknownName,
    "DagsterUnknownPartitionError": UnknownName,
    "DagsterEventLogInvalidForRun": HistoryError,
}


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate most like ``word``, or None where nothing is like it; ``word`` itself is no answer.

    A short word is within longer ones by chance, so that it is like a word of its own length only. Of the asset ``a/b``
    the variable is ``b``, and that is what it may be called.
    """
    others = [each for each in candidates if each != word]
    called = next((each for each in others if each.rpartition("/")[2] == word), None)
    if called is not None or not others:
        return called
    scores = {each: _likeness(word.lstrip("-"), each.lstrip("-")) for each in others}
    best = max(others, key=scores.__getitem__)
    return best if scores[best] else None


def _likeness(word: str, other: str) -> float:
    """Return how alike two words are, from 0 to 100; 0 also where that is too little to be meant."""
    from rapidfuzz import fuzz  # loaded only when something went wrong

    if min(len(word), len(other)) <= SHORT:
        return float(fuzz.ratio(word, other, score_cutoff=65))
    within = 0.9 * fuzz.partial_ratio(word, other, score_cutoff=85)
    return max(float(fuzz.ratio(word, other, score_cutoff=60)), within)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest candidate, or an empty text."""
    match = nearest(word, candidates)
    return f" Did you mean '{match}'?" if match else ""
