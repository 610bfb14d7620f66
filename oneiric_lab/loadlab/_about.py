"""Which run it is: its name, when it began, and what it was made with."""

from __future__ import annotations

import platform
import re
import secrets
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

ID: Final = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}-[0-9a-f]{6}")
"""Date, time and milliseconds in UTC, so that names sort by time, and six digits of chance,
so that two processes never choose the same."""

LABEL: Final = re.compile(r"[^\W\d_][\w.=+-]{0,99}")
"""A word that no path and no beginning of an `ID` is."""

# Of these a figure may depend; what is not installed is left out.
_COUNT: Final = ("oneiric-lab", "numpy", "uvloop")
_GIT_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class About:
    """Which run it is.

    Attributes:
        id: Its name, unique, in the order of time; see `ID`.
        started: When it began, in UTC.
        versions: Of Python and of the distributions that a figure depends on.
        revision: The commit of the folder it was started in; None where git knows none.
        label: What a set of runs is called, so that it is found; empty where nobody said.
    """

    id: str
    started: datetime
    versions: Mapping[str, str] = field(default_factory=dict)
    revision: str | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse a name that is none, since a folder is made of it, and a label that is none."""
        if not ID.fullmatch(self.id):
            raise UsageError(
                Fault("usage", f"{self.id!r} is no name of a run", fix="About.now() gives one")
            )

        if self.label and not LABEL.fullmatch(self.label):
            raise UsageError(
                Fault(
                    "bad-label",
                    f"{self.label!r} is no label",
                    why="a label begins with a letter and has letters, digits and . _ = + -",
                    fix="before, after, provider=redis",
                )
            )

    @classmethod
    def now(cls, folder: Path | None = None) -> Self:
        """Return that of a run which begins now, in *folder* or the current one."""
        started = datetime.now(UTC)
        stamp = f"{started:%Y%m%d-%H%M%S}-{started.microsecond // 1000:03}"
        return cls(
            f"{stamp}-{secrets.token_hex(3)}", started, _versions(), revision_of(folder or Path())
        )

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "id": self.id,
            "started": self.started.isoformat(),
            "versions": dict(self.versions),
            "revision": self.revision,
            "label": self.label,
        }


def revision_of(folder: Path) -> str | None:
    """Return the commit that *folder* is at, or None where git knows none; about 3 ms.

    Nothing is asked of the working tree: that would run the filters a repository names.
    """
    try:
        said = subprocess.run(  # noqa: S603 - no shell, and no word of it comes from outside
            ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "HEAD"],  # noqa: S607 - the user's own git
            capture_output=True,
            check=True,
            timeout=_GIT_SECONDS,
        ).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return None  # no git, no repository, or no commit yet
    return said.decode("ascii", "replace").strip() or None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _COUNT:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
