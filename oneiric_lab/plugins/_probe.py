"""Importing a factory where it can do no harm to this process: in one of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from oneiric_lab.views import Code, Note, Result, View

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable

Kind = Literal[
    "ok",
    "import-error",
    "syntax-error",
    "exit",
    "hang",
    "prints",
    "wrong-type",
    "duplicate",
    "crash",
    "error",
    "cancelled",
]

TIMEOUT = 10.0
"""Seconds an import may take; the slowest of common libraries take two or three."""
_OUTPUT = 65_536
_POLL = 0.005

# Runs in the subprocess. It answers in a file, since what is probed may print; it leaves by
# os._exit, since what is probed may have started threads.
_RUNNER = """
import importlib, json, os, sys, traceback
try:
    import resource
except ImportError:
    resource = None
task = json.loads(sys.argv[1])
sys.path[:] = task["path"]
if resource is not None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

def shown(file):
    # Relative to the folder it was imported from, so that it reads the same everywhere.
    roots = [p for p in sys.path if p and file.startswith(p.rstrip(os.sep) + os.sep)]
    return os.path.relpath(file, max(roots, key=len)) if roots else file

def answer(kind, detail="", error=None):
    text = ""
    if error is not None:
        here = os.path.dirname(importlib.__file__)
        frames = [traceback.FrameSummary(shown(f.filename), f.lineno, f.name, line=f.line)
                  for f in traceback.extract_tb(error.__traceback__)
                  if f.filename != "<string>" and not f.filename.startswith(("<frozen", here))]
        text = "".join(["Traceback (most recent call last):\\n", *traceback.format_list(frames),
                        *traceback.format_exception_only(error)])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    with open(task["answer"], "w", encoding="utf-8", errors="replace") as file:
        json.dump({"kind": kind, "detail": detail, "traceback": text}, file)
    os._exit(0)

module, _, attribute = task["factory"].partition(":")
try:
    value = importlib.import_module(module)
    missing = None
    for part in attribute.split("."):
        if not hasattr(value, part):
            missing = part
            break
        value = getattr(value, part)
except SystemExit as error:
    answer("exit", "SystemExit: %s" % (error.code,), error)
except SyntaxError as error:
    answer("syntax-error", "%s: %s" % (type(error).__name__, error), error)
except ModuleNotFoundError as error:
    answer("import-error", "ModuleNotFoundError: %s" % (error.name or error), error)
except ImportError as error:
    answer("import-error", "ImportError: %s" % error, error)
except BaseException as error:
    answer("error", "%s: %s" % (type(error).__name__, error), error)
if missing is not None:
    answer("wrong-type", "%s has no attribute %s" % (module, attribute))
if not callable(value):
    answer("wrong-type", "%s is a %s, not callable" % (task["factory"], type(value).__name__))
answer("ok")
"""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """One factory to be imported.

    Attributes:
        factory: `module:attr`.
        sys_path: Folders it is imported from; those of this process by default.
        name: What it stands for; a second request of the same name is a duplicate.
    """

    factory: str
    sys_path: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class ProbeResult(Result):
    """What happened when a factory was imported.

    Attributes:
        request: What was asked.
        kind: `ok`, or what is wrong with it.
        detail: The same in words, such as `ModuleNotFoundError: boto3`.
        traceback: Its own frames, not ours.
        output: What it printed.
        seconds: How long it took.
    """

    request: ProbeRequest
    kind: Kind
    detail: str = ""
    traceback: str = ""
    output: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it may be activated."""
        return self.kind == "ok"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "factory": self.request.factory,
            "name": self.request.name,
            "ok": self.ok,
            "kind": self.kind,
            "detail": self.detail,
            "traceback": self.traceback,
            "output": self.output,
            "seconds": round(self.seconds, 3),
        }

    def view(self) -> View:
        """Return the verdict, the traceback and what was printed."""
        title = f"{self.request.factory}: {self.kind}"
        blocks: list[Note | Code] = []
        if self.detail:
            blocks.append(Note(self.detail, "info" if self.ok else "bad"))
        if self.traceback:
            blocks.append(Code(self.traceback.rstrip(), "text"))
        if self.output:
            blocks.append(Code(self.output.rstrip(), "text", caption="printed"))
        return View("probe", title, tuple(blocks), title, tone="ok" if self.ok else "bad")


def probe(
    requests: Iterable[ProbeRequest],
    *,
    timeout: float = TIMEOUT,
    cancelled: Callable[[], bool] | None = None,
    done: Callable[[ProbeResult], None] | None = None,
) -> list[ProbeResult]:
    """Import each factory in a subprocess of its own and return what happened, in order.

    Nothing of it is called. Whoever asks has checked before that the factory may run. When
    an import ends or is over its time, its whole process group is killed.

    Args:
        requests: What to import.
        timeout: Seconds for each.
        cancelled: Asked often; once true, what runs is killed and the rest is `cancelled`.
        done: Called with each result, in the calling thread.
    """
    out: list[ProbeResult] = []
    seen: set[str] = set()
    for request in requests:
        if request.name and request.name in seen:
            result = ProbeResult(request, "duplicate", f"{request.name} is offered twice")
        elif cancelled is not None and cancelled():
            result = ProbeResult(request, "cancelled")
        else:
            result = _run(request, timeout, cancelled)
        seen.add(request.name)
        out.append(result)
        if done is not None:
            done(result)
    return out


def _run(
    request: ProbeRequest, timeout: float, cancelled: Callable[[], bool] | None
) -> ProbeResult:
    import subprocess  # noqa: PLC0415 - only a probe pays
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - the same

    # Output goes to files: a grandchild that keeps a pipe open would hold us up.
    with TemporaryDirectory(prefix="oneiric-probe-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        answer = folder / "answer.json"
        task = json.dumps(
            {
                "factory": request.factory,
                "path": list(request.sys_path or sys.path),
                "answer": str(answer),
            }
        )
        start = time.monotonic()
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and runner
                [sys.executable, "-I", "-B", "-c", _RUNNER, task],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                start_new_session=True,
            )
            try:
                kind = _wait(process, start + timeout, cancelled)
            finally:
                _kill_group(process)
        seconds = time.monotonic() - start
        printed = _text(folder / "out")
        if kind is not None:
            detail = f"still importing after {timeout:g} s" if kind == "hang" else ""
            return ProbeResult(request, kind, detail, "", printed, seconds)
        try:
            found = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = _without_answer(process.returncode, _text(folder / "err"))
        if found["kind"] == "ok" and printed:
            found = {"kind": "prints", "detail": "prints when it is imported", "traceback": ""}
        return ProbeResult(request, **found, output=printed, seconds=seconds)


def _wait(
    process: subprocess.Popen[bytes], until: float, cancelled: Callable[[], bool] | None
) -> Literal["hang", "cancelled"] | None:
    while process.poll() is None:
        if cancelled is not None and cancelled():
            return "cancelled"
        if time.monotonic() > until:
            return "hang"
        time.sleep(_POLL)
    return None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    import signal  # noqa: PLC0415 - only a probe pays

    if sys.platform != "win32":  # pragma: no branch - no process groups there
        with suppress(ProcessLookupError, PermissionError):  # the group is gone already
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _without_answer(code: int, errors: str) -> dict[str, str]:
    if code < 0:
        import signal  # noqa: PLC0415 - only a probe pays

        return {
            "kind": "crash",
            "detail": f"ended by {signal.Signals(-code).name}",
            "traceback": errors,
        }
    return {"kind": "exit", "detail": f"ended with exit code {code}", "traceback": errors}


def _text(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(_OUTPUT).decode("utf-8", "replace")
