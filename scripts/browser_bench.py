"""Measure what a person waits for in a notebook, and write the page of it.

    make bench-browser                                   # writes docs/explanation/…-browser.md
    python scripts/browser_bench.py --only tables,chart  # some parts, to the terminal

Needs chromium and the environment of the benchmarks. One JupyterLab and one browser for all of it;
what is measured in JupyterLab has a kernel of its own each round, in which its data and its module
are there before. The bounds stand here once, beside the words of the page.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import (  # noqa: E402 - the server and the page that tests drive
    FLAGS,
    Bare,
    Server,
    Workbench,
    notebook_of,
)

ROWS: Final = 100_000
ENTRIES: Final = 10_000
ROUNDS: Final = 3
KERNELS: Final = 5
TICKS: Final = 2_000
PATIENCE_MS: Final = 60_000


@dataclass(frozen=True)
class Figure:
    """What one row of the page says.

    Attributes:
        name: Under which it was taken down.
        says: What it is.
        unit: Of its values.
        most: The bound; of frames in a second, the least that is wanted.
        part: Under which head it stands.
    """

    name: str
    says: str
    unit: str
    most: float | None
    part: str

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit == "frames/s"


EXPLORER = f"The explorer, {ROWS:,} rows"
OTHERS = "Other widgets"
SAVED = "What is saved in the notebook"
KERNEL = "In a kernel"
FIGURES: Final = (
    Figure("all", "all rows are there, from the run of the cell", "s", 1.5, EXPLORER),
    Figure("sort", "a click on a head sorts", "ms", 30, EXPLORER),
    Figure("filter", "a word is typed", "ms", 30, EXPLORER),
    Figure("bar", "a click on a bar filters", "ms", 30, EXPLORER),
    Figure("scroll", "scrolling by twenty rows a frame", "frames/s", 55, EXPLORER),
    Figure("what-if", "what-if: a slider moves, and the ranking is drawn anew", "ms", 16, OTHERS),
    Figure("frame", f"load chart: one frame with {2 * TICKS:,} points", "ms", 4, OTHERS),
    Figure("updates", "load chart: updates in a second", "Hz", 20, OTHERS),
    Figure("update", "load chart: bytes of an update", "bytes", 1024, OTHERS),
    Figure("diff", f"diff: {ENTRIES:,} entries that differ, drawn", "s", 0.8, OTHERS),
    *(
        Figure(f"saved {name}", name, "bytes", 24 * 1024, SAVED)
        for name in (
            "explorer",
            "explanation",
            "configuration",
            "diff",
            "load",
            "release",
            "status",
        )
    ),
    Figure("load_ext", "`%load_ext oneiric_lab`", "ms", 60, KERNEL),
    Figure("first widget", "the first widget, after that", "ms", 100, KERNEL),
)

LAB: Final = "%load_ext oneiric_lab\nfrom oneiric_lab import Lab\nlab = Lab.sample()"
OURS: Final = f"""\
%load_ext oneiric_lab
from oneiric_lab import Candidate, Lab
import oneiric_lab.notebook.widgets._explorer, oneiric_lab.notebook.widgets._explanation
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
    "oneiric-lab": (OURS, "lab.ui.explorer()", "lab.ui.explanation('adapter:key0')"),
    "quak": (FRAME + "import quak", "quak.Widget(df)"),
    "ipydatagrid": (FRAME + "import ipydatagrid", "ipydatagrid.DataGrid(df)"),
    # Its own script comes with the notebook, and no number of bytes is too many for it.
    "itables": (
        FRAME + "import itables\nitables.init_notebook_mode(connected=False)",
        "itables.show(df, maxBytes=0)",
    ),
}
"""Name to the cell that is run before, the one that is measured, and what is shown behind it."""
LOAD: Final = (
    "lab.ui.load(lab.load.run('swap-under-readers', users=50, duration='4s', warmup='0s'))"
)
DIFF: Final = f"""\
%load_ext oneiric_lab
import oneiric_lab.notebook.widgets._diff
from pathlib import Path
from oneiric_lab import Lab
from oneiric_lab.testing import ReleaseHouse
house = ReleaseHouse()
def manifest(version):
    entries = [{{"domain": "task", "key": f"t{{n}}", "provider": "p", "version": f"{{version}}.0.0",
        "factory": "shop:Made", "priority": n % 900}} for n in range({ENTRIES})]
    Path(f"d/{{version}}.oneiric.json").write_bytes(house.manifest(entries, version=version))
Path("d").mkdir(exist_ok=True); Path("d/oneiric.toml").write_text("")
manifest(1), manifest(2)
lab = Lab.open("d")
found = lab.diff("1.oneiric.json", "2.oneiric.json")
"""
RELEASE: Final = """\
from pathlib import Path
from oneiric_lab.testing import ReleaseHouse
house = ReleaseHouse()
Path("r").mkdir(exist_ok=True); Path("r/oneiric.toml").write_text("")
shop = {f"adapter:k{n}": "redis" for n in range(300)}
for version, one in (1, shop), (2, {**shop, "adapter:k7": "memory", "task:new": "cron"}):
    Path(f"r/{version}.oneiric.json").write_bytes(house.manifest(one, version=version))
Path("r/root.1.json").write_bytes(house.root.envelope.encode())
making, before = Lab.open("r"), {"previous": "1.oneiric.json"}"""
WIDGETS: Final = {
    "explorer": "lab.ui.explorer()",
    "explanation": "lab.ui.explanation('adapter:cache')",
    "configuration": "lab.ui.configuration()",
    "diff": "making.ui.diff('1.oneiric.json', '2.oneiric.json')",
    "load": LOAD,
    "release": "making.ui.release('2.oneiric.json', roots=['root.1.json'], **before)",
    "status": "lab.ui.status()",
}
"""Name of a widget to the cell that shows it."""

