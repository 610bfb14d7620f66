"""The sides of a comparison: now, other profiles, another revision, a lock file."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.config import load
from oneiric_lab.errors import Fault, UsageError

from ._locking import read_lock

if TYPE_CHECKING:
    from contextlib import ExitStack

    from oneiric_lab.config import Snapshot

# What no revision holds stays as it is now.
_UNVERSIONED = ("oneiric.local.toml", ".env", "secrets")
_GIT_SECONDS = 60


def side(now: Snapshot, name: str, held: ExitStack) -> Snapshot:
    """Return the configuration that *name* stands for.

    Args:
        now: The configuration in force.
        name: `now`, `profile:prod`, `profile:prod+eu`, `git:HEAD~3` or `file:x.lock.json`.
        held: Closes what the answer needs while its origins are asked.

    Raises:
        UsageError: It is none of these, or git does not know the revision.
        InvalidConfigError: That configuration has faults.
    """
    kind, _, rest = name.partition(":")
    if name == "now":
        return now
    if kind == "profile" and rest:
        names = tuple(part for part in rest.split("+") if part)
        return load(replace(now.inputs, profiles=names), previous=now)
    if kind == "git" and rest:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="oneiric-git-")))
        _check_out(now.inputs.root, rest, folder)
        return load(replace(now.inputs, root=folder))
    if kind == "file" and rest:
        return read_lock(now.inputs.root / rest, now.inputs).snapshot
    raise UsageError(
        Fault(
            "bad-side",
            f"{name!r} is no configuration",
            fix="now, profile:prod, profile:a+b, git:HEAD~3 or file:oneiric.lock.json",
        )
    )


def _check_out(root: Path, revision: str, target: Path) -> None:
    """Write the workspace as *revision* has it to *target*."""
    if revision.startswith("-"):
        raise UsageError(Fault("bad-revision", f"{revision!r} is no revision", fix="git:HEAD~1"))
    try:
        archive = subprocess.run(  # noqa: S603 - no shell, and an option is refused above
            ["git", "-C", str(root), "archive", "--format=tar", revision, "."],  # noqa: S607 - the user's own git
            capture_output=True,
            check=True,
            timeout=_GIT_SECONDS,
        ).stdout
    except FileNotFoundError:
        raise UsageError(
            Fault("no-git", "git is not installed", fix="apt-get install git")
        ) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(
            Fault(
                "bad-revision",
                f"git cannot give {revision}: {said[-1] if said else 'no reason given'}",
                fix="name a commit, tag or branch that holds this folder: git log --oneline",
            )
        ) from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    for name in _UNVERSIONED:
        source = root / name
        if source.exists() and not (target / name).exists():
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, target / name)
