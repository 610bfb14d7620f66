"""A JupyterLab on this machine, and a browser that drives it.

The server listens on 127.0.0.1 only and is ended with the session. Commands go through
`window.jupyterapp`: a click on a menu can come before the kernel is ready and is lost then.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LIMIT_MS = 60_000
"""How long the browser waits for what should be there: machines of CI are slow."""

_CONFIG = """\
from jupyterlab.galata import configure_jupyter_server
configure_jupyter_server(c)
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {port}
c.ServerApp.port_retries = 0
c.ServerApp.allow_root = True
c.ServerApp.root_dir = {folder!r}
c.LabServerApp.extra_labextensions_path = [{extensions!r}]
c.JupyterNotebookApp.expose_app_in_browser = True
"""
# Asks for news are drawn over the page, and cells out of sight would have no outputs.
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def missing(what: str) -> None:
    """Skip, and say so; where everything must be there, fail."""
    if os.environ.get("ONEIRIC_CI") == "1":
        pytest.fail(f"{what} is missing, and ONEIRIC_CI=1 skips nothing")
    pytest.skip(f"{what} is missing")


class Server:
    """A JupyterLab with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        own = folder.parent / "jupyter"
        own.mkdir()
        config = own / "config.py"
        config.write_text(
            _CONFIG.format(port=self.port, folder=str(folder), extensions=str(ROOT / "extensions"))
        )
        for name, settings in _SETTINGS.items():
            file = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(settings))
        environ = {
            **os.environ,
            **{f"JUPYTER_{name}_DIR": str(own / name) for name in ("CONFIG", "DATA", "RUNTIME")},
            "IPYTHONDIR": str(own / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
            "PYTHONPATH": str(ROOT),
        }
        self.log = own / "log"
        words = [sys.executable, "-m", "jupyterlab", f"--config={config}", "--no-browser"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, env=environ, stdout=log, stderr=log, cwd=folder, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + LIMIT_MS / 1000
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.ask("/api/status")
                return
            time.sleep(0.1)
        pytest.fail(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def ask(self, path: str, method: str = "GET") -> Any:
        """Return what its interface answers."""
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def end_kernels(self) -> None:
        """End what notebooks have started."""
        for session in self.ask("/api/sessions"):
            self.ask(f"/api/sessions/{session['id']}", "DELETE")

    def end(self) -> None:
        """End the server and its kernels."""
        with contextlib.suppress(OSError, ValueError):
            self.end_kernels()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a JupyterLab that listens on this machine only."""
    if find_spec("jupyterlab") is None:
        missing("jupyterlab")
    folder = tmp_path_factory.mktemp("browser") / "work"
    folder.mkdir()
    started = Server(folder)
    try:
        started.wait()
        yield started
    finally:
        started.end()


# Of one file: while it lives, its driver's loop counts as running in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a Chromium without a window; Debian's, since none is downloaded."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing("chromium (apt-get install -y chromium)")
    quiet = ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"]
    quiet += ["disable-background-networking", "disable-component-update"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found, args=[f"--{word}" for word in quiet]
        )
        yield started
        started.close()


class Notebook:
    """A notebook that is open in a browser.

    Args:
        page: The browser's page.
        cells: How many cells it has.
    """

    def __init__(self, page: Any, cells: int) -> None:
        self.page, self.cells = page, cells

    def run(self, cell: int) -> None:
        """Run a cell, and wait until the kernel has done so."""
        self.page.evaluate(
            "async (at) => { const app = window.jupyterapp; const panel = window.openedNotebook;"
            " app.shell.activateById(panel.id); panel.content.activeCellIndex = at;"
            " await app.commands.execute('notebook:run-cell'); }",
            cell,
        )

    def output(self, cell: int) -> Any:
        """Return what locates the outputs of a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-OutputArea-output")

    def restart(self) -> None:
        """Restart its kernel, and wait for the new one."""
        self.page.evaluate(
            "async () => { const { sessionContext } = window.openedNotebook;"
            " await sessionContext.session.kernel.restart(); await sessionContext.ready; }"
        )

    def save(self) -> dict[str, Any]:
        """Save it, and return what its model holds."""
        found: dict[str, Any] = self.page.evaluate(
            "async () => { const panel = window.openedNotebook;"
            " await panel.context.save(); return panel.context.model.toJSON(); }"
        )
        return found


@pytest.fixture
def open_page(server: Server, browser: Any) -> Iterator[Any]:
    """Return what opens a page; it fails in the end where one asked for another host."""
    contexts = []
    asked: list[str] = []
    errors: list[str] = []

    def open_(path: str, *, scheme: str = "light", width: int = 1200, height: int = 900) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("request", lambda request: asked.append(request.url))
        # What a widget's module raises: a notebook's own troubles are not ours to judge.
        page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(server.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert [error for error in errors if "blob:" in error] == []
    here = re.compile(rf"(?:(?:http|ws)://127\.0\.0\.1:{server.port}/|data:|blob:)")
    assert [url for url in asked if not here.match(url)] == []


@pytest.fixture
def open_notebook(server: Server, open_page: Any) -> Iterator[Any]:
    """Return what opens a notebook of these cells; its kernel is ended afterwards."""

    def open_(*cells: str, name: str = "n.ipynb", theme: str = "JupyterLab Light") -> Notebook:
        path = server.folder / name
        if cells:
            path.write_text(json.dumps(notebook_of(*cells)))
        page = open_page("/lab?reset")
        page.wait_for_function("() => window.jupyterapp?.restored")
        page.evaluate(
            "async ([path, theme]) => { await window.jupyterapp.restored;"
            " const run = (name, args) => window.jupyterapp.commands.execute(name, args);"
            " await run('apputils:change-theme', {theme});"
            " const panel = await run('docmanager:open', {path});"
            " await panel.context.ready; await panel.sessionContext.ready;"
            " window.openedNotebook = panel; await run('application:toggle-left-area'); }",
            [name, theme],
        )
        return Notebook(page, len(cells))

    yield open_
    server.end_kernels()


_PAGE = """<!doctype html><html lang="en"><title>t</title>
<meta name="color-scheme" content="light dark"><body></body></html>"""

_MODEL = """async ([esm, css, given]) => {
  const state = JSON.parse(given);  // a text of megabytes goes over at once, an object does not
  document.body.replaceChildren();
  const style = document.createElement("style");
  style.textContent = css;
  const root = document.createElement("div");
  document.body.append(style, root);
  const bytes = ({ $bytes }) =>
    new DataView(Uint8Array.from(atob($bytes), (c) => c.charCodeAt(0)).buffer);
  const cells = (values) => {
    for (const value of Object.values(values)) if (value?.cells) value.cells = bytes(value.cells);
    return values;
  };
  cells(state);
  const heard = {};
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => window.sent.push({ saved: { ...state } }),
    send: (message) => window.sent.push(message),
    on: (name, call) => (heard[name] ??= []).push(call),
    off: (name, call) => { heard[name] = (heard[name] ?? []).filter((each) => each !== call); },
  };
  window.sent = [];
  window.tell = (message, ...cells) =>
    (heard["msg:custom"] ?? []).forEach((call) => call(message, cells.map(bytes)));
  window.change = (changes) => {
    Object.assign(state, cells(changes));
    const calls = Object.keys(changes).flatMap((name) => heard[`change:${name}`] ?? []);
    for (const call of calls) call();
  };
  window.listeners = () => Object.values(heard).flat().length;
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  const widget = (await import(url)).default();
  const start = performance.now();
  window.end = [await widget.initialize?.({ model }), await widget.render({ model, el: root })];
  window.took = Math.round(performance.now() - start);
}"""


@pytest.fixture
def render(browser: Any) -> Iterator[Any]:
    """Return what shows the module of a widget on a bare page, with a model that is none."""
    from oneiric_lab.notebook.widgets._esm import module, style

    contexts = []
    errors: list[str] = []

    def render_(name: str, state: dict[str, Any], *, scheme: str = "light") -> Any:
        context = browser.new_context(color_scheme=scheme, viewport={"width": 900, "height": 700})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        # Answered by the browser's driver: no server, and no request leaves it.
        page.route("**/*", lambda route: route.fulfill(body=_PAGE))
        page.goto("http://widget.test/")
        page.evaluate(_MODEL, [module(name), style(name), json.dumps(state)])
        return page

    yield render_
    for context in contexts:
        context.close()
    assert errors == []


EXTENSION = ROOT / "extensions" / "jupyterlab-oneiric"


@pytest.fixture
def extension(browser: Any) -> Iterator[Any]:
    """Return what opens a bare page that has the modules of the extension in `/static/`."""
    contexts = []
    errors: list[str] = []

    def answer(route: Any) -> None:
        file = EXTENSION / route.request.url.split("/", 3)[3]
        if file.is_file():
            route.fulfill(path=file, content_type=_KINDS[file.suffix])
        else:
            route.fulfill(body=_BLANK, content_type="text/html")

    def open_(host: str = "localhost", *, scheme: str = "light", width: int = 900) -> Any:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 700})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.route("**/*", answer)
        page.goto(f"http://{host}/")
        page.evaluate("async () => (await import('/static/style.mjs')).default()")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


_BLANK = "<!doctype html><html lang=en><title>t</title>"
_KINDS = {".mjs": "text/javascript", ".css": "text/css"}


def notebook_of(*cells: str) -> dict[str, Any]:
    """Return a notebook with code cells that were not run."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
        "cells": [
            {
                "id": f"cell-{number}",
                "cell_type": "code",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
    }
