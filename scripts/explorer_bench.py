"""Measure how soon 100,000 rows of eight columns are seen, beside three other tables.

    python scripts/explorer_bench.py docs/explanation/explorer-speed.md   # or: make bench-browser

Needs chromium and the environment of the benchmarks. One JupyterLab, one browser, one run; each
round has a kernel of its own, in which its data and its module are there before. The clock runs
from the run of the cell until rows are drawn: found in the page, or as ink on a canvas.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import Server, notebook_of  # noqa: E402 - the server that tests drive

ROWS: Final = 100_000
ROUNDS: Final = 3
OURS: Final = f"""\
%load_ext oneiric_lab
from oneiric_lab import Candidate, Lab
import oneiric_lab.notebook.widgets._explorer
from pathlib import Path
Path("w").mkdir(exist_ok=True); Path("w/oneiric.toml").write_text("")
lab = Lab.open("w")
lab.registry.add(*(Candidate("adapter", f"key{{n // 4}}", f"provider{{n % 4}}",
    version=f"{{n % 7}}.{{n % 3}}", priority=n % 13, source="plugin", factory=dict,
    source_name=f"package{{n % 50}}") for n in range({ROWS})))
"""
FRAME: Final = f"""\
import pandas
df = pandas.DataFrame({{
    "component": [f"adapter:key{{n // 4}}" for n in range({ROWS})],
    "provider": [f"provider{{n % 4}}" for n in range({ROWS})],
    "version": [f"{{n % 7}}.{{n % 3}}" for n in range({ROWS})],
    "state": ["active" if n % 4 == 0 else "shadowed" for n in range({ROWS})],
    "rank": [n % 4 + 1 for n in range({ROWS})],
    "priority": [n % 13 for n in range({ROWS})],
    "source": ["plugin"] * {ROWS},
    "source_name": [f"package{{n % 50}}" for n in range({ROWS})],
}})
"""
TABLES: Final = {
    "oneiric-lab": (OURS, "lab.ui.explorer()"),
    "quak": (FRAME + "import quak", "quak.Widget(df)"),
    "ipydatagrid": (FRAME + "import ipydatagrid", "ipydatagrid.DataGrid(df)"),
    "itables": (
        FRAME + "import itables; itables.init_notebook_mode(connected=False)",
        'itables.show(df, maxBytes="1GB")',
    ),
}
"""Name to the cell that is run before, and the one that is measured."""

_MEASURE = """async () => {
  const app = window.jupyterapp;
  const panel = window.openedNotebook;
  panel.content.activeCellIndex = 1;
  panel.content.activeCell.node.scrollIntoView();
  const inked = (canvas) => {
    if (!canvas.width || !canvas.height) return false;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let at = 0; at < data.length; at += 4) if (data[at + 3]) seen.add(data[at]);
    return seen.size > 16;  // letters are drawn in many greys, lines and grounds in few
  };
  const drawn = (node) => {
    if (node.shadowRoot && drawn(node.shadowRoot)) return true;
    for (const one of node.querySelectorAll("*")) {
      if (one.shadowRoot && drawn(one.shadowRoot)) return true;
      if (one.tagName === "CANVAS" && one.clientHeight > 60 && inked(one)) return true;
      if (/^(TD|DIV|SPAN)$/.test(one.tagName) && !one.childElementCount
        && one.textContent === "adapter:key0" && one.getClientRects().length) return true;
    }
    return false;
  };
  const out = () => panel.content.widgets[1].outputArea.node;
  const start = performance.now();
  const run = app.commands.execute("notebook:run-cell");
  while (!drawn(out())) {
    if (performance.now() - start > 60000) return null;
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
  const took = performance.now() - start;
  await run;
  return took;
}"""
_OPEN = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute("docmanager:open", { path });
  await panel.context.ready;
  await panel.sessionContext.ready;
  await app.commands.execute("application:toggle-left-area");
  window.openedNotebook = panel;
}"""


def measure(browser: Any, server: Server) -> dict[str, dict[str, float]]:
    """Return for each table the least seconds, and the bytes that the page got for them."""
    found: dict[str, dict[str, float]] = {}
    for name, cells in TABLES.items():
        (server.folder / f"{name}.ipynb").write_text(json.dumps(notebook_of(*cells)))
        for _ in range(ROUNDS):
            page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
            page.set_default_timeout(120_000)
            got = [0]

            def listen(socket: Any, got: list[int] = got) -> None:
                socket.on("framereceived", lambda data: got.__setitem__(0, got[0] + len(data)))

            page.on("websocket", listen)
            page.goto(f"{server.url}/lab?reset")
            page.wait_for_function("() => window.jupyterapp?.restored")
            page.evaluate(_OPEN, f"{name}.ipynb")
            page.evaluate(
                "async () => { window.openedNotebook.content.activeCellIndex = 0;"
                " await window.jupyterapp.commands.execute('notebook:run-cell'); }"
            )
            page.wait_for_timeout(1000)
            got[0] = 0
            took = page.evaluate(_MEASURE)
            page.wait_for_timeout(1500)
            if took is not None:
                seconds = took / 1000
                before = found.get(name, {"seconds": seconds})
                found[name] = {"seconds": min(before["seconds"], seconds), "bytes": got[0]}
                print(f"{name:14}{seconds:6.2f} s {got[0]:12,} bytes")  # noqa: T201 - a script speaks to its terminal
            page.context.close()
            # A page that comes to a kernel is told of every widget that it has made before.
            server.end_kernels()
    return found


def page_of(found: dict[str, dict[str, float]]) -> str:
    """Return the page that shows the figures."""
    ours = found["oneiric-lab"]["seconds"]
    rows = "\n".join(
        f"| {name} {version(name)} | {one['seconds']:.2f} s | {one['seconds'] / ours:.1f} times |"
        f" {one['bytes'] / 1e6:.1f} MB |"
        for name, one in sorted(found.items(), key=lambda pair: pair[1]["seconds"])
    )
    missing = [name for name in TABLES if name not in found]
    gone = f"\nDrew nothing within a minute: {', '.join(missing)}.\n" if missing else ""
    return f"""\
# How soon the explorer shows its rows

<!-- Written by `make bench-browser`; change scripts/explorer_bench.py instead. -->

{ROWS:,} rows of eight columns, six of them texts, in JupyterLab {version("jupyterlab")}: from the
run of the cell until rows are drawn.
One run, one machine ({os.cpu_count()} cores, {platform.system()}), the least of {ROUNDS} rounds by
the clock of the wall; each round has a kernel of its own, in which its data and its module are
there before.
The explorer's rows come from the registry, those of the others from a pandas frame with the same
columns.
Bytes are what the page got from the kernel until a second and a half later.

| table | first rows | beside ours | to the page |
|---|---|---|---|
{rows}
{gone}
quak asks a database in the kernel for each view, and needs 240 MB of libraries for it;
ipydatagrid draws on a canvas, which a screen reader does not read; itables puts all rows into the
notebook.
"""


def main() -> int:
    """Measure, and write the page that is named."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("error: no chromium was found\n  help: apt-get install chromium")  # noqa: T201 - see above
        return 2
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - with the browser only

    with tempfile.TemporaryDirectory() as own, sync_playwright() as playwright:
        folder = Path(own) / "work"
        folder.mkdir()
        server = Server(folder)
        opened = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            server.wait()
            found = measure(opened, server)
        finally:
            opened.close()
            server.end()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page_of(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
