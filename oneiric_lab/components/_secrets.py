"""Where an application finds secrets: a folder with one file each, or its environment.

Both are called with a name and return the text, or None where there is none, so they can
be handed to `Inputs(secret_providers=...)` as they are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.config import WorkspacePath  # noqa: TC001 - pydantic reads the annotations

from ._settings import ComponentSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT = 1 << 20
"""Bytes; whatever is larger is no secret but an accident."""


class DirectorySecretsSettings(ComponentSettings):
    """Settings of `adapter:secrets` by directory."""

    path: WorkspacePath = "/run/secrets"
    """Folder with one file a secret, as Docker, Kubernetes and systemd mount it."""


class DirectorySecrets:
    """One file a secret; a rotated one is seen at the next call."""

    def __init__(self, settings: DirectorySecretsSettings | None = None) -> None:
        self._folder = Path((settings or DirectorySecretsSettings()).path)

    def __call__(self, name: str) -> str | None:
        """Return the secret *name* without its last line end, or None.

        A name is one file name: with `/` or `..` it names nothing.
        """
        if not name or name in {".", ".."} or any(c in name for c in "/\\\0"):
            return None
        try:
            with (self._folder / name).open("rb") as file:
                data = file.read(_LIMIT + 1)
            return None if len(data) > _LIMIT else data.decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return None

    def names(self) -> list[str]:
        """Return the names of all secrets, sorted; mount machinery (`..data`) left out."""
        if not self._folder.is_dir():
            return []
        found = self._folder.iterdir()
        return sorted(p.name for p in found if p.is_file() and not p.name.startswith("."))

    def health(self) -> bool:
        """Return whether the folder is there."""
        return self._folder.is_dir()

    def __repr__(self) -> str:
        return f"<DirectorySecrets: {len(self.names())} secrets>"


class EnvironmentSecretsSettings(ComponentSettings):
    """Settings of `adapter:secrets` by environment."""

    prefix: str = "ONEIRIC_SECRET_"


class EnvironmentSecrets:
    """One variable a secret, in capitals behind a prefix.

    Example:
        >>> EnvironmentSecrets(environ={"ONEIRIC_SECRET_API_KEY": "x"})("api-key")
        'x'
    """

    def __init__(
        self,
        settings: EnvironmentSecretsSettings | None = None,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._prefix = (settings or EnvironmentSecretsSettings()).prefix
        self._environ = os.environ if environ is None else environ

    def __call__(self, name: str) -> str | None:
        """Return the secret *name*, or None."""
        plain = "".join(c if c.isalnum() else "_" for c in name).upper()
        return self._environ.get(self._prefix + plain)

    def __repr__(self) -> str:
        return f"<EnvironmentSecrets: {self._prefix}*>"
