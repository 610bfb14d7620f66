"""The live chart in JupyterLab: a person starts a run, looks, presses, and comes back later."""

from __future__ import annotations

import re
from typing import Any

LAB = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.sample()"
RUN = "%oneiric load run swap-under-readers --users 20 --duration 600s --warmup 0s"
AGAIN = """\
job = lab.load.run("swap-under-readers", users=20, duration="600s", warmup="0s")
lab.ui.load(job, metric="lag")"""
TICKS = "(least) => document.querySelector('.ol-load canvas').ariaValueMax > least"
"""How many updates the chart has had."""
CODE = "[job.result().exit_code for job in lab.load.jobs]"


def stage(page: Any, word: str) -> None:
    """Wait until the chart says this."""
    page.locator(".ol-load header").get_by_role("status").filter(has_text=word).wait_for()


class TestALoadRun:
    def test_from_its_start_to_what_is_kept(self, open_notebook: Any, server: Any) -> None:
        """
        The display of a job is its chart, whose buttons work while the kernel is free; when the
        run has ended, a snapshot stands there that needs no kernel. Who leaves the page and comes
        back sees what happened meanwhile, and goes on.
        """
        dark = "JupyterLab Dark"
        notebook = open_notebook(LAB, RUN, AGAIN, CODE, name="load.ipynb", theme=dark)
        page = notebook.page
        notebook.run(0, 1)
        stage(page, "running")
        page.wait_for_function(TICKS, arg=1)
        page.get_by_role("button", name="Pause").click()
        stage(page, "paused")
        page.get_by_role("button", name="Resume").click()
        stage(page, "running")
        page.get_by_role("button", name="Cancel").click()
        # The snapshot comes, and then the chart goes.
        page.locator(".ol-load").wait_for(state="detached")
        assert "cancelled, partial" in notebook.output(1).inner_text()

        notebook.run(2)
        stage(page, "running")
        page.wait_for_function(TICKS, arg=2)
        output = notebook.save()["cells"][1]["outputs"][0]["data"]
        assert set(output) == {"application/vnd.oneiric.view+json", "text/html", "text/plain"}
        assert "rate over time" in output["text/plain"]
        assert len(str(output)) <= 24 * 1024

        notebook = open_notebook(name="load.ipynb", theme=dark)
        stage(page, "running")
        assert page.get_by_role("combobox", name="metric").input_value() == "lag"
        page.wait_for_function(TICKS, arg=4)
        page.get_by_role("button", name="Cancel").click()
        stage(page, "cancelled")
        words = page.get_by_role("list", name="what came of it").inner_text()
        assert "cancelled, partial" in words
        assert "invariants hold" in words
        notebook.run(3)
        assert notebook.output(3).inner_text() == "[130, 130]"

        server.end_kernels()
        text = open_notebook(name="load.ipynb").output(1).inner_text()
        assert "cancelled, partial" in text
        assert "Error displaying widget" not in text

    def test_from_the_form(self, open_notebook: Any) -> None:
        """
        A person fills in a form, starts a run, and sees its chart below; when it ended they
        start it anew and compare the two.
        """
        notebook = open_notebook(LAB, "lab.ui.load('resolve-storm')", name="form.ipynb")
        page = notebook.page
        notebook.run(0, 1)
        form = page.get_by_role("form", name="load run")
        for name, text in (("load", "2"), ("duration", "0.5s"), ("warmup", "0s")):
            form.get_by_label(name, exact=True).fill(text)
        form.get_by_text("2 users for 0.5 s").wait_for()
        form.get_by_role("button", name="Start").click()
        stage(page, "ended")
        form.get_by_role("button", name="Start").click()
        choice = page.get_by_role("combobox", name="compare with a former run")
        choice.filter(has_text="(1 run)").wait_for()
        choice.select_option(index=1)
        page.locator(".ol-load").get_by_text("6 a side can").first.wait_for()

        code = page.locator(".ol-load .ol-code code").inner_text()
        assert re.fullmatch(r'lab\.load\.compare\("\S+", job\)', code)
