"""What can be judged of a page of a widget: by axe, by its contrast, and by how wide it is."""

from __future__ import annotations

from typing import Any

GRAVE = {"serious", "critical"}

_CONTRAST = """() => {
  const part = (v) => v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = (text) => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    // A mixed colour has its parts between 0 and 1.
    const [r, g, b] = text.startsWith('color(') ? parts.map((v) => v * 255) : parts;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = light(getComputedStyle(document.querySelector('.ol-widget')).backgroundColor);
  const all = [...document.querySelectorAll('[role=gridcell], td, th, p, label, legend, li')];
  const seen = all.filter((one) => one.textContent && !one.matches('.ol-quiet, .ol-muted'));
  return Math.min(21, ...seen.map((one) => {
    const [a, b] = [light(getComputedStyle(one).color), ground].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""


def grave(page: Any) -> list[str]:
    """Return what axe finds serious or critical, each with the node.

    In a dark page contrasts only: whatever else there is, is the same in a light one.
    """
    from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it has no types

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(
        """async () => {
          const dark = matchMedia("(prefers-color-scheme: dark)").matches;
          // A page of a test has no landmarks and no heading; a notebook has both.
          const rules = { region: { enabled: false } };
          const options = { resultTypes: ["violations"], rules };
          if (dark) options.runOnly = ["color-contrast"];
          return (await axe.run(options)).violations;
        }"""
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary']}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def contrast(page: Any) -> float:
    """Return the least contrast between a text that says something and its ground."""
    found: float = page.evaluate(_CONTRAST)
    return found


def width(page: Any) -> int:
    """Return how wide the page is."""
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found
