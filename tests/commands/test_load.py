"""`load`: scenarios listed, driven and judged, from a shell and in a kernel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SHORT = ["--duration", "0.3s", "--warmup", "0s"]


def ask(*words: str, **options: Any) -> Any:
    """Run one verb."""
    return run(["load", *words], Interaction(**options))


class TestLoad:
    def test_lists_what_there_is(self) -> None:
        """
        Each scenario with its parameters, also where no subcommand is named.
        """
        names = [row["name"] for row in ask("list").as_dict()["scenarios"]]
        assert "swap-under-readers" in names
        assert str(ask()) == str(ask("list"))

    def test_drives_a_scenario(self, tmp_path: Path) -> None:
        """
        It is driven, judged, told of while it goes, and written as JSON.
        """
        seen: list[tuple[int, int, str]] = []
        out = tmp_path / "run.json"
        words = ["swap-under-readers", "--users", "5", "--param", "hold=0.002", *SHORT]
        judged = ["--objective", "read.error_rate == 0", "--objective", "read.rate > 1/s"]
        found = ask(
            "run", *words, *judged, "--out", str(out), progress=lambda *now: seen.append(now)
        )
        assert found.broken == ()
        assert [judged.met for judged in found.judged] == [True, True]
        assert seen[-1] == (1, 1, "")
        kept = json.loads(out.read_text())
        assert kept["plan"]["params"] == {"hold": 0.002}
        assert {row["op"] for row in kept["operations"]} >= {"read", "swap"}

    def test_an_open_load(self) -> None:
        """
        A rate in place of users.
        """
        found = ask("run", "swap-1k", "--rate", "100/s", *SHORT)
        assert found.driven.offered == 30

    def test_several_workers(self) -> None:
        """
        They share the load, and say so.
        """
        found = ask("run", "swap-1k", "--rate", "100/s", "--workers", "2", *SHORT)
        assert found.driven.offered == 30
        assert len(found.as_dict()["workers"]) == 2

    def test_a_kernel_gets_a_job(self) -> None:
        """
        The door decides how long work is done.
        """
        started: list[str] = []

        def submit(name: str, _: Any) -> Any:
            started.append(name)

        ask("run", "swap-1k", submit=submit)
        assert started == ["load"]

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["swap-1"], "did you mean `swap-1k`"),
            (["swap-1k", "--users", "1", "--rate", "1/s"], "closed or open"),
            (["swap-1k", "--param", "kesy=1"], "did you mean `keys`"),
            (["swap-1k", "--param", "keys=many"], "expected int"),
            (["swap-1k", "--objective", "swp.rate > 1/s"], "swp"),
            (["swap-1k", "--duration", "soon"], "duration"),
        ],
    )
    def test_misuse(self, words: list[str], message: str) -> None:
        """
        Told before anything is started.
        """
        with pytest.raises(UsageError, match=message):
            ask("run", *words)
