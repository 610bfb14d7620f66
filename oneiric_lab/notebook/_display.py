"""How a load run is displayed in a kernel: live while it goes on, a snapshot afterwards.

The output of a cell outlives its kernel. So when the run has ended, the live view in it gives
way to the snapshot, which reads the same in a saved notebook, on a page and in a mail; who
wants the chart again has `lab.ui.load(job)`.
"""

from __future__ import annotations

from contextvars import Context
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from oneiric_lab.lab import LoadJob

JOB: Final = ("oneiric_lab.lab._load", "LoadJob")
"""Module and name of what is displayed so: nothing of it is imported for that."""

_EVERY = 0.5


def register(shell: InteractiveShell) -> None:
    """Let *shell* display load runs as long as they go on; a terminal shows them once."""
    formatter = _formatter(shell)
    if formatter is not None and hasattr(shell, "kernel"):
        formatter.for_type_by_name(*JOB, show)


def unregister(shell: InteractiveShell) -> None:
    """Take it back."""
    formatter = _formatter(shell)
    if formatter is None:
        return
    formatter.deferred_printers.pop(JOB, None)
    for kind in list(formatter.type_printers):
        if (kind.__module__, kind.__name__) == JOB:
            formatter.pop(kind)


def _formatter(shell: InteractiveShell) -> Any:
    found = shell.display_formatter
    return None if found is None else found.ipython_display_formatter


def show(job: LoadJob) -> None:
    """Display *job*: its chart, or its text where widgets are not installed."""
    from IPython.display import display  # noqa: PLC0415 - loaded in a kernel

    if job.is_ended:
        _send(display, job)
        return
    shown: Any = job
    if find_spec("anywidget") is not None:
        from .widgets._load import chart_of  # noqa: PLC0415 - brings anywidget

        shown = chart_of(job)
    handle = _send(display, shown, display_id=True)
    due = monotonic() + _EVERY

    def follow(_: object) -> None:
        nonlocal due
        # Text has to be shown anew while it goes on; a chart does that by itself.
        if job.is_ended or (shown is job and monotonic() >= due):
            due = monotonic() + _EVERY
            # Not as an output of the cell that started it, which has ended: who runs a notebook
            # without a browser takes what belongs to the cell that is on.
            Context().run(_send, handle.update, job)

    job.subscribe(follow)


def _send(send: Callable[..., Any], shown: Any, **options: Any) -> Any:
    return send(shown._repr_mimebundle_(), raw=True, **options)
