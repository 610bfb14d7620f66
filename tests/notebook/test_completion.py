"""Completion by Tab in a kernel."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import Lab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tab = Callable[[str], list[str]]


@pytest.fixture
def tab(shell: Any) -> Tab:
    """Return the texts that are offered at the end of a cell."""

    def answer(text: str) -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # IPython calls its own interface provisional
            found = list(shell.Completer.completions(text, len(text)))
        return [text[: c.start] + c.text for c in found]

    return answer


class TestCompletion:
    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("exp", ["explain"]),
            ("--prof", ["--profile"]),
            ("--profile ", ["--profile prod"]),
            ("explain serv", ["explain server."]),
            (
                "explain server.",
                ["explain server.host", "explain server.port", "explain server.tls."],
            ),
            ("explain adapter:ca", ["explain adapter:cache"]),
            (
                "explain adapter:cache --why-not ",
                [
                    "explain adapter:cache --why-not memory",
                    "explain adapter:cache --why-not sqlite",
                ],
            ),
            ("explain adapter:cache --need t", ["explain adapter:cache --need ttl"]),
            ("list ad", ["list adapter"]),
            ("set server.p", ["set server.port="]),
            ("set a=1 --layer l", ["set a=1 --layer local"]),
            ("set a='x y' --layer l", ["set a='x y' --layer local"]),
            ("diff now profile:", ["diff now profile:prod"]),
            ("plan onei", ["plan oneiric.toml"]),
            ("-C ./", ["-C ./sub/"]),
            ("-C no/such/", ["-C no/such/"]),
        ],
    )
    @pytest.mark.parametrize(
        "start", ["%oneiric ", "%%oneiric ", "x = %oneiric ", "1\n  %oneiric "]
    )
    def test_what_can_stand_here(
        self, tab: Tab, folder: Path, start: str, line: str, found: list[str]
    ) -> None:
        """
        Verbs, options, paths by segments, components, providers, layers, profiles and files.
        """
        (folder / "sub").mkdir()
        (folder / ".hidden").mkdir()

        assert sorted(tab(start + line)) == [start + text for text in found]

    @pytest.mark.parametrize(
        "line", ["explain zzz", "zzz", "explain adapter:zz", "set server.port="]
    )
    def test_the_fragment_itself_where_nothing_matches(self, tab: Tab, line: str) -> None:
        """
        No other completer is asked, which would take half a second.
        """
        assert tab(f"%oneiric {line}") == [f"%oneiric {line}"]

    def test_python_is_left_alone(self, tab: Tab) -> None:
        """
        Outside of the magic nothing of ours is offered.
        """
        assert "explain" not in tab("exp")

    def test_the_last_good_workspace_completes(self, tab: Tab, folder: Path) -> None:
        """
        A file in the middle of an edit does not take the names away.
        """
        assert tab("%oneiric explain server.p") == ["%oneiric explain server.port"]
        (folder / "oneiric.toml").write_text("[server\n")

        assert tab("%oneiric explain server.p") == ["%oneiric explain server.port"]

    def test_no_workspace(self, tab: Tab, folder: Path) -> None:
        """
        Where none opens, verbs complete and nothing else.
        """
        (folder / "oneiric.toml").unlink()

        assert tab("%oneiric explain s") == ["%oneiric explain s"]
        assert tab("%oneiric exp") == ["%oneiric explain"]

    def test_the_workspace_is_opened_once(
        self, tab: Tab, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A Tab at 5,000 keys opens no workspace again, and notices a new key all the same.
        """
        keys = "".join(f"k{c} = {c}\n" for c in range(10))
        tables = [f"[t{a}.s{b}]\n{keys}" for a in range(50) for b in range(10)]
        file = folder / "oneiric.toml"
        file.write_text("\n".join(tables))
        opened: list[object] = []
        loaded = Lab.open.__func__  # type: ignore[attr-defined]  # a class method

        def counted(cls: type[Lab[Any]], *given: Any, **options: Any) -> Lab[Any]:
            opened.append(cls)
            found: Lab[Any] = loaded(cls, *given, **options)
            return found

        monkeypatch.setattr(Lab, "open", classmethod(counted))

        assert [len(tab("%oneiric explain t1.s")) for _ in range(5)] == [10] * 5
        assert len(opened) == 1
        file.write_text(file.read_text() + "[t1.snew]\nk = 1\n")
        assert "%oneiric explain t1.snew." in tab("%oneiric explain t1.s")
        assert len(opened) == 2
