"""An import that fails in any way is told from the others, and takes nothing down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.plugins import ProbeRequest, ProbeResult, probe

if TYPE_CHECKING:
    from pathlib import Path

BAD = {
    "good": "def make(): pass\n",
    "absent": "import boto3_is_not_here\n",
    "partial": "from json import nothing_of_this_name\n",
    "typo": "def make(:\n",
    "leaves": "raise SystemExit(3)\n",
    "leaves_hard": "import os\nos._exit(4)\n",
    "crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
    "prints": "print('hello')\ndef make(): pass\n",
    "whispers": "import sys\nprint('psst', file=sys.stderr)\ndef make(): pass\n",
    "raises": "1 / 0\n",
    "value": "make = 3\n",
    "nested": "class A:\n    def make(self): pass\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one module for each way to fail."""
    for name, text in BAD.items():
        (tmp_path / f"probed_{name}.py").write_text(text)
    return tmp_path


def run(folder: Path, factory: str, **options: float) -> ProbeResult:
    """Probe one factory."""
    import sys

    (result,) = probe([ProbeRequest(factory, (str(folder), *sys.path))], **options)  # type: ignore[arg-type]  # options of probe
    return result


class TestProbe:
    @pytest.mark.parametrize(
        ("factory", "kind", "detail"),
        [
            ("good:make", "ok", ""),
            ("nested:A.make", "ok", ""),
            ("whispers:make", "ok", ""),
            ("absent:make", "import-error", "ModuleNotFoundError: boto3_is_not_here"),
            ("partial:make", "import-error", "ImportError: cannot import name"),
            ("typo:make", "syntax-error", "SyntaxError: "),
            ("leaves:make", "exit", "SystemExit: 3"),
            ("leaves_hard:make", "exit", "ended with exit code 4"),
            ("crashes:make", "crash", "ended by SIGSEGV"),
            ("prints:make", "prints", "prints when it is imported"),
            ("raises:make", "error", "ZeroDivisionError: division by zero"),
            ("value:make", "wrong-type", "probed_value:make is a int, not callable"),
            ("good:gone", "wrong-type", "probed_good has no attribute gone"),
        ],
    )
    def test_each_failure_has_its_kind(
        self, folder: Path, factory: str, kind: str, detail: str
    ) -> None:
        """The kind is stable, the detail is for people."""
        result = run(folder, f"probed_{factory}")

        assert kind == result.kind
        assert result.detail.startswith(detail)
        assert (kind == "ok") is result.ok

    def test_a_hang_ends_with_its_whole_process_group(self, folder: Path) -> None:
        """A child that the import started does not outlive the probe."""
        mark = folder / "mark"
        child = f"import time; time.sleep(2); open({str(mark)!r}, 'w').close()"
        (folder / "probed_hangs.py").write_text(
            "import subprocess, sys, time\n"
            f"subprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(60)\n"
        )

        result = run(folder, "probed_hangs:make", timeout=1.0)
        time.sleep(2)

        assert (result.kind, result.detail) == ("hang", "still importing after 1 s")
        assert not mark.exists()

    def test_output_and_traceback_are_kept_and_shown(self, folder: Path) -> None:
        """The traceback has the plugin's frames and none of the runner's."""
        printed = run(folder, "probed_prints:make")
        raised = run(folder, "probed_raises:make")

        assert printed.output == "hello\n"
        assert "probed_raises.py" in raised.traceback
        assert "<string>" not in raised.traceback
        assert str(folder) not in raised.traceback  # it reads the same on every machine
        assert "hello" in str(printed)
        assert "ZeroDivisionError" in str(raised)
        assert repr(raised) == "<ProbeResult: probed_raises:make: error>"
        assert "✗" not in str(run(folder, "probed_good:make"))
        assert {"ok": False, "kind": "error"}.items() <= raised.as_dict().items()

    def test_an_ok_of_its_own_is_a_note(self) -> None:
        """A detail of a good result does not look like a fault."""
        assert "i fine" in str(ProbeResult(ProbeRequest("a:b"), "ok", "fine"))

    def test_a_second_of_one_name_is_a_duplicate(self, folder: Path) -> None:
        """It is told without being run; each result is handed over as it comes."""
        import sys

        seen: list[ProbeResult] = []
        request = ProbeRequest("probed_good:make", (str(folder), *sys.path), "adapter:a good")

        results = probe([request, request], done=seen.append)

        assert [r.kind for r in results] == ["ok", "duplicate"]
        assert results == seen

    def test_cancelling_kills_what_runs_and_skips_the_rest(self, folder: Path) -> None:
        """Both say that they were cancelled, at once."""
        (folder / "probed_slow.py").write_text("import time\ntime.sleep(60)\n")
        start = time.monotonic()

        results = probe(
            [ProbeRequest("probed_slow:make", (str(folder),)), ProbeRequest("x:y")],
            cancelled=lambda: time.monotonic() > start + 0.3,
        )

        assert [r.kind for r in results] == ["cancelled", "cancelled"]
        assert time.monotonic() - start < 10