_MEASURE: Final = """async ([name, patience]) => {
  const app = window.jupyterapp;
  const panel = window.notebooks[name];
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
      if (!/^(TD|DIV|SPAN)$/.test(one.tagName) || one.childElementCount) continue;
      // A snapshot stands there at once, and is not what is asked for.
      if (!one.getClientRects().length || one.closest("[data-mode=snapshot]")) continue;
      if (/adapter:key0$|task:t0 /.test(one.textContent)) return true;
    }
    return false;
  };
  const out = () => panel.content.widgets[1].outputArea.node;
  const start = window.started = performance.now();
  const run = app.commands.execute("notebook:run-cell");
  while (!drawn(out())) {
    if (performance.now() - start > patience) return null;
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
  const took = performance.now() - start;
  await run;
  return took;
}"""
_ALL: Final = """async (rows) => {
  const grid = document.querySelector(".ol-explorer [role=grid]");
  while (!(grid.ariaRowCount > rows)) await new Promise(requestAnimationFrame);
  return performance.now() - window.started;
}"""
_ACT: Final = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const all = async (acts) => {
    const times = [];
    for (const act of acts) {
      const start = performance.now();
      act();
      times.push(performance.now() - start);
      await frame();
    }
    return times;
  };
  const root = document.querySelector(".ol-explorer");
  const grid = root.querySelector("[role=grid]");
  grid.scrollIntoView();
  const box = root.querySelector("input[type=search]");
  const type = (text) => () => {
    box.value = text;
    box.dispatchEvent(new Event("input"));
  };
  const heads = [...root.querySelectorAll(".ol-sort")];
  const clicks = heads.flatMap((head) => [0, 1, 2].map(() => () => head.click()));
  const found = { sort: await all(clicks) };
  const words = ["p", "pr", "pro", "provider1", "key9", "key99", "active key1", ""];
  found.filter = await all(words.map(type));
  const bars = () => [...root.querySelectorAll("[aria-label='state: filter'] button")];
  found.bar = await all([0, 1, 0, 1].map((at) => () => bars()[at].click()));
  grid.scrollTop = 0;
  const start = performance.now();
  let frames = 0;
  while (performance.now() - start < 1000) {
    grid.scrollTop += 480;
    await frame();
    frames++;
  }
  found.scroll = [frames];
  return found;
}"""
_WHAT_IF: Final = """async () => {
  const times = [];
  const slider = () => document.querySelector(".ol-explanation input[type=range]");
  for (let value = 1; value <= 12; value++) {
    const start = performance.now();
    slider().value = value;
    slider().dispatchEvent(new Event("input", { bubbles: true }));
    document.body.offsetHeight;  // where all is as it is going to be drawn
    times.push(performance.now() - start);
    await new Promise(requestAnimationFrame);
  }
  return times;
}"""
_FRAMES: Final = """async () => {
  const times = [];
  const ask = window.requestAnimationFrame;
  window.requestAnimationFrame = (act) => ask((now) => {
    const start = performance.now();
    act(now);
    times.push(performance.now() - start);
  });
  for (let turn = 0; turn < 30; turn++) {
    window.change({ metric: turn % 2 ? "lag" : "response" });
    await new Promise((done) => ask(() => ask(done)));
  }
  return times.slice(5);
}"""

Found = dict[str, list[float]]


class Wire:
    """What the page gets from the kernel.

    Attributes:
        got: Bytes of each message, and when it came.
        ticks: Those that are updates of a load run.
    """

    def __init__(self, page: Any) -> None:
        self.got: list[int] = []
        self.ticks: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._take))

    def _take(self, data: bytes | str) -> None:
        self.got.append(len(data))
        if '"tick"' in data if isinstance(data, str) else b'"tick"' in data:
            self.ticks.append(len(data))

    def clear(self) -> None:
        """Forget what came."""
        self.got.clear()
        self.ticks.clear()

    def quiet(self, page: Any) -> int:
        """Wait until nothing comes for half a second, and return the bytes that came."""
        seen = -1
        while seen != len(self.got):
            seen = len(self.got)
            page.wait_for_timeout(500)
        return sum(self.got)


class Bench:
    """One server, one browser, and what was measured with them."""

    def __init__(self, browser: Any, server: Server) -> None:
        self.browser, self.server = browser, server
        self.found: Found = {}
        self.tables: dict[str, dict[str, list[float]]] = {}

    def take(self, name: str, *values: float) -> None:
        """Take values down, and show them."""
        self.found.setdefault(name, []).extend(values)
        print(f"{name:22}{' '.join(f'{value:.4g}' for value in values)}", flush=True)  # noqa: T201 - a script speaks to its terminal

    @contextlib.contextmanager
    def lab(self) -> Any:
        """Open JupyterLab in a context of its own."""
        opened = Workbench(self.browser, self.server)
        wire = Wire(opened.page)
        opened.page.set_default_timeout(PATIENCE_MS)
        opened.load()
        try:
            yield opened, wire
        finally:
            opened.context.close()
            self.server.end_kernels()

    def opened(self, bench: Workbench, name: str, *cells: str) -> Any:
        """Open a new notebook; none that was open before is, and no kernel."""
        bench.clear()
        self.server.end_kernels()
        (self.server.folder / name).write_text(json.dumps(notebook_of(*cells)))
        return bench.open(name)

    # --- the parts ------------------------------------------------------------------------

    def measure_tables(self) -> None:
        """Measure how soon each table shows rows; of ours, what comes after."""
        for name, cells in TABLES.items():
            file = f"{name}.ipynb"
            with self.lab() as (bench, wire):
                for _ in range(ROUNDS):
                    notebook = self.opened(bench, file, *cells)
                    notebook.run(0)
                    wire.quiet(bench.page)
                    wire.clear()
                    took = bench.page.evaluate(_MEASURE, [file, PATIENCE_MS])
                    if took is None:
                        print(f"{name:22}drew nothing in {PATIENCE_MS / 1000:g} s")  # noqa: T201 - see above
                        break
                    if name == "oneiric-lab":
                        self.take("all", bench.page.evaluate(_ALL, ROWS) / 1000)
                    got = wire.quiet(bench.page)
                    output = notebook.save()["cells"][1]["outputs"]
                    row = self.tables.setdefault(name, {"s": [], "bytes": [], "saved": []})
                    row["s"].append(took / 1000)
                    row["bytes"].append(got)
                    row["saved"].append(len(json.dumps(output)))
                    print(f"{name:22}{took / 1000:.2f} s {got:,} {row['saved'][-1]:,} bytes")  # noqa: T201 - see above
                    if name == "oneiric-lab":
                        for figure, values in bench.page.evaluate(_ACT).items():
                            self.take(figure, *values)
                        notebook.run(2)
                        bench.page.locator(".ol-explanation input[type=range]").first.wait_for()
                        self.take("what-if", *bench.page.evaluate(_WHAT_IF))

    def measure_diff(self) -> None:
        """Measure how soon a diff shows its rows."""
        with self.lab() as (bench, _):
            for _ in range(ROUNDS):
                notebook = self.opened(bench, "diff.ipynb", DIFF, "lab.ui.diff(found)")
                notebook.run(0)
                took = bench.page.evaluate(_MEASURE, ["diff.ipynb", PATIENCE_MS])
                if took is not None:
                    self.take("diff", took / 1000)

    def measure_chart(self) -> None:
        """Measure a frame of the chart, on a bare page."""
        from tests.browser.test_load_module import running  # noqa: PLC0415 - brings pytest

        bare = Bare(self.browser)
        page = bare.draw("load", running(TICKS), width=1200, height=900)
        self.take("frame", *page.evaluate(_FRAMES))
        bare.context.close()

    def measure_updates(self) -> None:
        """Count what a run tells its chart, and weigh it."""
        with self.lab() as (bench, wire):
            notebook = self.opened(bench, "updates.ipynb", LAB, LOAD)
            notebook.run(0)
            wire.clear()
            notebook.run(1)
            status = bench.page.locator(".ol-load header").get_by_role("status")
            status.filter(has_text="ended").wait_for()
            self.take("updates", len(wire.ticks) / 4)
            self.take("update", *wire.ticks)

    def measure_saved(self) -> None:
        """Weigh what each widget leaves in a notebook."""
        with self.lab() as (bench, _):
            cells = (f"{LAB}\n{RELEASE}", *WIDGETS.values())
            notebook = self.opened(bench, "saved.ipynb", *cells)
            notebook.run(*range(len(cells)))
            saved = notebook.save()["cells"]
            for at, name in enumerate(WIDGETS, 1):
                self.take(f"saved {name}", len(json.dumps(saved[at]["outputs"])))

    def measure_kernel(self) -> None:
        """Measure what a kernel that has just begun does for its first widget."""
        from jupyter_client.manager import start_new_kernel  # noqa: PLC0415 - with a kernel only

        clock = "import time; start = time.perf_counter()"
        for _ in range(KERNELS):
            manager, client = start_new_kernel(
                cwd=str(self.server.folder), stderr=subprocess.DEVNULL
            )
            try:
                for name, before, code in (
                    ("load_ext", "", "get_ipython().run_line_magic('load_ext', 'oneiric_lab')"),
                    (
                        "first widget",
                        f"{LAB}; lab.explain('adapter:cache')",
                        "lab.ui.explanation('adapter:cache')._repr_mimebundle_()",
                    ),
                ):
                    client.execute_interactive(before, output_hook=lambda _: None)
                    said = client.execute_interactive(
                        f"{clock}\nshown = {code}\ntook = time.perf_counter() - start",
                        user_expressions={"took": "took"},
                        output_hook=lambda _: None,
                    )
                    told = said["content"]["user_expressions"]["took"]["data"]["text/plain"]
                    self.take(name, float(told) * 1000)
            finally:
                client.stop_channels()
                manager.shutdown_kernel(now=True)


PARTS: Final = ("tables", "diff", "chart", "updates", "saved", "kernel")


def shown(value: float, unit: str) -> str:
    """Return a value as people read it.

    Example:
        >>> shown(1234.5, "bytes"), shown(0.2345, "s")
        ('1,234 bytes', '0.234 s')
    """
    if unit in {"bytes", "frames/s"}:
        return f"{int(value):,} {unit}"
    return f"{value:.3g} {unit}"


def spread(values: list[float]) -> str:
    """Return the distance between the quartiles, over the median; of one value, nothing."""
    if len(values) < 2 or not statistics.median(values):  # noqa: PLR2004 - the least that has one
        return ""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{(high - low) / statistics.median(values):.0%}"


def page_of(bench: Bench) -> str:
    """Return the page that shows the figures."""
    ours = min(bench.tables["oneiric-lab"]["s"])
    rows = "\n".join(
        f"| {name} {version(name)} | {min(one['s']):.2f} s | {statistics.median(one['s']):.2f} s |"
        f" {spread(one['s'])} | {min(one['s']) / ours:.1f} | {one['bytes'][-1] / 1e6:.2f} MB |"
        f" {one['saved'][-1] / 1e6:.2f} MB |"
        for name, one in sorted(bench.tables.items(), key=lambda pair: min(pair[1]["s"]))
    )
    gone = [name for name in TABLES if name not in bench.tables]
    silent = f"\nDrew nothing within a minute: {', '.join(gone)}.\n" if gone else ""
    missed: list[str] = []
    parts = ""
    for part in dict.fromkeys(figure.part for figure in FIGURES):
        parts += f"\n## {part}\n\n| | median | worst | spread | values | bound | |\n"
        parts += "| --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
        for figure in (one for one in FIGURES if one.part == part and one.name in bench.found):
            values = bench.found[figure.name]
            middle = statistics.median(values)
            worst = min(values) if figure.is_rate else max(values)
            bound, verdict = "", ""
            if figure.most is not None:
                is_held = middle >= figure.most if figure.is_rate else middle <= figure.most
                bound = f"{'≥' if figure.is_rate else '≤'} {shown(figure.most, figure.unit)}"
                verdict = "held" if is_held else "missed"
                if not is_held:
                    missed.append(f"- {figure.says}: {shown(middle, figure.unit)}, bound {bound}.")
            parts += (
                f"| {figure.says} | {shown(middle, figure.unit)} | {shown(worst, figure.unit)} |"
                f" {spread(values)} | {len(values):,} | {bound} | {verdict} |\n"
            )
    return f"""\
