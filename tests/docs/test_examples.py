"""Every example is run: of the pages, of the README, and of the docstrings.

A page is one story in a folder of its own. A fenced block with a `caption` is a file that is
written there; a `python` block is run, one after the other in one namespace; a `console` block
is a dialogue: lines behind `$` are run, and what follows must be what is printed, where a
line of `...` stands for any lines. Blocks of other languages are for reading.
`ONEIRIC_GOLDEN=write` writes what is really printed into the pages.
"""

from __future__ import annotations

import doctest
import fnmatch
import io
import os
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Document, Region, Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.rest import DocTestParser

from oneiric_lab.plugins import discover
from oneiric_lab.testing import Jail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sybil.example import Example

FENCE = re.compile(
    r"^```(?:\{code-block\}[ ]*)?(?P<language>[a-z]+)[ ]*\n"
    r"(?:\:caption:[ ]*(?P<caption>\S+)[ ]*\n)?(?:\:[a-z-]+:.*\n)*"
    r"(?P<body>.*?)^```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
GOLDEN = os.environ.get("ONEIRIC_GOLDEN") == "write"
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")


def fences(document: Document) -> Iterator[Region]:
    """Yield the blocks of a page that do something."""
    for match in FENCE.finditer(document.text):
        language, caption = match["language"], match["caption"]
        body = match["body"].lstrip("\n") if caption else match["body"]
        if caption:
            yield Region(match.start(), match.end(), (caption, body), write_file)
        elif language == "python":
            yield Region(match.start(), match.end(), body, run_python)
        elif language == "console":
            yield Region(match.start(), match.end(), body, run_dialogue)


def write_file(example: Example) -> None:
    """Write the block to the file that its caption names."""
    name, body = example.parsed
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)


def run_python(example: Example) -> None:
    """Run the block in the namespace of the page."""
    code = compile("\n" * example.line + str(example.parsed), example.path, "exec")
    exec(code, example.namespace)


def run_dialogue(example: Example) -> str | None:
    """Run each command of the block and compare what it prints."""
    expected = str(example.parsed)
    actual = play(expected)
    if agrees(expected, actual):
        return None
    if GOLDEN:
        told = example.namespace.setdefault("told", {})
        told[example.document.text.index(expected, example.start)] = (expected, actual)
        return None
    return f"expected\n{expected}\nfound\n{actual}"


def play(body: str) -> str:
    """Return the dialogue *body* with what its commands really print."""
    out = []
    for line in body.splitlines():
        if line.startswith("$ "):
            out += [line, *shell(line[2:]).splitlines()]
        elif line == "...":
            out.append(line)
    return "\n".join(out) + "\n"


def shell(line: str) -> str:
    """Return what a command prints: ours, or `cat` and `echo $?`; run in this process."""
    from oneiric_lab.cli import main

    words = shlex.split(line)
    environ = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        environ[name] = value
    if words[0] == "cat":
        return "".join(Path(word).read_text() for word in words[1:])
    if line == "echo $?":
        return f"{os.environ['STATUS']}\n"
    assert words[0] == "oneiric-lab", f"a page cannot run {words[0]}"
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stream), redirect_stderr(stream):
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        for name, value in environ.items():
            patch.setenv(name, value)
        status = main(words[1:])
    os.environ["STATUS"] = str(status)
    text = MOMENT.sub("2026-01-01 09:00:00Z", stream.getvalue())
    return "\n".join(part.rstrip() for part in text.splitlines()) + "\n" if text else ""


def agrees(expected: str, actual: str) -> bool:
    """Tell whether *actual* is *expected*, in which a line of `...` stands for any lines."""
    want = [line.rstrip() for line in expected.strip().splitlines()]
    have = [line.rstrip() for line in actual.strip().splitlines() if line != "..."]

    def match(i: int, j: int) -> bool:
        if i == len(want):
            return j == len(have)
        if want[i] == "...":
            return any(match(i + 1, k) for k in range(j, len(have) + 1))
        return j < len(have) and same(want[i], have[j]) and match(i + 1, j + 1)

    def same(left: str, right: str) -> bool:
        if "..." not in left:
            return left == right
        pattern = "*".join(re.sub(r"([*?\[])", r"[\1]", part) for part in left.split("..."))
        return fnmatch.fnmatchcase(right, pattern)

    return match(0, 0)


def rewritten(text: str, told: dict[int, tuple[str, str]]) -> str:
    """Return the page *text* with each dialogue as it really goes."""
    for start in sorted(told, reverse=True):
        expected, actual = told[start]
        text = text[:start] + actual + text[start + len(expected) :]
    return text


ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts and not path.name.startswith("_")
)
MODULES = sorted(p for p in (ROOT / "oneiric_lab").rglob("*.py") if ">>> " in p.read_text())


@pytest.fixture
def jail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder `shop` and an environment of the page's own, with no plugin installed."""
    for name, module in list(sys.modules.items()):
        if name.startswith("oneiric_lab") and getattr(module, "discover", None) is discover:
            monkeypatch.setattr(module, "discover", lambda *_: ())
    with Jail(environ={"COLUMNS": "100", "LOGNAME": "ada", "STATUS": "0"}) as inside:
        os.environ["ONEIRIC_STATE_DIR"] = str(inside.path / "state")
        folder = inside.path / "shop"
        folder.mkdir()
        monkeypatch.chdir(folder)
        before = set(sys.modules)
        yield folder
        monkeypatch.undo()
        # The next page may have modules of the same names.
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if "/oneiric-jail-" in file or "/oneiric-sample-" in file:
                del sys.modules[name]


class TestPages:
    """Pages of the documentation."""

    @pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
    def test_examples_do_what_they_say(self, page: Path, jail: Path) -> None:
        """
        Programs run, and dialogues with a shell go as they are printed.
        """
        document = Sybil(parsers=[fences], path=str(ROOT)).parse(page)
        for example in document.examples():
            example.evaluate()
        if GOLDEN:
            page.write_text(rewritten(page.read_text(), document.namespace.get("told", {})))

        assert jail.is_dir()


class TestDocstrings:
    """Docstrings of the package."""

    @pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
    def test_examples_do_what_they_say(self, module: Path, jail: Path) -> None:
        """
        Each `>>>` prints what stands below it.
        """
        document = Sybil(
            parsers=[DocTestParser(doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)],
            path=str(ROOT),
            document_types={".py": PythonDocStringDocument},
        ).parse(module)
        examples = list(document.examples())
        for example in examples:
            example.evaluate()

        assert examples, "no example was found where one stands"


class TestDialogue:
    """The comparison itself: a test that cannot fail proves nothing."""

    @pytest.mark.parametrize(
        ("expected", "actual"),
        [("$ a\nx\n", "$ a\ny\n"), ("$ a\n", "$ a\nx\n"), ("$ a\n...\nz\n", "$ a\nx\ny\n")],
    )
    def test_a_difference_is_seen(self, expected: str, actual: str) -> None:
        """
        Another line, a line too many, and a missing end all differ.
        """
        assert not agrees(expected, actual)

    @pytest.mark.parametrize(
        ("expected", "actual"),
        [
            ("$ a\nx\n", "$ a\nx\n"),
            ("$ a\n...\nz\n", "$ a\nx\ny\nz\n"),
            ("$ a\nid ... [b]\n", "$ a\nid 7 [b]\n"),
        ],
    )
    def test_dots_stand_for_anything(self, expected: str, actual: str) -> None:
        """
        A line of dots stands for lines, dots within a line for its part.
        """
        assert agrees(expected, actual)
