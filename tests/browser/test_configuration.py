"""The configuration in JupyterLab: a person looks, edits, plans, applies and takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

LAB = """\
%load_ext oneiric_lab
from pathlib import Path
from oneiric_lab import Lab
Path("conf").mkdir(exist_ok=True)
Path("conf/oneiric.toml").write_text("# mine\\n\\n\\n[server]\\nport = 8080 # as ever\\n")
lab = Lab.open("conf")
"""


class TestConfiguration:
    def test_from_a_value_to_undo(self, open_notebook: Any, server: Any) -> None:
        """
        The place of a value opens its file at its line; a change is planned, written with its
        comments, and taken back; what is saved is a snapshot.
        """
        notebook = open_notebook(
            LAB, "%oneiric ui configuration", "lab.value('server.port')", name="configuration.ipynb"
        )
        page = notebook.page
        file = Path(server.folder) / "conf" / "oneiric.toml"
        notebook.run(0, 1)
        page.get_by_role("searchbox").fill("server.port")
        page.locator(".ol-configuration header").get_by_text("1 of ").wait_for()
        page.get_by_role("treegrid").focus()
        for key in ("ArrowDown", "ArrowRight"):
            page.keyboard.press(key)
        page.get_by_role("gridcell", name="wins").wait_for()
        page.keyboard.press("e")
        page.get_by_text("decided by: only layer that says it: project").wait_for()
        page.get_by_role("combobox", name="layer to write to").select_option("project")
        page.get_by_role("textbox", name="value").fill("9090")
        page.keyboard.press("Enter")
        page.get_by_text("+port = 9090 # as ever").wait_for()
        page.get_by_role("button", name="Apply").click()
        page.get_by_text("wrote oneiric.toml").wait_for()
        assert "# mine\n\n\n[server]\nport = 9090 # as ever" in file.read_text()
        notebook.run(2)
        assert notebook.output(2).inner_text() == "9090"
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("undo: 1 value changed").wait_for()
        assert "port = 8080 # as ever" in file.read_text()

        data = notebook.save()["cells"][1]["outputs"][0]["data"]
        assert "server.port" in data["text/plain"]
        assert len(str(data)) <= 24 * 1024
        page.get_by_role("link", name="oneiric.toml:5", exact=True).first.click()
        page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget?.content?.editor"
            "?.getCursorPosition().line === 4"
        )
