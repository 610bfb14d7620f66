"""What the doctor says where kernel, server and page do not fit together."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.commands._page import page_notes, server_python

KERNEL = {"oneiric-lab": "1.2.0", "anywidget": "0.11.3", "ipywidgets": "8.1.9"}


def page(**changes: str) -> dict[str, str]:
    """Return what a page tells that fits, with what differs."""
    fits = {"extension": "1.2.0", "anywidget": "0.11.0", "widgets": "5.0.17"}
    told = {"page name": "JupyterLab", "page version": "4.6.6"}
    told |= {f"{side} {part}": v for part, v in fits.items() for side in ("page", "server")}
    return told | {name.replace("_", " "): version for name, version in changes.items()}


def both(part: str, version: str) -> dict[str, str]:
    """Return one part as page and server have it."""
    return page(**{f"page_{part}": version, f"server_{part}": version})


class TestPageNotes:
    @pytest.mark.parametrize(
        ("told", "words"),
        [
            (page(server_extension="1.3.0"), "the page is older than the server (extension)"),
            (both("extension", "1.1.0"), "/srv/python -m pip install 'oneiric-lab[lab]==1.2.0'"),
            (both("extension", "1.3.0"), f"{sys.executable} -m pip install 'oneiric-lab[lab]==1.3"),
            (page(server_extension=""), "the server no longer has the extension"),
            (both("anywidget", ""), "the server has none: /srv/python -m pip install 'anywidget=="),
            (both("anywidget", "0.9.2"), "anywidget 0.11.3, the server has 0.9.2: /srv/python -m"),
            (both("widgets", ""), "manager of widgets is none: /srv/python -m pip install 'jupy"),
            (both("widgets", "3.1.1"), "3.1.1, which is too old"),
            (both("anywidget", "not a version"), "the server has not a version"),
        ],
    )
    def test_each_disagreement_has_its_command(self, told: Any, words: str) -> None:
        """
        What does not fit is said with the command that mends it, where it is to be run.
        """
        notes = page_notes(told, KERNEL, "/srv/python")

        assert [ok for ok, _ in notes] == [False] * len(notes)
        assert any(words in text for _, text in notes)

    def test_what_fits(self) -> None:
        """
        A page that fits is named; one that told nothing, or a kernel of a checkout, is no fault.
        """
        assert page_notes(page(), KERNEL, "python")[0][0]
        assert page_notes(None, KERNEL, "python") == ()
        lacking = dict.fromkeys(KERNEL)
        assert page_notes(page(), lacking, "python")[0][0]

    def test_an_interpreter_that_is_not_known(self) -> None:
        """
        Where the system does not tell which one the server has, the place is said in words.
        """
        (note,) = page_notes(both("anywidget", ""), KERNEL, "python")

        assert "(in the environment of JupyterLab's server)" in note[1]


class TestServerPython:
    def test_of_a_parent(self) -> None:
        """
        The parent's interpreter where it has one; else none is named.
        """
        pytest.importorskip("resource", reason="needs /proc")
        assert server_python(os.getpid()).rpartition("/")[2].startswith("python")
        assert server_python(2**22 + 1) == "python"


class TestDoctor:
    def test_tells_of_the_page(self, tmp_path: Any) -> None:
        """
        The door passes on what the page told; a shell has none.
        """
        words = ["-C", str(tmp_path), "doctor"]
        found: Any = run(words, Interaction(page=lambda: both("widgets", "")))
        shell: Any = run(words, Interaction())

        assert "manager of widgets is none" in str(found)
        assert found.as_dict()["page"][0]["ok"] is False
        assert shell.as_dict()["page"] == []
