"""`oneiric-lab`: the verbs in a shell.

Exit codes: 0 done, 1 the answer is no, 2 usage or configuration fault, 130 cancelled.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.commands import Interaction, Stream, root, run
from oneiric_lab.errors import OneiricError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneiric_lab.views import Result

_COMPLETE = "_ONEIRIC_LAB_COMPLETE"


@dataclass
class Looks:
    """How the output shall look; said anywhere in the command line."""

    json: bool = False
    color: bool = True
    width: int | None = None
    quiet: bool = False


def split_looks(args: Sequence[str]) -> tuple[Looks, list[str]]:
    """Return the options about looks, and the other arguments.

    They are taken before and behind the verb alike; behind `--` nothing is an option.

    Raises:
        UsageError: `--width` without a number.

    Example:
        >>> split_looks(["explain", "--json", "a.b"])[1]
        ['explain', 'a.b']
    """
    looks, rest = Looks(), []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--json":
            looks.json = True
        elif word == "--no-color":
            looks.color = False
        elif word in {"-q", "--quiet"}:
            looks.quiet = True
        elif word in {"-v", "--verbose"}:
            looks.quiet = False
        elif word == "--width" or word.startswith("--width="):
            number = word.partition("=")[2] or next(words, "")
            if not number.isdigit():
                raise UsageError("--width takes a number of columns", fix="--width 100")
            looks.width = int(number)
        else:
            rest.append(word)
    return looks, rest


def main(args: Sequence[str] | None = None) -> int:
    """Run one verb; print its result or its error; return the exit code."""
    given = list(sys.argv[1:] if args is None else args)
    if _COMPLETE in os.environ:
        root.main(given, prog_name="oneiric-lab", complete_var=_COMPLETE, obj=Interaction())
    looks = Looks(json="--json" in given)
    try:
        looks, rest = split_looks(given)
        if "--version" in rest:
            print(_version())
            return 0
        result = run(rest, Interaction(body=_standard_input, progress=_progress(looks)))
        if isinstance(result, Stream):
            return _follow(result, looks)
        if result is not None:
            _print(result, looks)
        return exit_code(result)
    except OneiricError as error:
        if looks.json:
            print(json.dumps(error.as_dict(), indent=2, ensure_ascii=False))
        else:
            print(_paint(str(error), on=looks.color and _colors(sys.stderr)), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read has read enough; closing quietly is what a pipe expects.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _follow(stream: Stream, looks: Looks) -> int:
    """Print results as they come, one line each with --json, until Ctrl-C."""
    import anyio  # noqa: PLC0415 - only what streams pays for a loop

    async def follow() -> None:
        async with aclosing(stream.open()) as results:
            if not looks.quiet:
                print(f"{stream.name}: waiting for changes, Ctrl-C ends it", file=sys.stderr)
            async for result in results:
                _print(result, looks, lines=True)
                sys.stdout.flush()

    anyio.run(follow)
    return 0


def _progress(looks: Looks) -> Callable[[int, int, str], None]:
    """Return what draws progress on one line of a terminal; nothing elsewhere."""

    def draw(done: int, total: int, note: str) -> None:
        if not looks.quiet and sys.stderr.isatty():
            end = "" if done < total else "\r\x1b[K"
            print(f"\r\x1b[K{done}/{total} {note[:60]}{end}", end="", file=sys.stderr, flush=True)

    return draw


def exit_code(result: Any) -> int:
    """Return what a shell gets: a result whose answer is no says so in `exit_code`."""
    code: int = getattr(result, "exit_code", 0)
    return code


def _print(result: Result, looks: Looks, *, lines: bool = False) -> None:
    if looks.json:
        print(json.dumps(result.as_dict(), ensure_ascii=False) if lines else result.to_json())
    elif not looks.quiet:
        width = looks.width or shutil.get_terminal_size((100, 24)).columns
        print(result.to_text(width=width, color=looks.color and _colors(sys.stdout)))


def _colors(stream: Any) -> bool:
    return bool(stream.isatty()) and not ({"NO_COLOR"} & os.environ.keys())


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
    return None if sys.stdin.isatty() else sys.stdin.read()


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415 - for this option only

    try:
        return f"oneiric-lab {metadata.version('oneiric-lab')}"
    except metadata.PackageNotFoundError:
        return "oneiric-lab (from source)"
