"""What engines refuse, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, UsageError, WorkflowError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable


def unknown_run(run_id: str, known: Iterable[str]) -> WorkflowError:
    """Return the error of a name that no run has."""
    return WorkflowError(
        Fault(
            "unknown-run",
            f"no run is called {run_id}",
            fix=did_you_mean(run_id, known) or "workflow runs lists them",
        )
    )


def other_payload(run_id: str) -> WorkflowError:
    """Return the error of a name that a run with another payload has."""
    return WorkflowError(
        Fault(
            "run-exists",
            f"the run {run_id} was asked for with another payload",
            why="two orders with one key are one run, which is what such a key is for",
            fix="give the other order a key of its own",
        )
    )


def has_ended(run_id: str, state: str) -> WorkflowError:
    """Return the error of an order to a run that has ended."""
    return WorkflowError(
        Fault(
            "run-ended",
            f"the run {run_id} has ended: {state}",
            fix=f"workflow fork {run_id} runs what is missing, in a run of its own",
        )
    )


def engine_closed() -> UsageError:
    """Return the error of an engine that was not entered, or has ended."""
    return UsageError(
        Fault("engine-closed", "this engine takes no orders", fix="async with engine: ...")
    )
