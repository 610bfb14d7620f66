"""What every verb is given: the workspace it is about, and how to ask the user."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError

from ._names import known_names

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from oneiric_lab.lab import Lab, Loads
    from oneiric_lab.runtime import Watch
    from oneiric_lab.views import Result

    from ._names import Names

_FILES = ("oneiric.toml", "oneiric.yaml", "oneiric.yml", "oneiric.json")


Work = Callable[[Callable[[int, int, str], None], Callable[[], bool]], "Result"]
"""Long work: told where its progress goes, and how to ask whether to stop."""


def _unseen(prompt: str) -> str:
    """Ask in the terminal or the notebook."""
    from oneiric_lab.lab import ask_unseen  # noqa: PLC0415 - few verbs ask

    return ask_unseen(prompt)


class Held:
    """A workspace that a door keeps open, opened anew when what it was read from changed.

    Args:
        lab: The open workspace.
        environ: The environment that it was opened with.
    """

    __slots__ = ("_environ", "_seen", "lab")

    def __init__(self, lab: Lab[Any], environ: dict[str, str]) -> None:
        self.lab = lab
        self._environ = environ
        self._seen = self._look()

    def is_stale(self) -> bool:
        """Tell whether a file or the environment changed; costs a `stat` for each file."""
        return self._environ != os.environ or self._seen != self._look()

    def _look(self) -> dict[Path, object]:
        from oneiric_lab.files import stat_key  # noqa: PLC0415 - `--help` opens nothing
        from oneiric_lab.lab import followed  # noqa: PLC0415 - see above

        return {path: stat_key(path) for path in followed(self.lab.snapshot)}


@dataclass
class Interaction:
    """How a door talks with its user while a verb runs.

    Attributes:
        body: Text below a cell magic, or on standard input.
        layer: Where changes go when nobody says: `session` in a kernel, `project` in a shell.
        workspace: The folder that is meant when nobody says; a kernel remembers `-C`.
        labs: Open workspaces of this door, by options.
        progress: Told how far long work is: done, total, and what was just done.
        submit: Starts long work and returns its job at once; None where a door has no jobs.
        loads: Starts load runs, each a job; None where a door has no jobs.
        current: The lab that is meant when nobody names a workspace: a kernel's own `lab`.
        takes_over: Whether a verb may keep the terminal until it ends; a kernel has none.
        machine: Whether a program reads what is printed.
        names: What completion knows of a workspace, None where it does not open.
        memo: The names that were asked for last, with what they were made from.
        page: Returns which versions the page has that shows a kernel; None where none told.
        passphrase: Asked with a prompt for what must not be seen while it is typed.
    """

    body: Callable[[], str | None] = lambda: None
    layer: str = "project"
    workspace: str = "."
    labs: dict[tuple[object, ...], Held] = field(default_factory=dict)
    progress: Callable[[int, int, str], None] = lambda done, total, note: None
    submit: Callable[[str, Work], Result] | None = None
    loads: Callable[[], Loads] | None = None
    current: Callable[[], Lab[Any] | None] = lambda: None
    takes_over: bool = True
    machine: bool = False
    names: Callable[[Context], Names | None] = known_names
    memo: tuple[object, object, Names] | None = None
    page: Callable[[], Mapping[str, str] | None] = lambda: None
    passphrase: Callable[[str], str] = _unseen

    def work(self, name: str, do: Work) -> Result:
        """Do long work and return its result, or its job where the door has jobs."""
        if self.submit is not None:
            return self.submit(name, do)
        return do(self.progress, lambda: False)


@dataclass(frozen=True, slots=True)
class Stream:
    """Results that come one by one until their reader stops.

    Attributes:
        name: What brings them.
        open: Starts them, in the loop that reads.
        hint: What a shell says before the first one; empty for nothing.
        judged: Whether the last one's exit code is the shell's.
    """

    name: str
    open: Callable[[], Watch[Any] | AsyncGenerator[Result, None]]
    hint: str = "waiting for changes, Ctrl-C ends it"
    judged: bool = False


@dataclass
class Context:
    """The options that all verbs share."""

    interaction: Interaction
    workspace: str = "."
    profiles: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    policy: str | None = None

    def lab(self) -> Lab[Any]:
        """Open the workspace, or return it where this door has it open."""
        from oneiric_lab.lab import Lab  # noqa: PLC0415 - `--help` opens nothing

        options = (self.profiles, self.config, self.sets, self.policy)
        current = self.interaction.current() if self.workspace == "." else None
        if current is not None and not any(options):
            return current
        workspace = self.workspace if current is None else str(current.root)
        key = self._key(workspace)
        held = self.interaction.labs.get(key)
        if held is not None and not held.is_stale():
            return held.lab
        if current is None:
            self.require()
        environ = dict(os.environ)
        found = Lab.open(
            workspace,
            profiles=self.profiles or None,
            config=self.config,
            set=self.sets,
            policy=self.policy,
            # The same folder, whose code runs in this process already.
            environ=environ if current is None else current.snapshot.inputs.environ,
            trusted=current is not None,
        )
        self.interaction.labs[key] = Held(found, environ)
        if held is not None and (session := held.lab.snapshot.inputs.session):
            # What was set for this kernel only is no less in force for an edit of a file.
            found.plan({value.path: value.value for value in session}).apply()
        return found

    def inside(self, path: str) -> str:
        """Return a path that is seen from here as it is seen from the workspace's folder.

        A shell's user means files as seen from where the shell stands, and so does a cell's.
        What lies elsewhere is named as a whole.
        """
        file, folder = Path(os.path.abspath(Path(path).expanduser())), self.folder()  # noqa: PTH100 - `..` goes, links stay
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)

    def sides(self, *names: str) -> list[str]:
        """Return what is compared as the lab takes it: manifests are files, and others are not."""
        from oneiric_lab.lab import is_manifest  # noqa: PLC0415 - `--help` needs none

        return [self.inside(name) if is_manifest(name) else name for name in names]

    def folder(self) -> Path:
        """Return the folder of the workspace, where there is one or not."""
        current = self.interaction.current() if self.workspace == "." else None
        return Path(self.workspace).expanduser().resolve() if current is None else current.root

    def is_workspace(self) -> bool:
        """Tell whether the folder holds a workspace."""
        return _is_workspace(self.folder())

    def last_good(self) -> Lab[Any] | None:
        """Return the workspace as this door had it open last, or None."""
        held = self.interaction.labs.get(self._key(self.workspace))
        return None if held is None else held.lab

    def _key(self, workspace: str) -> tuple[object, ...]:
        root = Path(workspace).expanduser().resolve()
        return (root, self.profiles, self.config, self.sets, self.policy)

    def require(self) -> None:
        """Refuse a folder that holds no workspace.

        Raises:
            UsageError: With how to make one.
        """
        if self.is_workspace():
            return
        given = self.workspace != "."
        folder = shlex.quote(self.workspace)
        if (above := self._above()) is not None:
            fix = f"one above does: oneiric-lab -C {shlex.quote(above)} VERB"
        elif given:
            fix = (
                f"oneiric-lab init {folder}  (an empty one), or  oneiric-lab init --sample {folder}"
            )
        else:
            fix = "oneiric-lab init  (an empty one), or  oneiric-lab init --sample DIR"
        raise UsageError(
            Fault(
                "no-workspace",
                f"{self.workspace if given else 'this folder'} holds no workspace:"
                " there is no oneiric.toml",
                fix=fix,
            )
        )

    def _above(self) -> str | None:
        """Return the nearest workspace that the folder stands in, as one would write it."""
        folder = self.folder()
        for parent in folder.parents if os.path.lexists(folder) else ():
            if _is_workspace(parent):
                return os.path.relpath(parent)
        return None


def _is_workspace(root: Path) -> bool:
    # A file that may not be looked at, or a link that leads nowhere, is told when it is read.
    return any(os.path.lexists(root / name) for name in _FILES)
