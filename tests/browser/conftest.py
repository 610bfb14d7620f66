"""A JupyterLab on this machine, and a browser that drives it.

One server, one browser and one page of JupyterLab serve the folder; a test finds the page without
documents and without kernels, and a bare page is in a context of its own. The server listens on
127.0.0.1 only. Commands go through `window.jupyterapp`: a click on a menu can come before the
kernel is ready and is lost then. Whatever is waited for is a condition, never a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
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
LIMIT_MS = 120_000
"""How long the browser waits for what should be there: machines of CI are slow, and shared."""

_CONFIG = """\
from jupyterlab.galata import configure_jupyter_server
configure_jupyter_server(c)
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {port}
c.ServerApp.port_retries = 50
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


FLAGS = [
    f"--{word}"
    for word in (
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-sync",
        "disable-background-networking",
        "disable-component-update",
    )
]
"""What Chromium is started with: it runs as root, draws nothing, and asks nobody anything."""


def missing(what: str) -> None:
    """Skip, and say so; where everything must be there, fail."""
    if os.environ.get("ONEIRIC_CI") == "1":
        pytest.fail(f"{what} is missing, and ONEIRIC_CI=1 skips nothing")
    pytest.skip(f"{what} is missing")


def a_port() -> int:
    """Return a port to begin to look at: below those that the system gives to who asks for any."""
    return 20_000 + os.getpid() % 10_000


def own_jupyter(folder: Path) -> dict[str, str]:
    """Return an environment in which Jupyter knows nothing but what is in *folder*."""
    names = ("CONFIG", "DATA", "RUNTIME")
    return {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(folder / name) for name in names},
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(ROOT),
    }


class Server:
    """A JupyterLab with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.url = 0, ""
        own = folder.parent / "jupyter"
        own.mkdir()
        config = own / "config.py"
        config.write_text(
            _CONFIG.format(port=a_port(), folder=str(folder), extensions=str(ROOT / "extensions"))
        )
        for name, settings in _SETTINGS.items():
            file = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps(settings))
        environ = {**own_jupyter(own), "JUPYTERLAB_SETTINGS_DIR": str(own / "settings")}
        self.log, self._runtime = own / "log", own / "RUNTIME"
        words = [sys.executable, "-m", "jupyterlab", f"--config={config}", "--no-browser"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, env=environ, stdout=log, stderr=log, cwd=folder, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until it answers, and learn at which port it does."""
        until = time.monotonic() + LIMIT_MS / 1000
        while time.monotonic() < until and self.process.poll() is None:
            # Written at once, when it listens; half of it is no JSON.
            with contextlib.suppress(StopIteration, ValueError, OSError):
                told = json.loads(next(self._runtime.glob("jpserver-*.json")).read_text())
                self.port, self.url = told["port"], f"http://127.0.0.1:{told['port']}"
                self.ask("/api/status")
                return
            time.sleep(0.05)
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


@pytest.fixture(scope="package")
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


# Of this folder, not of the session: while it lives, its driver's loop counts as running in this
# thread, and who wants one of their own gets none.
@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Return a Chromium without a window; Debian's, since none is downloaded."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing("chromium (apt-get install -y chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


class Page:
    """A page that a server of ours gives, and what it asked for and complained of.

    Attributes:
        page: The browser's page.
    """

    def __init__(self, browser: Any, server: Server, **options: Any) -> None:
        self._here = re.compile(rf"(?:(?:http|ws)://127\.0\.0\.1:{server.port}/|data:|blob:)")
        self.context = browser.new_context(viewport={"width": 1200, "height": 900}, **options)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page = self.context.new_page()
        self.page.set_default_timeout(LIMIT_MS)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        # What a widget's module raises: a notebook's own troubles are not ours to judge.
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        self.page.on(
            "console", lambda said: self.errors.append(said.text) if said.type == "error" else None
        )

    def judge(self) -> None:
        """Fail where a module of ours raised, or something was asked of another host."""
        errors = [
            error for error in self.errors if "blob:" in error or "jupyterlab-oneiric" in error
        ]
        elsewhere = [url for url in self.asked if not self._here.match(url)]
        self.errors.clear()
        self.asked.clear()
        assert errors == []
        assert elsewhere == []


