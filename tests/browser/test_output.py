"""Outputs in JupyterLab: live while the kernel has the model, else the snapshot."""

from __future__ import annotations

import json
from typing import Any

from .conftest import notebook_of

LAB = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.sample()"
UI = "lab.ui.explanation('adapter:cache')"
BROKEN = """\
import ipywidgets, traitlets
class Nowhere(ipywidgets.DOMWidget):
    _model_name = traitlets.Unicode("X").tag(sync=True)
    _model_module = traitlets.Unicode("no-such-package").tag(sync=True)
    _model_module_version = traitlets.Unicode("1.0.0").tag(sync=True)
live = {"version_major": 2, "version_minor": 0, "model_id": Nowhere().model_id}
shown = lab.explain("adapter:cache")._repr_mimebundle_()
display({**shown, "application/vnd.jupyter.widget-view+json": live}, raw=True)
"""
"""A widget whose package the page lacks, as when it was installed for the kernel alone."""


def mode(notebook: Any, cell: int, word: str) -> Any:
    """Wait until the output of a cell is live, or a snapshot; return what locates it."""
    inside = notebook.page.locator(".jp-Notebook .jp-Cell").nth(cell)
    found = inside.locator(f'.ol-output[data-mode="{word}"]')
    found.wait_for()
    return found


class TestLiveOrSnapshot:
    def test_a_page_and_its_kernel(self, open_notebook: Any, server: Any) -> None:
        """
        Live after the run and after a reload; a snapshot as soon as the kernel restarts, when
        the page comes back without a kernel, and never an error.
        """
        cells = (LAB, UI, "lab.explain('adapter:cache')", BROKEN)
        notebook = open_notebook(*cells, name="output.ipynb")
        notebook.run(0, 1, 2, 3)
        mode(notebook, 1, "live").get_by_role("region").wait_for()
        plain = mode(notebook, 2, "snapshot")
        assert "decided by" in plain.inner_text()
        assert "run the cell again" not in plain.inner_text()

        mode(notebook, 3, "snapshot").get_by_text("%oneiric doctor says why").wait_for()

        notebook.save()
        again = open_notebook(name="output.ipynb")
        mode(again, 1, "live").get_by_role("region").wait_for()

        again.restart()
        shown = mode(again, 1, "snapshot")
        assert "adapter:cache" in shown.inner_text()
        assert "run the cell again for the live view" in shown.inner_text()
        again.run(0, 1)
        mode(again, 1, "live")

        server.end_kernels()
        last = open_notebook(name="output.ipynb")
        text = mode(last, 1, "snapshot").inner_text()
        last.know_widgets()
        assert mode(last, 1, "snapshot").inner_text() == text
        assert "not found" not in last.output(1).inner_text()

    def test_a_notebook_that_is_not_trusted(self, open_notebook: Any, server: Any) -> None:
        """
        A notebook from elsewhere shows snapshots as text: no live view, no markup, no script.
        """
        link = {"text": "press", "link": "javascript:alert(1)"}
        view = {
            "version": 1,
            "kind": "x",
            "title": "<img src=x onerror=alert(1)>",
            "facts": [],
            "tone": "plain",
            "blocks": [
                {"type": "note", "tone": "info", "text": "<script>alert(1)</script>"},
                {"type": "fields", "items": [["at", link]]},
            ],
        }
        bad = {"version": 1, "title": 3, "blocks": "no"}
        given = notebook_of("1", "2")
        for cell, shape in zip(given["cells"], (view, bad), strict=True):
            data = {"application/vnd.oneiric.view+json": shape, "text/plain": "as text"}
            data["application/vnd.jupyter.widget-view+json"] = {"model_id": "f00"}
            output = {"output_type": "display_data", "metadata": {}, "data": data}
            cell["outputs"] = [output]
        (server.folder / "foreign.ipynb").write_text(json.dumps(given))
        notebook = open_notebook(name="foreign.ipynb")
        shown = mode(notebook, 0, "snapshot")

        assert "<img src=x" in shown.inner_text()
        assert "<script>" in shown.inner_text()
        assert shown.locator("img, script, [href^=javascript]").count() == 0
        assert "as text" in mode(notebook, 1, "snapshot").inner_text()
