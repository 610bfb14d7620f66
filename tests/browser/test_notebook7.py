"""The same in Notebook 7, which JupyterLab's server serves beside it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import pytest

from .conftest import Page, notebook_of
from .test_panel import PROVIDED

LAB = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.sample()"

pytestmark = pytest.mark.skipif(find_spec("notebook") is None, reason="Notebook 7 is missing")


class TestNotebook:
    def test_outputs_panel_and_commands(self, browser: Any, server: Any) -> None:
        """
        An output is live, the panel follows, a command writes a cell; what it lacks is left out.
        """
        cells = (LAB, "lab.ui.explanation('adapter:cache')", "lab.explain('server.port')")
        (server.folder / "seven.ipynb").write_text(json.dumps(notebook_of(*cells)))
        opened = Page(browser, server)
        page = opened.page
        page.goto(f"{server.url}/notebooks/seven.ipynb")
        page.wait_for_function("() => window.jupyterapp?.restored")
        page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.sessionContext")
        page.evaluate(
            "async () => { const app = window.jupyterapp; await app.restored;"
            " const panel = app.shell.currentWidget; await panel.context.ready;"
            " await panel.sessionContext.ready;"
            " for (const at of [0, 1, 2]) { panel.content.activeCellIndex = at;"
            " await app.commands.execute('notebook:run-cell'); } }"
        )
        page.locator('.ol-output[data-mode="live"]').wait_for()
        page.locator('.ol-output[data-mode="snapshot"]').get_by_text("server.port").first.wait_for()
        page.evaluate("() => window.jupyterapp.commands.execute('oneiric:open-panel')")
        panel = page.get_by_role("region", name="Oneiric: components")
        panel.get_by_text(PROVIDED).wait_for()
        page.evaluate("() => window.jupyterapp.commands.execute('oneiric:open-explorer')")
        page.locator(".ol-explorer").wait_for()
        opened.context.close()
        server.end_kernels()
        opened.judge()
