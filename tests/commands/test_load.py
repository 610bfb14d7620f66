"""`load`: scenarios listed, driven and judged, from a shell and in a kernel."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.shell_completion import ShellComplete

from oneiric_lab.commands import Interaction, root, run
from oneiric_lab.errors import UsageError
from oneiric_lab.jobs import Owner
from oneiric_lab.lab import LoadJob, Loads
from oneiric_lab.loadlab import Runs
from oneiric_lab.testing import Answer, LoopbackServer

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
from oneiric_lab.loadlab import Scenario, invariant, op

class Own(Scenario):
    defaults = {"on": False, "names": ["a"], "none": None, "many": 1, "part": 1.0}

    @op()
    async def nothing(self, rng):
        pass

    @invariant
    def it_is_told(self):
        p = self.p
        return f"{p.names} {p.on} {p.none} {p.many} {p.part}"
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the runs of each test apart."""
    monkeypatch.chdir(tmp_path)


SHORT = ["--duration", "0.3s", "--warmup", "0s"]


def ask(*words: str, **options: Any) -> Any:
    """Run one verb."""
    return run(["load", *words], Interaction(**options))


class TestLoad:
    def test_lists_what_there_is(self) -> None:
        """
        Each scenario with its parameters, also where no subcommand is named.
        """
        rows = {row["name"]: row for row in ask("list").as_dict()["scenarios"]}
        assert len(rows) == 9
        assert rows["http"]["params"]["url"] is None
        assert rows["http"]["users"] == 50
        for row in rows.values():
            assert row["summary"]
            assert all(row["invariants"].values())
        assert str(ask()) == str(ask("list"))

    def test_drives_a_scenario(self, tmp_path: Path) -> None:
        """
        It is driven, judged, told of while it goes, and kept.
        """
        seen: list[tuple[int, int, str]] = []
        words = ["swap-under-readers", "--users", "5", "--param", "hold=0.002", *SHORT]
        judged = ["--objective", "read.error_rate == 0", "--objective", "read.rate > 1/s"]
        found = ask("run", *words, *judged, progress=lambda *now: seen.append(now))
        assert found.broken == ()
        assert [judged.met for judged in found.judged] == [True, True]
        assert seen[-1] == (1, 1, "")
        assert f"kept in runs/{found.id}" in str(found)
        kept = json.loads((tmp_path / "runs" / found.id / "run.json").read_text())
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

    def test_a_kernel_gets_a_job(self, tmp_path: Path) -> None:
        """
        A door that has jobs gets one at once; the run is kept when it has ended.
        """
        with Owner() as owner:
            loads = Loads(lambda: owner)
            words = ["run", "resolve-storm", "--users", "2", "--out", str(tmp_path), *SHORT]
            job = ask(*words, loads=lambda: loads)
            assert isinstance(job, LoadJob)
            found = job.result(60)

        assert loads.jobs == (job,)
        assert Runs(tmp_path).open().as_dict() == found.as_dict()

    def test_a_server(self) -> None:
        """
        Its URL is a parameter without a default, and texts are taken as they are.
        """
        with LoopbackServer({"/a=b": Answer()}) as server:
            words = ["http", "--param", f"url={server.url}a=b", "--param", "headers=X: y", *SHORT]
            found = ask("run", *words, "--users", "2")
        assert found.exit_code == 0
        assert b"\r\nX: y\r\n" in server.requests[-1]

    def test_one_of_a_users_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A file is run as it is named, its parameters are read by the types of their defaults, and
        the process that drives it needs no file.
        """
        monkeypatch.setattr(sys, "path", list(sys.path))
        file = tmp_path / "my-loads.py"
        file.write_text(OWN)
        params = ["on=true", 'names=["b"]', "none=x", "many=3", "part=0.5"]
        given = [word for param in params for word in ("--param", param)]
        found = ask("run", f"{file}:Own", *given, *SHORT)

        assert found.plan.params == {
            "on": True,
            "names": ["b"],
            "none": "x",
            "many": 3,
            "part": 0.5,
        }
        assert dict(found.broken) == {"it_is_told": "['b'] True x 3 0.5"}
        for wrong in ("on=1", "names=b", "names=3", "many=x"):
            with pytest.raises(UsageError, match="expected"):
                ask("run", f"{file}:Own", "--param", wrong)

    @pytest.mark.parametrize(
        ("line", "found"),
        [
            (["run", "ht"], ["http"]),
            (["run", "loads"], ["loads"]),
            (["run", "http", "--param", "me"], ["method="]),
            (["run", "loads.py:Own", "--param", "me"], []),
        ],
    )
    def test_the_tab_key(self, line: list[str], found: list[str]) -> None:
        """
        Scenarios and their parameters complete; for a Tab nobody's code is run.
        """
        complete = ShellComplete(root, {}, "oneiric-lab", "_X")
        answers = complete.get_completions(["load", *line[:-1]], line[-1])
        assert [item.value for item in answers] == found

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["http"], "http needs a URL"),
            (["loads.py:Own"], "no such file"),
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
