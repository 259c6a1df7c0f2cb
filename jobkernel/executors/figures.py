"""pyplot figures made in a step belong to the step: other steps and the notebook never see them.

matplotlib is never imported here: what it has is changed once it is loaded, by whoever loads it. Called by capture.
"""

from __future__ import annotations

import functools
import io
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any, cast

from jobkernel.executors.failure import message_of
from jobkernel.executors.patches import Patches
from jobkernel.executors.step_output import CURRENT, StepOutput

_PYPLOT = "matplotlib.pyplot"
_patches: Patches | None = None


def install() -> None:
    """Give steps their own figures: now where pyplot is loaded, else when it is."""
    pyplot = sys.modules.get(_PYPLOT)
    if pyplot is not None and hasattr(pyplot, "_get_backend_mod"):
        _hook(pyplot)
    elif _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Take the hooks away; the notebook keeps the figures it had."""
    global _patches
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    if _patches is not None:
        _patches.undo()
        _patches = None


def keep_figures(sink: StepOutput) -> None:
    """Draw the step's open pyplot figures into its output and close them. The Figure objects stay usable."""
    managers = list((sink.figures or {}).values())
    sink.figures = None
    for manager in managers:
        _keep(sink, manager.canvas.figure)
        manager.destroy()


class _FiguresByStep:
    """Stands for ``Gcf.figs``: pyplot's dict of open figures, one for each step and one for the notebook."""

    def __init__(self, notebook: OrderedDict[Any, Any]) -> None:
        self.notebook = notebook

    def __get__(self, instance: object, owner: type | None = None) -> OrderedDict[Any, Any]:
        sink = CURRENT.get()
        if sink is None:
            return self.notebook
        if sink.figures is None:
            sink.figures = OrderedDict()
        return sink.figures


def _hook(pyplot: Any) -> None:
    global _patches
    if _patches is not None:
        return
    _patches = Patches()
    registry = pyplot._pylab_helpers.Gcf
    _patches.replace(registry, "figs", _FiguresByStep(vars(registry)["figs"]))
    _patches.replace(pyplot, "_get_backend_mod", _backend_by_step(pyplot._get_backend_mod))
    figure = pyplot.Figure
    _patches.replace(figure, "__getstate__", _stored_without_pyplot(figure.__getstate__))


def _stored_without_pyplot(original: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """A figure stored by a step must not open itself again in the cell that loads it."""

    @functools.wraps(original)
    def getstate(self: Any) -> dict[str, Any]:
        state = original(self)
        if CURRENT.get() is not None:
            state.pop("_restore_to_pylab", None)
        return state

    return getstate


def _backend_by_step(original: Callable[[], Any]) -> Callable[[], Any]:
    """In a step pyplot draws with Agg: windows belong to the main thread, and inline figures to cells."""

    @functools.wraps(original)
    def _get_backend_mod() -> Any:
        return original() if CURRENT.get() is None else _step_backend()

    return _get_backend_mod


@functools.cache
def _step_backend() -> Any:
    from matplotlib.backend_bases import FigureManagerBase
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    class StepFigure(FigureManagerBase):
        """The manager of one figure of a step."""

        def show(self) -> None:
            sink = CURRENT.get()
            if sink is not None:
                _keep(sink, self.canvas.figure)

    def manage(num: int, figure: Any) -> Any:
        return StepFigure(FigureCanvasAgg(figure), num)

    def make(num: int, *args: Any, FigureClass: Any = Figure, **kwargs: Any) -> Any:  # noqa: N803  - pyplot's word
        return manage(num, FigureClass(*args, **kwargs))

    return SimpleNamespace(
        __name__="jobkernel_step_figures",
        backend_version="agg",
        FigureCanvas=FigureCanvasAgg,
        FigureManager=StepFigure,
        new_figure_manager=make,
        new_figure_manager_given_figure=manage,
        draw_if_interactive=lambda *_args, **_kwargs: None,
        show=_show_all,
    )


def _show_all(*_args: object, **_kwargs: object) -> None:
    """``plt.show()`` in a step: into the output at once, and closed, as the inline backend does it."""
    sink = CURRENT.get()
    if sink is not None:
        keep_figures(sink)


def _keep(sink: StepOutput, figure: Any) -> None:
    content = io.BytesIO()
    try:
        figure.savefig(content, format="png", bbox_inches="tight")
    except Exception as wrong:  # noqa: BLE001  - drawing runs what the user put into the figure
        sink.add("stderr", f"A figure could not be drawn: {type(wrong).__name__}: {message_of(wrong)}\n")
        return
    sink.display({"text/plain": _words(figure), "image/png": content.getvalue()})


def _words(figure: Any) -> str:
    width, height = figure.get_size_inches()
    return f"Figure {width:g} × {height:g} in, {len(figure.axes)} axes"


class _WhenPyplotLoads:
    """Finds nothing but pyplot, once, to hook it as soon as it is loaded."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _PYPLOT:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = cast(Any, _HookingLoader(spec.loader))
        return spec


class _HookingLoader:
    def __init__(self, behind: Any) -> None:
        self._behind = behind

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._behind.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._behind
        module.__loader__ = self._behind
        self._behind.exec_module(module)
        if _finder in sys.meta_path:
            sys.meta_path.remove(_finder)
            _hook(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


_finder = _WhenPyplotLoads()
