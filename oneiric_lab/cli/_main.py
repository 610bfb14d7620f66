"""`oneiric-lab`: the verbs in a shell.

Exit codes: 0 done, 1 the answer is no, 2 a fault, 3 stale or invalid, 4 an invariant broke,
130 cancelled.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import traceback
from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from oneiric_lab.commands import Interaction, Looks, Stream, root, run, split_looks
from oneiric_lab.errors import Fault, FileAccessError, OneiricError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from oneiric_lab.views import Result

_COMPLETE = "_ONEIRIC_LAB_COMPLETE"
_LOST = "output-unwritable"


def main(args: Sequence[str] | None = None) -> int:
    """Run one verb; print its result or its error; return the exit code."""
    given = list(sys.argv[1:] if args is None else args)
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a sign shows `?`, and does not end the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    code = 0
    try:
        with _enough():
            code = _complete(given) if _COMPLETE in os.environ else _answer(given)
            # Here and not at the end of the process, where a closed pipe could not be caught.
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - python would say 1, and 1 is an answer
        with suppress(OSError):
            traceback.print_exception(error)
        told = OneiricError(
            Fault(
                "internal",
                f"Oneiric Lab itself failed: {type(error).__name__}: {error}",
                fix="report it, with the traceback and what you ran",
            )
        )
        with _enough():
            _tell(told, Looks(json="--json" in given))
        return told.exit_code
    return code


def _open_closed() -> None:
    """Open the null device where a stream was closed before we began.

    The next file that is opened would take its number, and what a child prints would go into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open as long as we are


@contextmanager
def _enough() -> Iterator[None]:
    """Close quietly where whoever read has read enough, as a pipe expects.

    What the answer is does not depend on how much of it is read: `verify | head` must not end
    as if the release were trusted.
    """
    try:
        yield
    except BrokenPipeError:
        _let_go(sys.stdout)


def _let_go(stream: TextIO) -> None:
    """Send the rest of *stream* nowhere, what is still to be flushed included."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _answer(given: list[str]) -> int:
    looks = Looks(json="--json" in given)
    try:
        looks, rest = split_looks(given)
        asking = Interaction(body=_standard_input, progress=_progress(looks), machine=looks.json)
        result = run(rest, asking)
        if isinstance(result, Stream):
            return _follow(result, looks)
        if result is not None:
            with _enough():
                _print(result, looks)
        return exit_code(result)
    except OneiricError as error:
        if looks.verbose:
            traceback.print_exception(error)
        with _enough():
            _tell(error, looks)
        return error.exit_code


def _tell(error: OneiricError, looks: Looks) -> None:
    """Print an error: for programs where they read, for people on standard error."""
    if looks.json and error.code != _LOST:
        text = json.dumps(error.as_dict(), indent=2, ensure_ascii=False)
        try:
            # A file name that is no UTF-8 cannot be printed; JSON has an escape for it.
            _write(text.encode(errors="backslashreplace").decode())
        except FileAccessError as lost:
            error = lost
        else:
            return
    text = _paint(str(error), on=looks.color and _colors(sys.stderr))
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        # Nobody is left to tell, but who reads the exit code.
        _let_go(sys.stderr)


def _write(text: str) -> None:
    """Print to standard output.

    Raises:
        BrokenPipeError: Whoever reads has gone.
        FileAccessError: It cannot be written, such as to a full disk.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _let_go(sys.stdout)
        message = f"cannot write standard output: {error.strerror}"
        raise FileAccessError(
            Fault(_LOST, message, fix="make room where it goes, and run it again")
        ) from error


def _complete(given: list[str]) -> int:
    """Answer the shell that completes a word, or print what makes it ask."""
    from ._completion import complete  # noqa: PLC0415 - at a Tab only

    return complete(root, given, os.environ[_COMPLETE])


def _follow(stream: Stream, looks: Looks) -> int:
    """Print results as they come, one line each with --json, until Ctrl-C."""
    import anyio  # noqa: PLC0415 - only what streams pays for a loop

    async def follow() -> int:
        code = 0
        async with aclosing(stream.open()) as results:
            if stream.hint and not looks.quiet:
                print(f"{stream.name}: {stream.hint}", file=sys.stderr)
            async for result in results:
                _print(result, looks, lines=True)
                code = exit_code(result) if stream.judged else 0
        return code

    return anyio.run(follow)


def _progress(looks: Looks) -> Callable[[int, int, str], None]:
    """Return what draws progress on one line of a terminal; nothing elsewhere."""

    def draw(done: int, total: int, note: str) -> None:
        if not looks.quiet and sys.stderr.isatty():
            from oneiric_lab.views import clean  # noqa: PLC0415 - `--help` draws nothing

            end = "" if done < total else "\r\x1b[K"
            # A line that wraps could not be drawn over, and a name in it may hold anything.
            text = clean(f"{done}/{total} {note}")[: shutil.get_terminal_size().columns - 1]
            print(f"\r\x1b[K{text}{end}", end="", file=sys.stderr, flush=True)

    return draw


def exit_code(result: Any) -> int:
    """Return what a shell gets: a result whose answer is no says so in `exit_code`."""
    code: int = getattr(result, "exit_code", 0)
    return code


def _print(result: Result, looks: Looks, *, lines: bool = False) -> None:
    if looks.json:
        _write(result.to_json(indent=None if lines else 2))
    elif not looks.quiet:
        width = looks.width or shutil.get_terminal_size((100, 24)).columns
        _write(result.to_text(width=width, color=looks.color and _colors(sys.stdout)))


def _colors(stream: Any) -> bool:
    dull = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return bool(stream.isatty()) and not dull


def _paint(text: str, *, on: bool) -> str:
    if not on:
        return text
    out = []
    for line in text.splitlines():
        if line.startswith(("error:", "warning:")):
            word, _, rest = line.partition(":")
            out.append(f"\x1b[1;31m{word}:\x1b[0m\x1b[1m{rest}\x1b[0m")
        elif line.startswith("  help:"):
            out.append(f"\x1b[36m{line}\x1b[0m")
        else:
            out.append(line)
    return "\n".join(out)


def _standard_input() -> str | None:
    if sys.stdin.isatty():
        return None
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            Fault(
                "not-utf8",
                f"byte {error.start} of standard input is not UTF-8",
                fix="iconv -f latin1 -t utf-8",
            )
        ) from None