class Workbench(Page):
    """The page of JupyterLab, which one test takes after the other."""

    def __init__(self, browser: Any, server: Server) -> None:
        super().__init__(browser, server)
        self._address = f"{server.url}/lab?reset"
        self.load()

    def load(self) -> None:
        """Load it, anew or again: what a person sees who comes back."""
        self.page.goto(self._address)
        self.page.wait_for_function("() => window.jupyterapp?.restored")
        self.page.evaluate("() => window.jupyterapp.restored")

    def execute(self, command: str, **arguments: Any) -> None:
        """Run a command of JupyterLab, and wait for its end."""
        self.page.evaluate(
            "async ([name, given]) => { await window.jupyterapp.commands.execute(name, given); }",
            [command, arguments],
        )

    def open(self, name: str, theme: str = "JupyterLab Light") -> Notebook:
        """Open a notebook of the server's folder, and wait for its kernel."""
        self.page.evaluate(
            "async ([path, theme]) => {"
            " const run = (name, args) => window.jupyterapp.commands.execute(name, args);"
            " await run('apputils:change-theme', { theme });"
            " const panel = await run('docmanager:open', { path });"
            " await panel.context.ready; await panel.sessionContext.ready;"
            " (window.notebooks ??= {})[path] = panel; window.jupyterapp.shell.collapseLeft(); }",
            [name, theme],
        )
        return Notebook(self.page, name)

    def clear(self) -> None:
        """Close what is open, without a question."""
        self.page.evaluate(
            "() => { const { shell } = window.jupyterapp; shell.collapseLeft();"
            " for (const one of [...shell.widgets('main')]) one.dispose();"
            " window.notebooks = {}; }"
        )
        if self.page.locator(".jp-Dialog").count():
            self.load()


class Notebook:
    """A notebook that is open in a browser.

    Args:
        page: The browser's page.
        name: Its file.
    """

    def __init__(self, page: Any, name: str) -> None:
        self.page, self.name = page, name

    def run(self, *cells: int) -> None:
        """Run cells, and wait until the kernel has done so."""
        for cell in cells:
            self.page.evaluate(
                "async ([name, at]) => { const app = window.jupyterapp;"
                " const panel = window.notebooks[name];"
                " if (app.shell.currentWidget !== panel) await new Promise((done) => {"
                "   app.shell.currentChanged.connect(done); app.shell.activateById(panel.id); });"
                " panel.content.activeCellIndex = at;"
                " await app.commands.execute('notebook:run-cell'); }",
                [self.name, cell],
            )

    def output(self, cell: int) -> Any:
        """Return what locates the outputs of a cell."""
        seen = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell")
        return seen.nth(cell).locator(".jp-OutputArea-output")

    def restart(self) -> None:
        """Restart its kernel, and wait for the new one."""
        self.page.evaluate(
            "async (name) => { const { sessionContext } = window.notebooks[name];"
            " await sessionContext.session.kernel.restart(); await sessionContext.ready; }",
            self.name,
        )

    def know_widgets(self) -> None:
        """Ask its kernel which widgets it has: what was asked before is answered before."""
        self.page.evaluate(
            "async (name) => { const { kernel } = window.notebooks[name].sessionContext.session;"
            " await kernel.requestCommInfo({ target_name: 'jupyter.widget' }); }",
            self.name,
        )

    def save(self) -> dict[str, Any]:
        """Save it, and return what its model holds."""
        found: dict[str, Any] = self.page.evaluate(
            "async (name) => { const panel = window.notebooks[name];"
            " await panel.context.save(); return panel.context.model.toJSON(); }",
            self.name,
        )
        return found


@pytest.fixture(scope="package")
def _workbench(server: Server, browser: Any) -> Iterator[Workbench]:
    made = Workbench(browser, server)
    yield made
    made.context.close()


