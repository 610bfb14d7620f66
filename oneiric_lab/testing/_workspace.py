"""A workspace built file by file, and opened: what a test says is what it is about."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from pydantic import BaseModel

    from oneiric_lab.lab import Lab

Content = str | bytes | Mapping[str, Any]
"""What a file holds: text, bytes, or tables that are written as TOML."""


class Workspace:
    r"""A builder of workspaces: each call writes one file and returns the builder.

    As a context manager it makes a folder and removes it at the end; given a folder, it
    uses that one and leaves it there. A lab that it opens sees no environment but the
    variables given here, so that the machine's own can not change a test, and may import
    the workspace's code, which the test has written itself.

    Args:
        path: The folder; None makes a temporary one on entering.

    Example:
        >>> with Workspace() as workspace:
        ...     lab = (
        ...         workspace.project("[server]\nport = 8080")
        ...         .profile("prod", {"server": {"port": 80}})
        ...         .open(profiles=["prod"])
        ...     )
        ...     lab.value("server.port"), str(lab.origin("server.port"))
        (80, 'oneiric.prod.toml:2:8')
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._path = None if path is None else Path(path).resolve()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._environ: dict[str, str] = {}
        self._schema: type[BaseModel] | None = None
        self._policy: Path | None = None

    @property
    def path(self) -> Path:
        """The folder.

        Raises:
            RuntimeError: It was neither given nor made yet.
        """
        if self._path is None:
            raise RuntimeError("enter the workspace first: with Workspace() as workspace: ...")
        return self._path

    def file(self, name: str, content: Content) -> Self:
        """Write the file *name* below the folder, parents included."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(content))
        return self

    def project(self, content: Content) -> Self:
        """Write `oneiric.toml`."""
        return self.file("oneiric.toml", content)

    def profile(self, name: str, content: Content) -> Self:
        """Write the file of the profile *name*."""
        return self.file(f"oneiric.{name}.toml", content)

    def local(self, content: Content) -> Self:
        """Write `oneiric.local.toml`, the layer of one machine."""
        return self.file("oneiric.local.toml", content)

    def dotenv(self, **variables: str) -> Self:
        """Write `.env`."""
        lines = (f"{name}={value}\n" for name, value in variables.items())
        return self.file(".env", "".join(lines))

    def secret(self, name: str, value: str) -> Self:
        """Write the secret *name* to its file in `secrets/`."""
        return self.file(f"secrets/{name}", value)

    def policy(self, content: Content) -> Self:
        """Write `policy.toml` and lock what it says in every lab that is opened from here."""
        self._policy = self.path / "policy.toml"
        return self.file("policy.toml", content)

    def environ(self, **variables: str) -> Self:
        """Set variables of the environment that labs will see."""
        self._environ.update(variables)
        return self

    def schema(self, model: type[BaseModel]) -> Self:
        """Validate the user's tables by *model* in every lab that is opened from here."""
        self._schema = model
        return self

    def open(self, **options: Any) -> Lab[Any]:
        """Open what was built; *options* are those of `Lab.open` and go before ours.

        Raises:
            InvalidConfigError: With every fault of every layer.
        """
        from oneiric_lab.lab import Lab  # noqa: PLC0415 - building needs no lab

        ours: dict[str, Any] = {
            "environ": self._environ,
            "schema": self._schema,
            "policy": self._policy,
            "trusted": True,
        }
        return Lab.open(self.path, **{**ours, **options})

    def __enter__(self) -> Self:
        if self._path is None:
            self._folder = tempfile.TemporaryDirectory(prefix="oneiric-workspace-")
            self._path = Path(self._folder.name).resolve()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = self._path = None


def _bytes(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    import tomlkit  # noqa: PLC0415 - only tables given as data pay

    return tomlkit.dumps(content).encode()
