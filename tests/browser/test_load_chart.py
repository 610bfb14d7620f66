"""The live chart in JupyterLab: a person starts a run, looks, presses, and comes back later."""

from __future__ import annotations

from typing import Any

LAB = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.sample()"
RUN = "job = lab.load.run('swap-under-readers', users=20, duration='{}', warmup='0s')\njob"
SHOW = "lab.ui.load(job)"


def stage(page: Any, word: str) -> None:
    """Wait until the chart says this."""
    page.locator(".ol-load header").get_by_role("status").filter(has_text=word).wait_for()


class TestALoadRun:
    def test_is_seen_paused_and_cancelled(self, open_notebook: Any, server: Any) -> None:
        """
        The display of a job is its chart; its buttons work while the kernel is free; when the
        run has ended, a snapshot stands there that needs no kernel.
        """
        notebook = open_notebook(LAB, RUN.format("600s"), name="cancel.ipynb")
        page = notebook.page
        notebook.run(0)
        notebook.run(1)
        stage(page, "running")
        first = page.locator("dt:text-is('at') + dd").inner_text()
        page.wait_for_function(
            "first => document.querySelector('.ol-now dd').innerText !== first", arg=first
        )
        page.get_by_role("button", name="Pause").click()
        stage(page, "paused")
        page.get_by_role("button", name="Resume").click()
        stage(page, "running")
        page.get_by_role("button", name="Cancel").click()
        notebook.output(1).get_by_text("cancelled, partial").wait_for()
        # The snapshot comes, and then the chart goes.
        page.locator(".ol-load").wait_for(state="detached")

        output = notebook.save()["cells"][1]["outputs"][0]["data"]
        assert set(output) == {"application/vnd.oneiric.view+json", "text/html", "text/plain"}
        assert "rate over time" in output["text/plain"]

        server.end_kernels()
        again = open_notebook(name="cancel.ipynb")
        text = again.output(1).inner_text()
        assert "cancelled, partial" in text
        assert "Error displaying widget" not in text

    def test_is_shown_again_after_the_browser_was_closed(self, open_notebook: Any) -> None:
        """
        The kernel has the run; who comes back sees what happened meanwhile, and goes on.
        """
        notebook = open_notebook(
            LAB, RUN.format("600s") + ";", SHOW, name="again.ipynb", theme="JupyterLab Dark"
        )
        for cell in range(3):
            notebook.run(cell)
        stage(notebook.page, "running")
        notebook.page.wait_for_timeout(500)
        notebook.save()
        notebook.page.close()
        again = open_notebook(name="again.ipynb", theme="JupyterLab Dark")
        stage(again.page, "running")
        again.page.wait_for_function(
            "() => document.querySelector('.ol-load canvas').ariaValueMax > 3"
        )
        again.page.get_by_role("button", name="Cancel").click()
        stage(again.page, "cancelled")

        words = again.page.get_by_role("list", name="what came of it").inner_text()
        assert "cancelled, partial" in words
        assert "invariants hold" in words

    def test_by_the_magic(self, open_notebook: Any) -> None:
        """
        `%oneiric load run` gives the same job with the same display, and `ui load` its chart.
        """
        words = "swap-under-readers --users 5 --duration 600s --warmup 0s"
        notebook = open_notebook(
            LAB,
            f"%oneiric load run {words}",
            "%oneiric ui load --metric lag",
            "_1 = lab.load.jobs[-1]; _1.cancel(); _1.result().exit_code",
            name="magic.ipynb",
        )
        for cell in range(3):
            notebook.run(cell)
        page = notebook.page
        page.locator(".ol-load").nth(1).wait_for()
        assert page.get_by_role("combobox", name="metric").last.input_value() == "lag"
        notebook.run(3)

        assert notebook.output(3).inner_text() == "130"
        notebook.output(1).get_by_text("cancelled, partial").wait_for()
        stage(page, "cancelled")
