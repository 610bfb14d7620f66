"""The jail: a folder and an environment that are given back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oneiric_lab.testing import Jail


class TestJail:
    """What holds inside and after."""

    def test_inside_holds_only_what_is_given(self) -> None:
        """
        Inside there are the given variables, the path, and an empty current folder.
        """
        with Jail(environ={"SHOP_PORT": "1"}) as jail:
            inside = set(os.environ) - {"PATH", "TMPDIR", "TEMP", "TMP"}

            assert {"SHOP_PORT"} == inside
            assert jail.path == Path.cwd()
            assert list(Path.cwd().iterdir()) == []

    def test_everything_is_given_back_after_an_error(self) -> None:
        """
        Folder and environment are as before, whatever happened inside.
        """
        folder, environ = Path.cwd(), dict(os.environ)

        def break_out() -> None:
            with Jail(environ={"A": "1"}) as jail:
                inside.append(jail.path)
                os.environ["B"] = "2"
                raise ZeroDivisionError

        inside: list[Path] = []
        with pytest.raises(ZeroDivisionError):
            break_out()

        assert folder == Path.cwd()
        assert environ == dict(os.environ)
        assert not inside[0].exists()

    def test_what_was_written_is_read(self) -> None:
        """
        Files are written below the folder, parents included, line ends as they are.
        """
        with Jail() as jail:
            jail.write("a/b.toml", "x = 1\r\n")
            jail.write("c.bin", b"\xc3\xa9")

            assert jail.read("a/b.toml") == "x = 1\r\n"
            assert jail.read("c.bin") == "é"

    def test_a_jail_that_was_not_entered_has_no_folder(self) -> None:
        """
        Asking for the folder too early says how to enter.
        """
        with pytest.raises(RuntimeError, match="enter the jail first"):
            _ = Jail().path

    def test_leaving_without_entering_does_nothing(self) -> None:
        """
        A jail that was never entered gives nothing back.
        """
        folder = Path.cwd()

        Jail().__exit__(None, None, None)

        assert folder == Path.cwd()

    def test_can_be_entered_again(self) -> None:
        """
        Each entry gives a fresh folder.
        """
        jail = Jail()
        with jail:
            jail.write("x", "1")
        with jail:
            assert not (jail.path / "x").exists()
