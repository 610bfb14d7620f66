"""Take the picture of the README: real answers about the sample workspace, in a browser.

    python scripts/picture.py

Needs chromium. The picture is committed; it is taken anew when the looks have changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from oneiric_lab import Lab  # noqa: E402 - found from a checkout that is not installed

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


def main() -> int:
    """Write docs/_static/explain.png."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("error: no chromium was found\n  help: apt-get install chromium")  # noqa: T201 - a script speaks to its terminal
        return 2
    lab = Lab.sample(profiles=["prod"])
    parts = []
    for number, asked in enumerate(("server.port", "service:payment"), 1):
        line = f"<div class=cell><i>[{number}]:</i><code>%oneiric explain {asked}</code></div>"
        parts.append(line + lab.explain(asked).to_html())
    head = f"<meta charset=utf-8><title>explain</title><style>{STYLE}</style>"
    target = ROOT / "docs" / "_static" / "explain.png"
    target.parent.mkdir(exist_ok=True)
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
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
