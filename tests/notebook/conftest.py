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


class Wire:
    """What goes from the kernel to the browser, and back: a comm without either."""

    made: list[Wire]

    def __init__(self, **opened: Any) -> None:
        self.comm_id = f"comm-{len(self.made)}"
        self.kernel = self
        self.sent: list[Any] = [opened]
        self.buffers: list[Any] = [opened.get("buffers") or []]
        self.made.append(self)

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:
        """Keep what is sent."""
        self.sent.append(data)
        self.buffers.append(buffers or [])

    def on_msg(self, callback: Any) -> None:
        """Keep who listens."""
        self.callback = callback

    def on_close(self, callback: Any) -> None:
        """Nothing closes."""

    def close(self, *_: Any, **__: Any) -> None:
        """Nothing closes."""

    def click(self, content: Any) -> None:
        """Let the browser say something."""
        message = {"data": {"method": "custom", "content": content}}
        self.callback({"content": message, "buffers": []})

    def told(self, what: str) -> list[Any]:
        """Return the messages of one kind."""
        custom = [data["content"] for data in self.sent if data.get("method") == "custom"]
        return [content[what] for content in custom if what in content]

    def state(self, name: str) -> list[Any]:
        """Return the values of a trait that were sent, the first one included."""
        states = [self.sent[0]["data"]["state"]]
        states += [data["state"] for data in self.sent[1:] if data.get("method") == "update"]
        return [state[name] for state in states if name in state]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> type[Wire]:
    """Return what stands for all connections to a browser."""
    import comm

    Wire.made = []
    monkeypatch.setattr(comm, "create_comm", Wire)
    return Wire


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
