"""How fast the explorer is at 100,000 candidates: figures to read, no assertion by the clock.

`pytest tests/browser/test_explorer_speed.py -rP` prints them.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from oneiric_lab.registry import Candidate, Registry

from .test_explorer_module import sheet

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

ROWS = 100_000

_MEASURE = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
  const all = async (acts) => {
    const times = [];
    for (const act of acts) {
      const start = performance.now();
      act();
      times.push(performance.now() - start);
      await frame();
    }
    return +median(times).toFixed(1);
  };
  const heads = [...document.querySelectorAll(".ol-sort")];
  const box = document.querySelector("input[type=search]");
  const grid = document.querySelector("[role=grid]");
  const type = (text) => () => {
    box.value = text;
    box.dispatchEvent(new Event("input"));
  };
  const clicks = heads.flatMap((head) => [0, 1, 2].map(() => () => head.click()));
  const found = { sort_ms: await all(clicks) };
  const words = ["p", "pr", "pro", "provider1", "key9", "key99", "active key1", ""];
  found.filter_ms = await all(words.map(type));
  const bars = [...document.querySelectorAll("[aria-label='state: filter'] button")];
  found.bar_ms = await all([...bars, ...bars].map((bar) => () => bar.click()));
  grid.scrollTop = 0;
  const start = performance.now();
  let frames = 0;
  while (performance.now() - start < 1000) {
    grid.scrollTop += 480;
    await frame();
    frames++;
  }
  found.scroll_frames_a_second = frames;
  return found;
}"""


class TestSpeed:
    def test_a_hundred_thousand(self, render: Any, record_property: Any) -> None:
        """
        What it takes to make, send, show, sort, filter and scroll them.
        """
        registry = Registry()
        registry.add(
            *(
                Candidate(
                    "adapter",
                    f"key{n // 4}",
                    f"provider{n % 4}",
                    version=f"{n % 7}.{n % 3}",
                    priority=n % 13,
                    capabilities=frozenset(("kv", "ttl")[: n % 3]),
                    source="plugin",
                    source_name=f"package{n % 50}",
                )
                for n in range(ROWS)
            )
        )
        from oneiric_lab.notebook.widgets._columns import Packer

        start = time.process_time()
        listing = registry.current.listing()
        listed = time.process_time()
        columns, cells = Packer().whole(listing.columns)
        packed = time.process_time()
        given = {"sheet": sheet(registry.current), "asked": {}}
        page = render("explorer", given)
        figures = {
            "list_cpu_ms": round(1000 * (listed - start)),
            "pack_cpu_ms": round(1000 * (packed - listed)),
            "bytes": len(cells) + sum(len(str(column)) for column in columns),
            "first_rows_ms": page.evaluate("window.took"),
            **page.evaluate(_MEASURE),
        }
        for name, value in figures.items():
            record_property(name, value)
            print(f"{name:24}{value}")  # noqa: T201 - figures to read

        assert page.get_by_role("grid").get_attribute("aria-rowcount") == str(ROWS + 1)
