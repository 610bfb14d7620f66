"""The modules and style sheets of widgets, as text."""

from __future__ import annotations

import importlib
import re

import pytest

from oneiric_lab.commands._ui import VERBS
from oneiric_lab.notebook.widgets import OFFERS
from oneiric_lab.notebook.widgets._esm import (
    LIMIT,
    files,
    module,
    part,
    parts,
    path,
    rules,
    style,
)

FILES = [name.removesuffix(".mjs") for name in files(".mjs")]
SHEETS = [name.removesuffix(".css") for name in files(".css")]
MODULES = sorted({*OFFERS, "drive"})
"""Those that are offered, and the form above the chart of a load run."""
MOST = 80 * 1024
"""Bytes of all modules together, each file once, as they travel: see decision 20."""
MOST_STYLE = 15 * 1024
"""Bytes of all style sheets together, counted likewise."""


class TestModules:
    def test_every_widget_has_one(self) -> None:
        """
        What is offered has a module and a style sheet, and no file is left over.
        """
        assert sorted(VERBS) == sorted(OFFERS)
        assert sorted({part for name in MODULES for part in parts(name)}) == FILES
        assert {*MODULES, "tokens"} <= set(SHEETS) <= {*FILES, "tokens"}

    @pytest.mark.parametrize("name", MODULES)
    def test_is_small(self, name: str) -> None:
        """
        A module travels with each widget; all of them together are small, too.
        """
        assert sum(len(part(one).encode()) for one in FILES) <= MOST
        assert sum(len(rules(f"{one}.css").encode()) for one in SHEETS) <= MOST_STYLE
        assert len(module(name).encode()) <= LIMIT
        assert len(style(name).encode()) <= LIMIT / 3

    @pytest.mark.parametrize("name", MODULES)
    def test_stands_alone(self, name: str) -> None:
        """
        Nothing is imported, fetched or evaluated, and no text becomes HTML.
        """
        text = module(name)

        assert not re.search(r"\bimport\b|^export (?!default)", text, re.MULTILINE)
        assert not re.search(r"https?:|//cdn|@import|url\(", text + style(name))
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|eval\(|Function\(", text)
        assert len(re.findall(r"^export default", text, re.MULTILINE)) == 1

    @pytest.mark.parametrize("name", MODULES)
    def test_no_name_is_said_twice(self, name: str) -> None:
        """
        What is joined has one scope.
        """
        text = "\n".join(path(f"{one}.mjs").read_text() for one in parts(name))
        named = re.findall(r"^(?:export )?(?:const|let|class|function) (\w+)", text, re.MULTILINE)

        assert sorted(named) == sorted(set(named))

    @pytest.mark.parametrize("name", MODULES)
    def test_needs_of_a_notebook_only_what_all_have(self, name: str) -> None:
        """
        Of its model a module uses what every front end of anywidget gives.
        """
        used = set(re.findall(r"\bmodel\.(\w+)", module(name)))

        assert used <= {"get", "set", "on", "off", "send", "save_changes"}

    def test_no_trait_is_drawn_by_the_page(self) -> None:
        """
        What ipywidgets' own views draw, such as `style`, is theirs: a text there is an error.
        """
        pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")
        import anywidget

        from oneiric_lab.notebook.widgets import _base

        for name in MODULES:
            importlib.import_module(f"oneiric_lab.notebook.widgets._{name}")
        classes = [*_base.Widget.__subclasses__()]
        assert len(classes) == len(MODULES)
        for one in classes:
            own = vars(one).keys() & one.class_trait_names()
            assert own
            assert not own & {*anywidget.AnyWidget.class_trait_names(), "style", "description"}

    @pytest.mark.parametrize("name", MODULES)
    def test_colours_are_tokens(self, name: str) -> None:
        """
        A colour is said in one file.
        """
        sheets = [one for one in parts(name) if one in SHEETS]
        own = module(name) + "".join(path(f"{one}.css").read_text() for one in sheets)

        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|--jp-|--vscode-", own)
        tokens = set(re.findall(r"--ol-[\w-]+(?=:)", path("tokens.css").read_text()))
        assert set(re.findall(r"var\((--ol-[\w-]+)", own)) <= tokens
