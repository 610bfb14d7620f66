"""The side panel: on a bare page with a link that is none, and in JupyterLab with kernels."""

from __future__ import annotations

import re
from typing import Any

import pytest

PROVIDED = re.compile(r"[0-9]+ of [0-9]+ provided")
LAB = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.sample()"
SHOW = """async (panel) => {
  const { PanelView } = await import("/static/panel.mjs");
  window.ran = [];
  const link = { hears: new Set(), state: panel ? (panel.lab ? "live" : "empty") : "silent", panel,
    explain: async (target) => ({ view: { version: 1, kind: "x", title: `of ${target}`, facts: [],
      tone: "plain", blocks: [] } }) };
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  const tools = { run: (code) => window.ran.push(code), reconnect: () => window.ran.push("again") };
  window.view = new PanelView(root, tools);
  window.view.show(link, "n.ipynb");
  window.push = (lab) => { link.panel = { lab }; for (const hear of link.hears) hear(); };
}"""
ROWS = [
    ["adapter:cache", "redis 2.1.0", 3, "active"],
    ["adapter:queue", None, 2, None],
    ["service:payment", "stripe 1.0.0", 1, "paused"],
]


def lab(**more: Any) -> dict[str, Any]:
    """Return what a kernel tells of a lab."""
    told = {"name": "shop", "root": "/w", "profiles": ["prod"], "generation": 4, "components": 3}
    return {**told, "provided": 2, "rows": ROWS, **more}


class TestAPanel:
    def test_names_components_and_who_provides_them(self, extension: Any) -> None:
        """
        Domains are groups, a component says who provides it, by how many, and how it runs.
        """
        page = extension(width=320)
        page.evaluate(SHOW, {"lab": lab()})
        panel = page.get_by_role("region", name="Oneiric: components")

        assert "shop prod · 2 of 3 provided · generation 4 · n.ipynb" in panel.inner_text()
        options = page.get_by_role("option").all_inner_texts()
        assert options == [
            "cache redis 2.1.0 of 3 active",
            "queue ✗ nobody of 2",
            "payment stripe 1.0.0 paused",
        ]
        assert page.get_by_role("group", name="adapter").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 320

    def test_by_keyboard(self, extension: Any) -> None:
        """
        The filter, the arrows and Enter lead to an explanation, with its code.
        """
        page = extension()
        page.evaluate(SHOW, {"lab": lab()})
        page.get_by_role("searchbox").focus()
        page.keyboard.type("stripe")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.get_by_text("of service:payment").wait_for()

        assert (
            page.locator(".ol-code:visible code").inner_text() == 'lab.explain("service:payment")'
        )
        page.keyboard.press("/")
        page.keyboard.type(" nothing")
        assert "No component holds all of this" in page.get_by_role("status").first.inner_text()

    def test_marks_what_a_publish_changed(self, extension: Any) -> None:
        """
        Another provider is marked until the next publish.
        """
        page = extension()
        page.evaluate(SHOW, {"lab": lab()})
        rows = [["adapter:cache", "memory 1.0.0", 3, "active"], *ROWS[1:]]
        page.evaluate("(lab) => window.push(lab)", lab(rows=rows, generation=5))

        assert page.get_by_role("option").first.inner_text().startswith("● cache memory")

    @pytest.mark.parametrize(
        ("told", "words", "fix"),
        [
            (None, "has not loaded Oneiric Lab", "%load_ext oneiric_lab"),
            ({"lab": None}, "no lab in this notebook", "lab = Lab.open()"),
        ],
    )
    def test_what_is_missing_is_said(self, extension: Any, told: Any, words: str, fix: str) -> None:
        """
        Without the extension in the kernel, or without a lab, the next step is there to copy.
        """
        page = extension()
        page.evaluate(SHOW, told)

        assert words in page.get_by_role("status").first.inner_text()
        assert page.locator(".ol-code:visible code").inner_text() == fix
        assert page.get_by_role("listbox").count() == 0

    def test_hostile_names(self, extension: Any) -> None:
        """
        A name is a text, however long it is and whatever it holds.
        """
        page = extension(width=320)
        rows = [["adapter:<img src=x onerror=alert(1)>", "x" * 80, 1, None]] * 300
        page.evaluate(SHOW, {"lab": lab(rows=rows, name="<b>" * 20, components=100_000)})

        assert page.locator("img, b b").count() == 0
        assert "99,700 more" in page.get_by_role("status").first.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


class TestInJupyterLab:
    def test_follows_the_notebook_in_front(self, open_notebook: Any, workbench: Any) -> None:
        """
        It is wired when the notebook loads us, tells what a cell changes, explains at the
        cursor, and is wired again behind a restart.
        """
        change = "lab.plan({'adapters.selections.cache': 'sqlite'}).apply(); # adapter:cache"
        notebook = open_notebook(LAB, change, name="panel.ipynb")
        page = notebook.page
        workbench.execute("oneiric:open-panel")
        panel = page.get_by_role("region", name="Oneiric: components")
        panel.get_by_text("has not loaded Oneiric Lab").or_(
            panel.get_by_text(PROVIDED)
        ).first.wait_for()
        notebook.run(0)
        panel.get_by_text(PROVIDED).wait_for()
        notebook.run(1)
        panel.get_by_role("option", name="● cache sqlite").wait_for()

        page.evaluate(
            "() => { const { content } = window.jupyterapp.shell.currentWidget;"
            " content.activeCellIndex = 1; const { editor } = content.activeCell;"
            " editor.setCursorPosition({ line: 0, column: 66 }); }"
        )
        workbench.execute("oneiric:explain-at-cursor")
        panel.get_by_text("explain adapter:cache -> sqlite").wait_for()

        notebook.restart()
        panel.get_by_text("ended or restarted").wait_for()
        notebook.run(0)
        panel.get_by_role("option", name="cache memory").wait_for()

    def test_two_notebooks_on_one_workspace(self, open_notebook: Any, server: Any) -> None:
        """
        Each has its own kernel and lab; a value that one writes is there when the other loads.
        """
        folder = server.folder / "two"
        folder.mkdir()
        (folder / "oneiric.toml").write_text('[app]\nname = "two"\n[server]\nport = 1\n')
        opened = (
            f"%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.open({str(folder)!r})"
        )
        first = open_notebook(opened, "lab.save({'server.port': 2});", name="one.ipynb")
        first.run(0)
        second = open_notebook(opened, "lab.reload(); lab.value('server.port')", name="other.ipynb")
        second.run(0)
        first.run(1)
        second.run(1)

        assert second.output(1).inner_text() == "2"

    def test_commands_write_cells(self, open_notebook: Any, server: Any, workbench: Any) -> None:
        """
        A new workspace and the explorer are cells that were run: the folder is there, and the
        grid.
        """
        page = open_notebook("1", name="commands.ipynb").page
        workbench.execute("oneiric:new-workspace", name="my shop", cwd="")
        page.get_by_text("workspace my shop").first.wait_for()

        assert 'name = "my shop"' in (server.folder / "my shop" / "oneiric.toml").read_text()
        workbench.execute("oneiric:open-explorer")
        page.locator(".ol-explorer").wait_for()
