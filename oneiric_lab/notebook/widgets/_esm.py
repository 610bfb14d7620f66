"""One ES module and one style sheet for each widget, joined from files.

anywidget gives a module to the browser as text without an address, so it can import nothing
beside it: what a module imports is put before it, once, without comments, indents and
blanks, which need not travel. What JupyterLab's extension shares with the widgets stands in the
extension's folder, whose server gives out no file of another one; a wheel has it here as well.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
SHARED: Final = STATIC.parents[2].parent / "extensions/jupyterlab-oneiric/static/shared"
"""Where a checkout has what the extension shares with the widgets."""

LIMIT: Final = 24 * 1024
"""Bytes of a joined module: it travels with each widget."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.mjs";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function |class )", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?:/\*.*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_TEXT = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\$]|\\.|\$(?!\{)|\$\{[^`{}]*\})*`)"""
)
_SPACED = re.compile(r" ?([{}()\[\],;:?=<>*&|%!]) ?")
# What stands between two of these counts: a - -b, a++ + b.
_SUMMED = re.compile(r"(?<![+-]) ([+-]) (?![+-])")
_NOTE = re.compile(r"/\*.*?\*/", re.DOTALL)
_STYLED = re.compile(r"\s*([{};,>])\s*|(?<=[\w-]): ")
# A line that ends with what is said behind it.
_NOTED = re.compile(r" // [^\n]*\Z")
_INDENT = re.compile(r"^[ \n]+", re.MULTILINE)


@cache
def module(name: str) -> str:
    """Return the module of the widget *name*, with all that it imports before it."""
    return "".join(part(one) for one in parts(name))


@cache
def part(name: str) -> str:
    """Return the file of a module as it travels: in one with others, without what need not."""
    text = _EXPORT.sub("", _IMPORT.sub("", _text(f"{name}.mjs")))
    out = ""
    for line in map(_squeezed, _INDENT.sub("", _COMMENT.sub("", text)).splitlines()):
        if line.startswith(("}", "]", ")")) and _NOTED.search(out) is None:
            # Nothing has to end before what closes all of it.
            out = out.removesuffix(";") if line.startswith("}") else out
            out = out.removesuffix(",") + line
        elif out.endswith(("{", "(", "[", ",", ";")) and not line.startswith("export "):
            out += line
        else:
            out += f"\n{line}"
    return out + "\n"


def _squeezed(line: str) -> str:
    """Return *line* without blanks around signs and without what is said behind it.

    One with a template in a template, or with a pattern, stays as it is.

    Example:
        >>> _squeezed('if (a > 1) return { b: "c : d" }; // so')
        'if(a>1)return{b:"c : d"};'
    """
    pieces = _TEXT.split(line)
    for at, code in enumerate(pieces[::2]):
        if " // " in code:
            pieces[2 * at :] = [code.split(" // ")[0]]
            break
    if any("`" in code or "/" in code.replace(" / ", "") for code in pieces[::2]):
        return line
    pieces[::2] = [_SUMMED.sub(r"\1", _SPACED.sub(r"\1", code)) for code in pieces[::2]]
    return "".join(pieces)


@cache
def parts(name: str) -> tuple[str, ...]:
    """Return the files of the module *name*: what each imports goes before it, itself last."""
    inner = [part for one in _IMPORT.findall(_text(f"{name}.mjs")) for part in parts(one)]
    return (*dict.fromkeys(inner), name)


@cache
def style(name: str) -> str:
    """Return the style sheet of the widget *name*: the tokens, and that of each of its files."""
    known = files(".css")
    named = (f"{one}.css" for one in ("tokens", *parts(name)))
    return "".join(rules(one) for one in named if one in known)


@cache
def rules(name: str) -> str:
    """Return a style sheet as it travels: without what need not.

    Example:
        >>> rules("status.css").partition("}")[0]
        '.ol-board{max-width:1100px'
    """
    text = _STYLED.sub(lambda found: found[1] or ":", _NOTE.sub("", _text(name)))
    return text.replace(";}", "}")


def files(suffix: str) -> list[str]:
    """Return the names of all files that end so, those that are shared among them."""
    return sorted({one.name for folder in (STATIC, SHARED) for one in folder.glob(f"*{suffix}")})


def path(name: str) -> Path:
    """Return where the file *name* is."""
    return next(one for one in (STATIC / name, SHARED / name) if one.is_file())


def _text(name: str) -> str:
    return path(name).read_text(encoding="utf-8")
