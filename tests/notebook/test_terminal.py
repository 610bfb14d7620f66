"""In a terminal IPython, and in a real kernel: what a user types and sees."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environ(tmp_path: Path, folder: Path) -> dict[str, str]:
    """Return the environment of a new user."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("COV_", "COVERAGE"))},
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "PROMPT_TOOLKIT_NO_CPR": "1",
        "NO_COLOR": "1",
        "PYTHONWARNINGS": "ignore",
    }


class TestTerminal:
    def test_a_session(self, folder: Path, environ: dict[str, str]) -> None:
        """
        The extension loads, answers in text, completes by Tab, and shows faults bare.
        """
        pexpect = pytest.importorskip("pexpect", reason="needs pexpect")
        pytest.importorskip("IPython", reason="needs oneiric-lab[notebook]")
        child = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--no-banner", "--colors=NoColor", "--no-confirm-exit"],
            env=environ,
            encoding="utf-8",
            dimensions=(50, 110),
            timeout=30,
        )
        try:
            child.expect(r"In \[1\]")
            child.sendline("%load_ext oneiric_lab")
            child.expect(r"In \[2\]")
            child.sendline(f"%oneiric -C {folder} explain adapter:cache")
            child.expect(r"explain adapter:cache -> memory 1\.0\.0")
            child.expect(r"2 +sqlite")
            child.expect(r"In \[3\]")
            child.send("%oneiric explain server.po\t")
            # On a busy machine the terminal has drawn what was typed before the rest is known.
            child.expect(r"server\.po(?:\x1b\[[?\d;]*[A-Za-z])*rt")
            child.sendline("")
            child.expect(r"explain server\.port -> 8080")
            child.expect(r"In \[4\]")
            child.sendline("%oneiric explain server.prot")
            child.expect("did you mean `server.port`")
            assert "Traceback" not in child.before
            child.sendline("exit")
            child.expect(pexpect.EOF)
        finally:
            child.close(force=True)


@pytest.fixture
def kernel(folder: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the client of a real kernel that works in *folder*."""
    manager_module = pytest.importorskip("jupyter_client.manager", reason="needs oneiric-lab[lab]")
    pytest.importorskip("ipykernel", reason="needs oneiric-lab[lab]")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    manager, client = manager_module.start_new_kernel(kernel_name="python3", cwd=str(folder))
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(client: Any, code: str) -> list[dict[str, Any]]:
    """Return the outputs of a cell."""
    found: list[dict[str, Any]] = []

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] in {"execute_result", "error", "stream"}:
            found.append({"type": message["msg_type"], **message["content"]})

    client.execute_interactive(code, output_hook=keep, timeout=60)
    return found


class TestKernel:
    @pytest.mark.filterwarnings("ignore")
    def test_displays_errors_and_completion(self, kernel: Any, folder: Path) -> None:
        """
        A result carries view, HTML and text; an error only its card; a Tab completes.
        """
        run(kernel, "%load_ext oneiric_lab")
        (shown,) = run(kernel, "%oneiric explain adapter:cache")
        (card,) = run(kernel, "%oneiric explain server.prot")
        reply = kernel.complete("%oneiric explain server.", reply=True, timeout=20)

        data = shown["data"]
        assert {"application/vnd.oneiric.view+json", "text/html", "text/plain"} <= data.keys()
        assert "<script" not in data["text/html"]
        assert data["application/vnd.oneiric.view+json"]["kind"] == "explain-component"
        assert card["type"] == "error"
        text = "\n".join(card["traceback"])
        assert re.sub(r"\x1b\[[\d;]*m", "", text).startswith("error: no value server.prot")
        assert ".py" not in text
        matches = ["server.host", "server.port", "server.tls."]
        assert reply["content"]["matches"] == matches
