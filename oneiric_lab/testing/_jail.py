"""A folder and an environment that are given back as they were."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class Jail:
    r"""A temporary current folder and environment, for tests and examples.

    Inside, the current folder is empty and the environment holds only what is given
    (and `PATH` and the temporary folder, without which programs do not start). At the
    end both are as they were before, whatever happened inside.

    Example:
        >>> with Jail(environ={"SHOP_PORT": "1"}) as jail:
        ...     path = jail.write("oneiric.toml", "[app]\nname = 'shop'\n")
        ...     path.name, os.environ["SHOP_PORT"]
        ('oneiric.toml', '1')
    """

    def __init__(self, *, environ: Mapping[str, str] | None = None) -> None:
        self._given = dict(environ or {})
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._before: tuple[str, dict[str, str]] | None = None

    @property
    def path(self) -> Path:
        """The jail's folder.

        Raises:
            RuntimeError: The jail was not entered.
        """
        if self._folder is None:
            raise RuntimeError("enter the jail first: with Jail() as jail: ...")
        return Path(self._folder.name).resolve()

    def write(self, name: str, text: str | bytes) -> Path:
        """Write *text* to the file *name* below the folder, parents included."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def read(self, name: str) -> str:
        """Return the text of the file *name*, line ends as they are."""
        return (self.path / name).read_bytes().decode()

    def __enter__(self) -> Self:
        self._before = (os.getcwd(), dict(os.environ))  # noqa: PTH109 - given back as text to chdir
        self._folder = tempfile.TemporaryDirectory(prefix="oneiric-jail-")
        keep = {k: v for k, v in os.environ.items() if k in {"PATH", "TMPDIR", "TEMP", "TMP"}}
        os.environ.clear()
        os.environ.update({**keep, **self._given})
        os.chdir(self.path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._before is not None and self._folder is not None:
            folder, environ = self._before
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environ)
            self._folder.cleanup()
            self._folder = self._before = None
