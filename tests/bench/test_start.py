"""What a person waits for: the import, the first lines of the shell, and the Tab key.

Processes are measured by the CPU time of what they were, from start to end; the Tab key in a
kernel by the clock of the wall, from the request to the reply.
"""

from __future__ import annotations

import atexit
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.blocking.client import BlockingKernelClient
    from pytest_benchmark.fixture import BenchmarkFixture

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "notebooks" / "shop"
SCRIPT = str(Path(sys.executable).with_name("oneiric-lab"))


def children() -> float:
    """Return the CPU seconds of all processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


of_children = pytest.mark.benchmark(timer=children)


def run(*command: str, **variables: str) -> str:
    """Run *command* as a shell would: where it is installed, bytecode is kept."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        command,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        env={**kept, "PYTHONPYCACHEPREFIX": bytecode(), **variables},
    ).stdout


@cache
def bytecode() -> str:
    """Return a folder for it, which goes when all was measured."""
    folder = tempfile.mkdtemp(prefix="bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@of_children
class TestStarting:
    """Whole processes."""

    @pytest.mark.parametrize(
        ("row", "code"),
        [("bare Python", "pass"), ("import oneiric_lab", "import oneiric_lab")],
    )
    def test_the_import(self, benchmark: BenchmarkFixture, row: str, code: str) -> None:
        benchmark.group = "import"
        benchmark.extra_info["row"] = row
        benchmark.pedantic(run, (sys.executable, "-c", code), rounds=30, warmup_rounds=2)

    def test_the_help(self, benchmark: BenchmarkFixture) -> None:
        assert "explain" in run(SCRIPT, "--help")
        benchmark.group = "shell"
        benchmark.extra_info["row"] = "oneiric-lab --help"
        benchmark.pedantic(run, (SCRIPT, "--help"), rounds=20)

    @pytest.mark.parametrize("target", ["server.port", "adapter:cache"])
    def test_explain_on_the_sample(self, benchmark: BenchmarkFixture, target: str) -> None:
        run(SCRIPT, "-C", str(SHOP), "allow")
        command = (SCRIPT, "-C", str(SHOP), "--profile", "prod", "explain", target)
        assert run(*command).startswith(f"explain {target}")
        benchmark.group = "shell"
        benchmark.extra_info["row"] = f"oneiric-lab explain {target}, on the sample"
        benchmark.pedantic(run, command, rounds=20)

    @pytest.mark.parametrize(
        ("row", "line", "found"),
        [
            ("Tab in bash: a verb", "oneiric-lab exp", "explain"),
            ("Tab in bash: a value", "oneiric-lab explain server.", "server.workers"),
        ],
    )
    def test_the_tab_key_in_a_shell(
        self,
        benchmark: BenchmarkFixture,
        monkeypatch: pytest.MonkeyPatch,
        row: str,
        line: str,
        found: str,
    ) -> None:
        monkeypatch.chdir(SHOP)
        run(SCRIPT, "allow")
        given = {"_ONEIRIC_LAB_COMPLETE": "bash_complete", "COMP_LINE": line}
        # The first Tab opens the workspace, and keeps its names.
        assert found in run(SCRIPT, **given)
        benchmark.group = "shell"
        benchmark.extra_info["row"] = row
        benchmark.pedantic(run, (SCRIPT,), given, rounds=20)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[BlockingKernelClient]:
    """A kernel with the magic, in a workspace of 5,000 keys."""
    keys = "".join(f"k{c} = {c}\n" for c in range(10))
    tables = [f"[t{a}.s{b}]\n{keys}" for a in range(50) for b in range(10)]
    (tmp_path / "oneiric.toml").write_text("\n".join(tables))
    manager = KernelManager()
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive("%load_ext oneiric_lab", timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.benchmark(timer=time.perf_counter)
def test_the_tab_key_in_a_kernel(benchmark: BenchmarkFixture, kernel: BlockingKernelClient) -> None:
    """The reply holds the next segments of the path, and the workspace stays open."""

    def tab() -> dict[str, Any]:
        reply: dict[str, Any] = kernel.complete("%oneiric explain t1.s", reply=True, timeout=60)
        return reply

    assert len(tab()["content"]["matches"]) == 10
    benchmark.group = "tab"
    benchmark.extra_info["row"] = "Tab behind `%oneiric explain t1.s`, 5,000 keys"
    benchmark.pedantic(tab, rounds=40, warmup_rounds=3)
