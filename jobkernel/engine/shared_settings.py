"""Keeps the project's settings the same in this kernel's ``%config`` and in the project's history.

What is set here is handed on; what any kernel sets shows here. Knows the settings object and the history alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from traitlets import TraitError

from jobkernel.errors import JobkernelError
from jobkernel.settings import PROJECT_SETTINGS, JobKernel
from jobkernel.storage.history import History


def share_settings(settings: JobKernel, history: History) -> Callable[[], None]:
    """Tie the two together until the returned function is called; the project's values come first.

    A value that a configuration file gives counts where nobody has set any for the project yet.
    """
    shared = _Shared(settings, history)
    shared.start()
    return shared.stop


class _Shared:
    def __init__(self, settings: JobKernel, history: History) -> None:
        self._settings = settings
        self._history = history
        self._known: dict[str, Any] = {}
        self._unlisten: Callable[[], None] = lambda: None

    def start(self) -> None:
        configured = {name: getattr(self._settings, name) for name in self._settings.configured_for_project()}
        decided = {row["name"] for row in self._history.query("settings")}
        self._unlisten = self._history.listen("settings", lambda fields: self._show(fields["settings"]))
        self._show(self._history.request("settings"))
        self._settings.observe(self._changed_here, PROJECT_SETTINGS)
        for name, value in configured.items():
            if name not in decided:
                setattr(self._settings, name, value)

    def stop(self) -> None:
        self._unlisten()
        self._settings.unobserve(self._changed_here, PROJECT_SETTINGS)

    def _show(self, values: Mapping[str, Any]) -> None:
        # what did not change is left alone: this thread may come while another one is just setting it
        moved = [name for name in PROJECT_SETTINGS if name not in self._known or self._known[name] != values[name]]
        for name in moved:
            self._known[name] = values[name]
            setattr(self._settings, name, values[name])

    def _changed_here(self, change: Any) -> None:
        name, value = change["name"], change["new"]
        if self._known.get(name) == value:
            return  # it came from the project
        try:
            self._known.update(self._history.request("set_setting", name=name, value=value))
        except JobkernelError as error:
            setattr(self._settings, name, self._known[name])
            raise TraitError(str(error)) from error
