"""Axe over all that is drawn, in light and dark: nothing serious, nothing critical."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from oneiric_lab.testing import ReleaseHouse
from oneiric_lab.views import mimebundle

from . import test_drive_module as drive
from . import test_explorer_module as explorer
from . import test_load_module as load
from . import test_panel as panel
from . import test_snapshot as snapshot
from . import test_viewer as viewer
from .judged import grave

SCHEMES = ("light", "dark")
ENDED = {"count": 8, "title": "load Shop: failed", "tone": "bad", "notes": [["bad", "missed"]]}


@pytest.mark.parametrize("scheme", SCHEMES)
class TestAxe:
    def test_explorer(self, render: Any, scheme: str) -> None:
        """
        The grid with rows, with a filter and a mark, and without any row.
        """
        page = render("explorer", explorer.state(), scheme=scheme)
        assert grave(page) == []
        page.get_by_role("grid").focus()
        page.keyboard.press("ArrowDown")
        page.get_by_role("button", name="Copy as code").click()
        assert grave(page) == []
        page.get_by_role("searchbox").fill("nothing has this")
        assert grave(page) == []

    def test_explanation(self, render: Any, scheme: str) -> None:
        """
        The ranking with its what-if, and after a change of it.
        """
        page = render("explanation", explorer.explained(), scheme=scheme)
        assert grave(page) == []
        page.get_by_role("combobox").first.select_option(index=1)
        assert grave(page) == []

    def test_load_chart(self, render: Any, scheme: str) -> None:
        """
        A run that waits, one that goes on, and one that has ended badly.
        """
        assert grave(render("load", load.state(), scheme=scheme)) == []
        page = render("load", load.running(), scheme=scheme)
        assert grave(page) == []
        page.evaluate("(end) => window.change({ end, stage: 'failed' })", ENDED)
        assert grave(page) == []

    def test_load_form(self, render: Any, scheme: str) -> None:
        """
        A form with all its fields, and with a fault.
        """
        page = render("drive", drive.state(), scheme=scheme)
        page.get_by_text("more", exact=True).click()
        assert grave(page) == []
        said = {"lines": [["bad", "error: no"]], "code": ""}
        page.evaluate("(said) => window.change({ said })", said)
        assert grave(page) == []

    def test_outputs_and_panel(self, extension: Any, scheme: str) -> None:
        """
        A snapshot with every block, and the panel in each of its states.
        """
        page = extension(scheme=scheme)
        page.evaluate(snapshot.DRAW, mimebundle(snapshot.every_block()))
        assert grave(page) == []
        for told in ({"lab": panel.lab()}, {"lab": None}, None):
            page.evaluate(panel.SHOW, told)
            assert grave(page) == []

    def test_viewer(self, extension: Any, scheme: str) -> None:
        """
        A release that matches, one that is not trusted, and one that was tampered with.
        """
        page = extension(scheme=scheme)
        house = ReleaseHouse()
        files = viewer.pair(house.release({"adapter:cache": "redis"}))
        for given, pinned in (
            (files, True),
            (files, False),
            ({name: data[:-1] for name, data in files.items()}, True),
        ):
            texts = {name: b64encode(data).decode() for name, data in given.items()}
            pins = [house.root.sha256] if pinned else []
            at = house.now.timestamp() * 1000
            page.evaluate(viewer.SHOW, ["out/shop.oneiric.json", texts, pins, at])
            assert grave(page) == []
