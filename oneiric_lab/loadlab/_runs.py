"""The runs that were kept in a folder; nothing deletes one but its user."""

from __future__ import annotations

import os
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import (
    Fault,
    FileAccessError,
    OneiricError,
    Origin,
    UsageError,
    did_you_mean,
)
from oneiric_lab.store import FOLDER, is_writable, make_folder

from ._about import ID
from ._plan import load_in_words, plan_of
from ._run import Run
from ._saved import JSON, read_file
from ._words import verdict_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

LATEST: Final = "latest"
"""What names the newest run of a folder."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One run of a folder, as a list tells of it.

    Attributes:
        id: Its name.
        path: Its own folder.
        started: When it began, in UTC; None where it is damaged, as all below.
        scenario: What was driven.
        load: How, in words.
        exit_code: As of `Run`.
        objectives: How many were met, and how many there were.
        wrong: Why it cannot be read; empty where it can.
        label: What its set is called; empty where nobody said.
    """

    id: str
    path: Path
    started: datetime | None = None
    scenario: str = ""
    load: str = ""
    exit_code: int | None = None
    objectives: tuple[int, int] | None = None
    wrong: str = ""

    @property
    def verdict(self) -> str:
        """What came of it, in words."""
        return "damaged" if self.exit_code is None else verdict_in_words(self.exit_code)

    label: str = ""


class Runs:
    """The runs in *folder*, the newest first; it need not exist yet.

    Example:
        >>> runs = Runs("runs")
        >>> [kept.id for kept in runs]
        []
    """

    __slots__ = ("folder",)

    def __init__(self, folder: str | Path = "runs") -> None:
        self.folder = Path(folder)

    @classmethod
    def of(cls, workspace: str | Path) -> Runs:
        """Return those of a workspace: its `.oneiric/runs`."""
        return cls(Path(workspace) / FOLDER / "runs")

    def ids(self) -> list[str]:
        """Return the names of all, the newest first; no file is opened."""
        try:
            found = [p.name for p in self.folder.iterdir() if ID.fullmatch(p.name)]
        except OSError:
            return []
        # A folder without it was not written to its end.
        return sorted((i for i in found if (self.folder / i / JSON).exists()), reverse=True)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.ids())

    def __iter__(self) -> Iterator[Kept]:
        """Yield what a list tells of each, the newest first; counts are not read."""
        for name in self.ids():
            yield self.kept(name)

    def find(self, name: str | Path = LATEST) -> Path:
        """Return the folder of one run.

        Args:
            name: `latest`, the beginning of a name that no other begins with, its last
                part or a beginning of it (`1f2e`), or a path of a run's folder or its
                `run.json`, seen from here or from this folder.

        Raises:
            UsageError: There is none of this name, or more than one.
        """
        path = Path(name)
        if path.name == JSON:
            path = path.parent
        for folder in (path, self.folder / path):
            if (folder / JSON).is_file():
                return folder
        ids, text = self.ids(), str(name)
        if text == LATEST and ids:
            return self.folder / ids[0]
        found = [i for i in ids if i.startswith(text) or i.rpartition("-")[2].startswith(text)]
        if len(found) == 1 and text:
            return self.folder / found[0]
        if len(found) > 1:
            raise UsageError(
                Fault(
                    "ambiguous-run",
                    f"{len(found)} runs in {self.folder} have the name {text!r}",
                    fix=f"say more of it: {', '.join(found[:3])}{', …' if len(found) > 3 else ''}",  # noqa: PLR2004 - three show how they differ
                )
            )
        raise UsageError(
            Fault(
                "unknown-run",
                f"no run {text!r} in {self.folder}" if ids else f"there is no run in {self.folder}",
                fix=did_you_mean(text, [LATEST, *ids]) if ids else "oneiric-lab load run SCENARIO",
            )
        )

    def open(self, name: str | Path = LATEST) -> Run:
        """Return one run; see `find` for *name* and `Run.open` for what is refused."""
        return Run.open(self.find(name))

    def make(self) -> None:
        """Make the folder where it is missing, and see that runs can be kept in it.

        Raises:
            FileAccessError: They cannot.
        """
        try:
            if self.folder.parent.name == FOLDER:
                make_folder(self.folder.parent)
            self.folder.mkdir(parents=True, exist_ok=True)
            if not is_writable(self.folder):
                raise PermissionError(EACCES, os.strerror(EACCES))
        except OSError as error:
            raise FileAccessError(
                Fault(
                    "file-unwritable",
                    f"no run can be kept in {self.folder}: {error.strerror}",
                    Origin("", file=str(self.folder)),
                    fix="keep it elsewhere (--out DIR), or not at all (--no-save)",
                )
            ) from error

    def save(self, run: Run) -> Path:
        """Keep *run*, and return its own folder; see `Run.save`."""
        self.make()
        return run.save(self.folder)

    def __repr__(self) -> str:
        return f"<Runs: {len(self)} in {self.folder.name}>"

    def kept(self, name: str) -> Kept:
        """Return what a list tells of the run of this name; a damaged one is told as such."""
        path = self.folder / name
        try:
            file = read_file(path)
            plan = plan_of(file.plan)
        except OneiricError as error:
            return Kept(name, path, wrong=error.faults[0].message)
        met = sum(objective.ok is True for objective in file.objectives)
        return Kept(
            name,
            path,
            file.started,
            plan.name,
            load_in_words(plan),
            file.exit_code,
            (met, len(file.objectives)),
            label=file.label,
        )
