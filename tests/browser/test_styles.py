"""The style sheets of all widgets in one page, as they stand in a notebook that shows several."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from oneiric_lab.notebook.widgets import OFFERS
from oneiric_lab.notebook.widgets._esm import style

from . import test_configuration_module as configuration
from . import test_drive_module as drive
from . import test_explorer_module as explorer
from . import test_load_module as load
from . import test_release_module as release
from . import test_status_module as status
from .conftest import EXTENSION
from .test_diff_module import given  # noqa: F401 - a fixture

STATES = {
    "configuration": configuration.sheet(("a.b", "1"), ("a.c", "2"), ("d", "3")),
    "drive": drive.state(),
    "explorer": explorer.state(),
    "explanation": explorer.explained(),
    "load": load.running(),
    "release": release.state(),
    "status": status.every(),
}
_LOOK = """() => [...document.querySelectorAll('.ol-widget, .ol-widget *')].map((node) => {
  const style = getComputedStyle(node);
  const { x, y, width, height } = node.getBoundingClientRect();
  const said = [...style].map((name) => `${name}: ${style[name]}`);
  return [`${node.tagName}.${node.className}`, x, y, width, height, ...said];
})"""
# What was made wider or narrower is drawn anew in one of the next frames.
_DRAWN = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const now = () => document.body.innerHTML;
  for (let alike = 0, before = ''; alike < 3; await frame()) {
    alike = before === now() ? alike + 1 : 0;
    before = now();
  }
}"""
_ADD = """(sheets) => document.body.append(...sheets.map((text) => {
  const style = document.createElement('style');
  style.textContent = text;
  return style;
}))"""

THEMES = {"theme-light": True, "theme-dark": False, "theme-dark-high-contrast": False}
_TONES = """([theme, isLight]) => {
  const sheet = document.createElement('style');
  sheet.textContent = theme;
  document.head.append(sheet);
  document.body.dataset.jpThemeLight = isLight;
  const probe = document.querySelector('.ol-widget').appendChild(document.createElement('i'));
  const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const part = (v) => v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = (...colours) => {
    for (const one of colours) {
      probe.style.color = one;
      pen.fillStyle = getComputedStyle(probe).color;
      pen.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const chosen = 'color-mix(in srgb, var(--ol-accent) 12%, transparent)';
  const grounds = { plain: ['var(--ol-bg)'], chosen: ['var(--ol-bg)', chosen] };
  const found = {};
  for (const tone of ['fg', 'fg-2', 'ok', 'warn', 'bad', 'info']) {
    for (const [name, ground] of Object.entries(grounds)) {
      const both = [light(...ground), light(...ground, `var(--ol-${tone})`)];
      const [a, b] = both.sort((x, y) => y - x);
      found[`${tone} on ${name}`] = (a + 0.05) / (b + 0.05);
    }
  }
  return found;
}"""


def others(name: str) -> list[str]:
    """Return the style sheets that may come into a page after that of the widget *name*."""
    sheets = [style(one) for one in sorted({*OFFERS, "drive"} - {name})]
    return [*sheets, (EXTENSION / "static" / "style.css").read_text()]


def changed(page: Any, name: str) -> list[Any]:
    """Return what looks different once other style sheets have come."""
    page.evaluate(_DRAWN)
    before = page.evaluate(_LOOK)
    page.evaluate(_ADD, others(name))
    page.evaluate(_DRAWN)
    after = page.evaluate(_LOOK)
    assert len(before) == len(after) > 10
    return [
        (old[0], sorted(set(map(str, old)) ^ set(map(str, new)))[:8])
        for old, new in zip(before, after, strict=True)
        if old != new
    ]


class TestStyles:
    @pytest.mark.parametrize("wide", [900, 400])
    @pytest.mark.parametrize("name", sorted(STATES))
    def test_what_else_is_shown_counts_nothing(self, render: Any, name: str, wide: int) -> None:
        """
        A widget looks the same, whichever other was shown after it: rules of its own beat those
        that all share, and not only where they come later.
        """
        page = render(name, STATES[name])
        page.set_viewport_size({"width": wide, "height": 900})
        assert changed(page, name)[:3] == []

    @pytest.mark.parametrize("wide", [900, 400])
    def test_nor_for_a_diff(self, render: Any, given: Any, wide: int) -> None:  # noqa: F811 - see above
        """
        Nor does a diff, whose rows are made of manifests.
        """
        page = render("diff", given())
        page.set_viewport_size({"width": wide, "height": 900})
        assert changed(page, "diff")[:3] == []


class TestHost:
    def test_a_notebook_s_own_rules_are_beaten(self, render: Any) -> None:
        """
        JupyterLab says how buttons and fields look in its page; ours look alike in each page.
        """
        page = render("status", status.every())
        page.evaluate(
            "() => { const sheet = document.createElement('style');"
            " sheet.textContent = '.host :is(button, input, select) { border-radius: 1px; }';"
            " document.head.append(sheet); document.body.classList.add('host'); }"
        )
        radius = "(one) => getComputedStyle(one).borderRadius"
        assert page.get_by_role("button").first.evaluate(radius) == "4px"
        assert page.get_by_role("searchbox").evaluate(radius) == "4px"


class TestTones:
    @pytest.mark.parametrize("theme", THEMES)
    def test_stand_out_in_each_theme_of_jupyterlab(self, render: Any, theme: str) -> None:
        """
        Texts of all tones stand out by 4.5, in a row that is chosen, too.
        """
        pytest.importorskip("jupyterlab", reason="needs oneiric-lab[lab]")
        themes = Path(sys.prefix) / "share/jupyter/lab/themes/@jupyterlab"
        text = (themes / f"{theme}-extension" / "index.css").read_text()
        page = render("status", status.every())

        found = page.evaluate(_TONES, [text, THEMES[theme]])
        assert len(found) == 12
        assert {name: one for name, one in found.items() if one < 4.5} == {}
