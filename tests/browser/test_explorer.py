"""The explorer in JupyterLab: a person looks, filters, opens a row, drags, and plans."""

from __future__ import annotations

import re
from typing import Any

LAB = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.sample()"

MANY = f"""\
{LAB}
import time
from oneiric_lab import Candidate
lab.registry.add(*(Candidate("task", f"key{{n}}", "x", factory=dict) for n in range(5000)))"""


class TestExplorer:
    def test_from_a_row_to_a_plan(self, open_notebook: Any) -> None:
        """
        A row opens its explanation, a slider moves the winner, the kernel plans and applies
        nothing; what is saved is a snapshot.
        """
        notebook = open_notebook(
            LAB,
            "%oneiric ui explorer",
            "lab.explain('adapter:cache').winner.provider",
            name="explorer.ipynb",
        )
        page = notebook.page
        notebook.run(0, 1)
        header = page.locator(".ol-explorer header")
        header.get_by_text(re.compile("^[0-9]+ candidates")).wait_for()
        page.get_by_role("searchbox").press_sequentially("adapter:cache")
        header.get_by_text(re.compile("^[0-9] of [0-9]+ candidates")).wait_for()
        page.get_by_role("grid").focus()
        page.keyboard.press("Enter")
        region = page.get_by_role("region", name="explanation of adapter:cache")
        region.wait_for()
        region.get_by_role("combobox", name="selection").select_option("sqlite")
        assert "✓ sqlite" in region.get_by_role("status").first.inner_text()
        region.get_by_role("button", name="Plan this").click()
        region.get_by_text("nothing is applied yet").wait_for()
        code = region.locator(".ol-code code").inner_text()
        assert code == "lab.plan({'adapters.selections.cache': 'sqlite'})"
        notebook.run(2)
        assert notebook.output(2).inner_text() == "'memory'"

        data = notebook.save()["cells"][1]["outputs"][0]["data"]
        assert re.search("[0-9]+ candidates", data["text/plain"])
        assert "<table" in "".join(data["text/html"])
        assert len(str(data)) <= 24 * 1024

    def test_all_rows_come_while_a_cell_runs(self, open_notebook: Any) -> None:
        """
        A cell that ends when all rows were sent sees that end; what is typed acts on all of them.
        """
        shown = "shown = lab.ui.explorer()\ndisplay(shown)"
        busy = "while shown.grid.is_begun:\n    time.sleep(0.02)"
        notebook = open_notebook(MANY, f"{shown}\n{busy}", name="many.ipynb")
        page = notebook.page
        notebook.run(0, 1)
        header = page.locator(".ol-explorer header")
        header.get_by_text(re.compile("^5,0[0-9]+ candidates")).wait_for()
        page.get_by_role("searchbox").press_sequentially("key4999")
        header.get_by_text(re.compile("^1 of 5,0[0-9]+ candidates")).wait_for()

        data = notebook.save()["cells"][1]["outputs"][0]["data"]
        assert re.search("50[0-9]+ candidates", "".join(data["text/plain"]))
