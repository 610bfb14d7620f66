"""The tutorials are run, their outputs are kept, and nothing in them is of one machine only."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
TUTORIALS = sorted(FOLDER.glob("*.ipynb"))

# What differs from machine to machine or from run to run.
UNSTABLE = {
    "an address": r"\b0x[0-9a-f]{6,16}\b",
    # The made-up clocks of releases stand at midnight, where no real one is caught.
    "a clock": r"\b20\d\d-\d\d-\d\d[ T](?!00:00(?::00)?Z)\d\d:\d\d",
    "a duration": r"\b\d+(\.\d+)? ?(ns|µs|ms|seconds)\b",
    "a machine's folder": r"/(tmp|root|home|Users|work|var/folders)/(?!paperboat|lib/shop)",
    "a Python version": r"this is 3\.\d+",
}


def _cells(path: Path) -> list[dict[str, Any]]:
    """Return the notebook's cells of code."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
class TestTutorial:
    """Each of the notebooks."""

    def test_every_cell_was_run_in_order(self, path: Path) -> None:
        """A cell that was not run passes a strict run of the notebook unseen."""
        counts = [cell["execution_count"] for cell in _cells(path)]

        assert list(range(1, len(counts) + 1)) == counts

    def test_outputs_read_the_same_everywhere(self, path: Path) -> None:
        """No address, clock, duration, folder or version of one machine is kept."""
        for cell in _cells(path):
            text = json.dumps(cell["outputs"], ensure_ascii=False)
            # What is shown as measured, and compared by no run, has durations and nothing else.
            is_shown = "nbval-ignore-output" in cell["metadata"].get("tags", ())
            allowed = {"a duration"} if is_shown else set()
            assert {
                what: found.group()
                for what, pattern in UNSTABLE.items()
                if what not in allowed and (found := re.search(pattern, text))
            } == {}

    def test_answers_are_shown_richly(self, path: Path) -> None:
        """An answer has the view for the notebook, HTML for the web, and text."""
        kinds = {
            kind
            for cell in _cells(path)
            for output in cell["outputs"]
            for kind in output.get("data", {})
        }

        assert {"application/vnd.oneiric.view+json", "text/html", "text/plain"} <= kinds

    def test_a_saved_output_is_small(self, path: Path) -> None:
        """Whatever its data, an output takes at most 24 KB of a notebook."""
        sizes = [len(json.dumps(output)) for cell in _cells(path) for output in cell["outputs"]]

        assert max(sizes) <= 24 * 1024

    def test_no_kernel_that_is_gone_is_named(self, path: Path) -> None:
        """A live view of the last run would hide the snapshot where our extension is not."""
        assert "widget-view" not in path.read_text(encoding="utf-8")

    def test_an_error_shows_no_traceback_of_ours(self, path: Path) -> None:
        """What went wrong is told in the words of the user's files."""
        for cell in _cells(path):
            for output in cell["outputs"]:
                if output["output_type"] == "error":
                    assert "Traceback" not in "".join(output["traceback"])
                    assert "raises-exception" in cell["metadata"]["tags"]

    def test_needs_no_kernel_of_its_own(self, path: Path) -> None:
        """It names the kernel that every installation has, and nothing of who ran it."""
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]

        assert metadata["kernelspec"]["name"] == "python3"
        assert metadata["language_info"] == {"name": "python"}


def test_there_are_five_beginning_with_the_tour() -> None:
    """They are read in the order of their names."""
    names = [path.stem[:2] for path in TUTORIALS]

    assert names[:5] == ["00", "01", "02", "03", "04"]
