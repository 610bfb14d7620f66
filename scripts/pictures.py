"""Take the pictures of the README and the documentation, and one of each widget to look at.

    python scripts/pictures.py            # or: make pictures

Needs chromium. A JupyterLab on this machine shows real answers about the sample workspace. What
the pages show goes to docs/_static/ and is committed; every widget, light, dark and narrow, goes
to build/pictures/ and is there to be looked at.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from oneiric_lab import Lab  # noqa: E402 - found from a checkout that is not installed
from oneiric_lab.testing import ReleaseHouse  # noqa: E402 - see above
from tests.browser.conftest import Server, notebook_of  # noqa: E402 - the server that tests drive

STATIC: Final = ROOT / "docs" / "_static"
LOOKS: Final = ROOT / "build" / "pictures"
THEMES: Final = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
NARROW: Final = 460
STYLE = """
body { font: 15px/1.5 system-ui, "Liberation Sans", sans-serif; margin: 0; padding: 18px 26px 22px;
       color: #1b1f24; background: #fff; width: 900px; }
.cell { display: flex; gap: 12px; margin: 14px 0 4px; }
.cell code { flex: 1; background: #f5f5f5; border: 1px solid #e0e0e0; padding: 6px 10px;
             font: 14px "DejaVu Sans Mono", monospace; }
.cell i { color: #307fc1; font: 13px/32px "DejaVu Sans Mono", monospace; }
.ol-title { margin: 8px 0 6px 56px; } .ol-title em { color: #57606a; }
table { border-collapse: collapse; margin: 4px 0 8px 56px; font-size: 14px; }
th { font-weight: 600; border-bottom: 1px solid #888; } th, td { padding: 4px 14px 4px 6px; }
tbody tr:nth-child(odd) { background: #f6f8fa; }
.ol-note { margin: 2px 0 2px 56px; white-space: pre-wrap; }
.ol-ok { color: #1a7f37; font-weight: 600; } .ol-bad { color: #b3261e; }
.ol-warn { color: #8a5a00; } .ol-lost, .ol-muted { color: #6e7781; }
a { color: #0a58a8; text-decoration: none; }
"""
OPEN: Final = """\
%load_ext oneiric_lab
from oneiric_lab import Lab
lab = Lab.sample()
before = {"previous": "shop.oneiric.json"}
"""
WIDGETS: Final = {
    "explanation": ("lab.ui.explanation('adapter:cache')", ".ol-explanation"),
    "configuration": ("lab.ui.configuration()", ".ol-configuration"),
    "diff": ("Lab.open('.').ui.diff('old.oneiric.json', 'shop.oneiric.json')", ".ol-diff"),
    "load": (
        "lab.ui.load(lab.load.run('swap-under-readers', users=50, duration='12s', warmup='1s'))",
        ".ol-load",
    ),
    "drive": ("lab.ui.load('swap-under-readers')", ".ol-drive"),
    "status": (
        "lab.desire('adapter:cache', 'paused', why='backup'); lab.ui.status()",
        ".ol-board",
    ),
    "steps": (
        "Lab.open('.').ui.release('next.oneiric.json', roots=['root.1.json'], **before)",
        ".ol-release",
    ),
    "explorer": ("lab.ui.explorer()", ".ol-explorer"),
}
"""Name to the cell that shows it, and what finds it on the page."""
KEYS: Final = {
    "configuration": ("/", *"server", "Enter", "ArrowDown", "ArrowDown", "ArrowRight", "e"),
    "diff": ("n", "n"),
}
"""What is pressed before a picture, in the rows of a widget."""
PAGES: Final = ("explorer", "load", "drive", "status", "configuration", "diff", "steps")
"""Those that the documentation shows, beside the workbench as a whole."""


def explain(browser: str) -> None:
    """Write docs/_static/explain.png."""
    lab = Lab.sample(profiles=["prod"])
    parts = []
    for number, asked in enumerate(("server.port", "service:payment"), 1):
        line = f"<div class=cell><i>[{number}]:</i><code>%oneiric explain {asked}</code></div>"
        parts.append(line + lab.explain(asked).to_html())
    head = f"<meta charset=utf-8><title>explain</title><style>{STYLE}</style>"
    target = STATIC / "explain.png"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(f"<!doctype html>{head}{''.join(parts)}")
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = ["--window-size=960,460", "--force-device-scale-factor=1.5"]
        subprocess.run(  # noqa: S603 - the browser that was found
            [
                browser,
                *words,
                *size,
                f"--user-data-dir={folder}/p",
                f"--screenshot={target}",
                str(page),
            ],
            check=True,
            capture_output=True,
        )


def workbench(playwright: Any, browser: str, server: Server) -> None:
    """Take a picture of every widget, in each theme and narrow, and those of the pages."""
    opened = playwright.chromium.launch(
        executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
    )
    cells = [OPEN, *(code for code, _ in WIDGETS.values())]
    (server.folder / "shop.ipynb").write_text(json.dumps(notebook_of(*cells)))
    for scheme, theme in THEMES.items():
        page = opened.new_context(
            viewport={"width": 1280, "height": 860}, color_scheme=scheme
        ).new_page()
        page.goto(f"{server.url}/lab?reset")
        page.wait_for_function("() => window.jupyterapp?.restored")
        page.evaluate(
            "async (theme) => { const app = window.jupyterapp; await app.restored;"
            " const run = (name, args) => app.commands.execute(name, args);"
            " await run('apputils:change-theme', { theme });"
            " const panel = await run('docmanager:open', { path: 'shop.ipynb' });"
            " await panel.context.ready; await panel.sessionContext.ready;"
            " await run('oneiric:open-panel'); }",
            theme,
        )
        _run(page, 0)
        for number, (name, (_, where)) in enumerate(WIDGETS.items(), 1):
            _run(page, number)
            shown = page.locator(where).first
            shown.wait_for()
            if name in KEYS:
                shown.get_by_role("treegrid").focus()
                for key in KEYS[name]:
                    page.keyboard.press(key)
            page.wait_for_timeout(9000 if name == "load" else 600)
            _shoot(shown, name, scheme)
        if scheme == "light":
            page.locator(".ol-explorer [role=searchbox], .ol-explorer input").first.fill("adapter:")
            page.get_by_role("option", name="cache").first.click()
            page.locator(".ol-answer .ol-view").wait_for()
            page.locator(".ol-explorer").scroll_into_view_if_needed()
            page.screenshot(path=STATIC / "workbench.png")
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        page.set_viewport_size({"width": NARROW, "height": 860})
        for name, (_, where) in WIDGETS.items():
            page.wait_for_timeout(300)
            _shoot(page.locator(where).first, name, f"{scheme}-narrow")
        page.set_viewport_size({"width": 1100, "height": 1100})
        page.evaluate(
            "() => window.jupyterapp.commands.execute('oneiric:verify-file',"
            " { path: 'shop.oneiric.json' })"
        )
        shown = page.locator(".ol-page")
        shown.locator("h2").first.wait_for()
        _shoot(shown, "release", scheme)
        page.context.close()
        server.end_kernels()
    opened.close()
    for name in (*PAGES, "release"):
        shutil.copy(LOOKS / f"{name}-light.png", STATIC / f"{name}.png")


def _run(page: Any, cell: int) -> None:
    page.evaluate(
        "async (at) => { const app = window.jupyterapp; const panel = app.shell.currentWidget;"
        " panel.content.activeCellIndex = at; await app.commands.execute('notebook:run-cell'); }",
        cell,
    )


def _shoot(shown: Any, name: str, look: str) -> None:
    shown.scroll_into_view_if_needed()
    shown.screenshot(path=LOOKS / f"{name}-{look}.png")


def releases(folder: Path) -> None:
    """Write two releases into *folder*, the newer one with its bundle, and one to be made."""
    house = ReleaseHouse(now=datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))
    old = house.release(
        {"adapter:cache": "redis", "service:payment": "stripe", "task:mail": "smtp"}
    )
    new = house.release({"adapter:cache": "memory", "service:payment": "stripe", "task:sms": "gsm"})
    (folder / "old.oneiric.json").write_bytes(old.manifest)
    (folder / "shop.oneiric.json").write_bytes(new.manifest)
    (folder / "shop.oneiric-bundle.json").write_bytes(new.bundle.encode())
    components = {"adapter:cache": "memory", "service:payment": "adyen"}
    (folder / "next.oneiric.json").write_bytes(house.manifest(components, version=3))
    (folder / "root.1.json").write_bytes(house.root.envelope.encode())


def main() -> int:
    """Take all pictures."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("error: no chromium was found\n  help: apt-get install chromium")  # noqa: T201 - a script speaks to its terminal
        return 2
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - with the browser only

    STATIC.mkdir(exist_ok=True)
    LOOKS.mkdir(parents=True, exist_ok=True)
    explain(browser)
    with tempfile.TemporaryDirectory() as own, sync_playwright() as playwright:
        folder = Path(own) / "work"
        folder.mkdir()
        releases(folder)
        server = Server(folder)
        try:
            server.wait()
            workbench(playwright, browser, server)
        finally:
            server.end()
    print(f"look at them: {LOOKS}")  # noqa: T201 - see above
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
