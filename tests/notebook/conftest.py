"""An IPython shell in this process, with our extension loaded."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = """\
[app]
name = "shop"

[server]
host = "127.0.0.1"
port = 8080
tls.cert = "x"

[profiles.prod.server]
port = 443

[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a small workspace."""
    path = tmp_path / "w"
    path.mkdir()
    (path / "oneiric.toml").write_text(PROJECT)
    return path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Any]:
    """Return an IPython shell that works in *folder*."""
    interactive = pytest.importorskip(
        "IPython.core.interactiveshell", reason="needs oneiric-lab[notebook]"
    )
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.chdir(folder)
    # A documentation example that was run before has put its last value there, and IPython
    # leaves `_` alone where it is the language's own.
    monkeypatch.delattr(builtins, "_", raising=False)
    config = Config()
    config.HistoryManager.enabled = False
    interactive.InteractiveShell.clear_instance()
    made = interactive.InteractiveShell.instance(config=config)
    made.run_line_magic("load_ext", "oneiric_lab")
    yield made
    made.run_line_magic("unload_ext", "oneiric_lab")
    interactive.InteractiveShell.clear_instance()