# Performance in the browser

<!-- Written by `make bench-browser`; change scripts/browser_bench.py instead. -->

`make bench-browser` installs the peers from a lock of their own, drives one JupyterLab with one
Chromium, and writes this page from one run.

- Machine: {machine()}, {os.cpu_count()} cores, {platform.system()}.
- Python {platform.python_version()}, JupyterLab {version("jupyterlab")}, Chromium
  {bench.browser.version}.
- Times are of the wall. Spread is the distance between the quartiles, over the median. A bound is
  held by the median.

## Beside other tables

{ROWS:,} rows of eight columns, six of them texts: from the run of the cell until rows are drawn,
found in the page or as ink on a canvas. {ROUNDS} rounds, each with a kernel of its own in which
data and module are there before. The explorer's rows come from the registry, those of the others
from a pandas frame with the same columns. Bytes are what the page got until the kernel was silent
for half a second, and what the notebook has saved of the output.

| table | least | median | spread | beside ours | to the page | saved |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}
{silent}
quak asks a database in the kernel for each view, and needs 240 MB of libraries for it;
ipydatagrid draws on a canvas, which a screen reader does not read; itables puts all rows into the
notebook.
{parts}
## What is missed

{chr(10).join(missed) or "Nothing, in this run."}
"""


def machine() -> str:
    """Return the model of the processor."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> int:
    """Measure, and write the page that is named."""
    words = argparse.ArgumentParser(description="Measure what a person waits for in a notebook.")
    words.add_argument("page", nargs="?", type=Path, help="the page that is written")
    words.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    given = words.parse_args()
    parts = given.only.split(",")
    if given.page and set(parts) != set(PARTS):
        words.error("the page is written from all parts")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        print("error: no chromium was found\n  help: apt-get install chromium")  # noqa: T201 - see above
        return 2
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - with the browser only

    with tempfile.TemporaryDirectory() as own, sync_playwright() as playwright:
        folder = Path(own) / "work"
        folder.mkdir()
        server = Server(folder)
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        try:
            server.wait()
            bench = Bench(opened, server)
            for part in parts:
                getattr(bench, f"measure_{part}")()
            if given.page:
                given.page.write_text(page_of(bench))
        finally:
            opened.close()
            server.end()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