@pytest.fixture
def workbench(_workbench: Workbench, server: Server) -> Iterator[Workbench]:
    """Return the page of JupyterLab; it fails in the end where one asked for another host."""
    yield _workbench
    _workbench.clear()
    server.end_kernels()
    _workbench.judge()


@pytest.fixture
def open_notebook(server: Server, workbench: Workbench) -> Any:
    """Return what opens a notebook of these cells; its kernel is ended afterwards.

    Without cells it comes back to the one of that name, in a page that is loaded again.
    """

    def open_(*cells: str, name: str = "n.ipynb", theme: str = "JupyterLab Light") -> Notebook:
        if cells:
            (server.folder / name).write_text(json.dumps(notebook_of(*cells)))
        else:
            workbench.load()
        return workbench.open(name, theme)

    return open_


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


EXTENSION = ROOT / "extensions" / "jupyterlab-oneiric"
_BLANK = "<!doctype html><html lang=en><title>t</title>"
_KINDS = {".mjs": "text/javascript", ".css": "text/css"}
_WIDGET = "http://widget.test/"


def _answer(route: Any) -> None:
    """Answer for a server: no request leaves the browser's driver."""
    file = EXTENSION / route.request.url.split("/", 3)[3]
    if route.request.url == _WIDGET:
        route.fulfill(body=_PAGE, content_type="text/html")
    elif file.is_file():
        route.fulfill(path=file, content_type=_KINDS[file.suffix])
    else:
        route.fulfill(body=_BLANK, content_type="text/html")


class Bare:
    """Pages without a server, which tests take and give back.

    Who takes one finds a new document in it; a new page for each would take seven times as long.

    Attributes:
        errors: What pages complained of.
    """

    def __init__(self, browser: Any) -> None:
        self.errors: list[str] = []
        self.context = browser.new_context()
        self.context.set_default_timeout(LIMIT_MS)
        self.context.route("**/*", _answer)
        self._free: list[Any] = []

    def take(self, url: str, *, scheme: str = "light", width: int = 900, height: int = 700) -> Any:
        """Return a page of this size and colour that shows this address."""
        page = self._free.pop() if self._free else self._new()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.mouse.move(0, 0)
        page.goto(url)
        return page

    def _new(self) -> Any:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def give(self, pages: list[Any]) -> None:
        """Take pages back, and fail where one complained."""
        for page in pages:
            page.goto("about:blank")
        self._free += pages
        errors, self.errors = self.errors, []
        assert errors == []

    def draw(self, name: str, state: dict[str, Any], **options: Any) -> Any:
        """Return a page that shows the module of a widget, with a model that is none."""
        from oneiric_lab.notebook.widgets._esm import module, style

        page = self.take(_WIDGET, **options)
        page.evaluate(_MODEL, [module(name), style(name), json.dumps(state)])
        return page


@pytest.fixture(scope="package")
def _bare(browser: Any) -> Iterator[Bare]:
    made = Bare(browser)
    yield made
    made.context.close()


@pytest.fixture
def render(_bare: Bare) -> Iterator[Any]:
    """Return what shows the module of a widget on a bare page; an error of the page fails."""
    taken: list[Any] = []

    def render_(name: str, state: dict[str, Any], *, scheme: str = "light") -> Any:
        taken.append(_bare.draw(name, state, scheme=scheme))
        return taken[-1]

    yield render_
    _bare.give(taken)


@pytest.fixture
def extension(_bare: Bare) -> Iterator[Any]:
    """Return what opens a bare page that has the modules of the extension in `/static/`."""
    taken: list[Any] = []

    def open_(host: str = "localhost", *, scheme: str = "light", width: int = 900) -> Any:
        page = _bare.take(f"http://{host}/", scheme=scheme, width=width)
        taken.append(page)
        page.evaluate("async () => (await import('/static/style.mjs')).default()")
        return page

    yield open_
    _bare.give(taken)


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
