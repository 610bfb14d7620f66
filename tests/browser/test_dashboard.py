"""The dashboard, as Voila serves it: for everybody to see, for nobody to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import Lab
from oneiric_lab.lab import allow, copy_sample

from .conftest import LIMIT_MS, ROOT, a_port, missing, own_jupyter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def answers(url: str) -> bool:
    """Return whether a server answers there; not the page, which would start a kernel."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace in which one component is to be paused."""
    folder = copy_sample(tmp_path_factory.mktemp("dashboard") / "shop")
    allow(folder, ["shop", "shop.settings", "shop.wiring"], os.environ)
    with Lab.open(folder) as lab:
        lab.desire("adapter:cache", "paused", why="the disk is copied")
    return folder


@pytest.fixture(scope="module")
def url(shop: Path) -> Iterator[str]:
    """Return where Voila serves the dashboard of the workspace."""
    if find_spec("voila") is None:
        missing("voila")
    words = [sys.executable, "-m", "voila", str(ROOT / "notebooks" / "10-dashboard.ipynb")]
    words += ["--no-browser", "--Voila.ip=127.0.0.1", f"--port={a_port()}"]
    words += ["--Voila.port_retries=50"]
    words += ["--template=oneiric"]
    environ = {**own_jupyter(shop.parent / "jupyter"), "WORKSPACE": str(shop)}
    # Where a checkout has the template that a wheel installs.
    environ["JUPYTER_PATH"] = str(ROOT / "extensions")
    log = shop.parent / "log"
    with log.open("wb") as out:
        served = subprocess.Popen(words, env=environ, stdout=out, stderr=out, cwd=shop.parent)
    try:
        until = time.monotonic() + LIMIT_MS / 1000
        # It takes the next port where one is taken, and says which.
        while not (told := re.search(r"http://127\.0\.0\.1:[0-9]+/", log.read_text())):
            if time.monotonic() > until or served.poll() is not None:
                pytest.fail(f"Voila did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        while not answers(f"{told[0]}voila/static/none"):
            if time.monotonic() > until or served.poll() is not None:
                pytest.fail(f"Voila does not answer:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield told[0]
    finally:
        served.terminate()
        served.wait(20)


class TestDashboard:
    def test_shows_how_things_are_and_nothing_to_press(
        self, browser: Any, url: str, shop: Path
    ) -> None:
        """
        No code, no error, no button that changes something, and what a shell wants is followed;
        no other host is asked for anything.
        """
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        status = page.get_by_role("group", name="status")
        status.get_by_text("the disk is copied").first.wait_for()
        page.locator(".ol-explorer").wait_for()

        with Lab.open(shop) as lab:
            lab.desire("adapter:queue", "draining", why="a shell said so")
        status.get_by_text("a shell said so").first.wait_for()

        text = page.locator("body").inner_text()
        assert "health of shop: good" in text
        assert "check: sound" in text
        assert "load_ext" not in text
        assert "Traceback" not in text
        assert "Error" not in text
        assert page.get_by_role("button", name="Pause").count() == 0
        assert page.get_by_role("button", name="Resume").count() == 0
        context.close()
        here = (url, url.replace("http", "ws", 1), "data:", "blob:")
        assert [one for one in asked if not one.startswith(here)] == []
