"""Sets of kept runs, as people name them: a label, a folder, or several names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, UsageError, did_you_mean
from oneiric_lab.files import near

from ._runs import LATEST, Runs
from ._saved import JSON

if TYPE_CHECKING:
    from ._run import Run


def labelled(run: Run, label: str) -> Run:
    """Return *run* with a label, to be saved.

    Raises:
        UsageError: It is no label.
    """
    if label == LATEST:
        raise UsageError(
            Fault("bad-label", f"{LATEST!r} is no label: it means the newest run", fix="after")
        )
    return replace(run, about=replace(run.about, label=label))


def labels(runs: Runs) -> dict[str, list[str]]:
    """Return the names of all runs that have a label, by label, both the oldest first."""
    out: dict[str, list[str]] = {}
    for kept in reversed(list(runs)):
        if kept.label:
            out.setdefault(kept.label, []).append(kept.id)
    return out


def check_new(runs: Runs, *wanted: str) -> None:
    """Refuse labels that runs have already: what was measured of other code would be mixed in.

    Raises:
        UsageError: With how many have it.
    """
    known = labels(runs)
    for label in wanted:
        if many := len(known.get(label, ())):
            raise UsageError(
                Fault(
                    "known-label",
                    f"{many} {'runs' if many > 1 else 'run'} in {near(runs.folder)} "
                    f"{'are' if many > 1 else 'is'} called {label!r} already",
                    why="a set is one plan on one state of the code",
                    fix=f"another label, such as {label}-2",
                )
            )


def set_named(runs: Runs, text: str) -> list[Run]:
    """Return the runs that *text* means, the oldest first.

    It is a label; or a folder with runs, which begins with a dot or a slash where a label
    is called like it; or names of runs, as `Runs.find` takes them, with commas between.

    Raises:
        UsageError: Nothing is called so; with the labels that there are.
        ParseError: A run is damaged or was altered.
    """
    known = labels(runs)
    if text in known:
        return [runs.open(name) for name in known[text]]
    folder = Path(text)
    if folder.is_dir() and not (folder / JSON).exists():
        inside = Runs(folder)
        found = [inside.open(name) for name in reversed(inside.ids())]
        if found:
            return found
    try:
        return [runs.open(name.strip()) for name in text.split(",")]
    except UsageError as error:
        if error.faults[0].code != "unknown-run":
            raise
        fix = did_you_mean(text, [*known, LATEST]) if known else None
        raise UsageError(
            Fault(
                "unknown-set",
                f"nothing in {near(runs.folder)} is called {text!r}, neither a label nor a run",
                fix=fix or "oneiric-lab load run SCENARIO --runs 6 --label before",
            )
        ) from None
