"""The configuration without a browser: what travels, what its messages call, and its snapshot."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from asyncio import to_thread
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.lab import Lab
from oneiric_lab.registry import Candidate
from oneiric_lab.views import MIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

CANARY = "c4n4ry-of-a-secret"
PROJECT = """\
title = "shop"
token = "${secret:token}"

[server]
port = 8080 # as ever
hosts = ["a", "b"]

[adapters.selections]
cache = "redis"

[plugins]
auto_load = false

[profile]
combinations = [["prod", "eu"]]

[profiles.prod.server]
port = 443

[profiles.eu]
title = "laden"
"""
NONSENSE: tuple[Any, ...] = (
    {"do": "explain", "path": 3},
    {"do": "plan", "changes": "x", "unset": [], "layer": "session"},
    {"do": "plan", "changes": [1], "unset": [], "layer": "session"},
    {"do": "compare", "left": 1, "right": "now"},
    {"do": "profiles", "profiles": [1]},
    {"do": "__init__"},
    None,
)


def wait(until: Callable[[], object]) -> None:
    """Wait until what another thread does can be seen."""
    end = time.monotonic() + 20
    while not until():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab[Any]]:
    """Return a workspace with a secret, two profiles and a cache."""
    (tmp_path / "oneiric.toml").write_text(PROJECT)
    (tmp_path / ".env").write_text(f"ONEIRIC_SECRET_TOKEN={CANARY}\n")
    made = Lab.open(tmp_path, environ={"ONEIRIC_SECRET_TOKEN": CANARY})
    made.registry.add(
        Candidate("adapter", "cache", "redis", dict), Candidate("adapter", "cache", "memory", dict)
    )
    with made:
        yield made


@pytest.fixture
def opened(wire: type[Wire], lab: Lab[Any]) -> tuple[Any, Wire]:
    """Return the widget, and its connection."""
    from oneiric_lab.notebook.widgets._configuration import configuration

    return configuration(lab), wire.made[-1]


def row(sheet: dict[str, Any], path: str) -> dict[str, Any]:
    """Return what travels of one value."""
    at = sheet["path"].index(path)
    names = ("value", "layer", "file", "name", "line", "many")
    found = {name: sheet[name][at] for name in names}
    file = found["file"]
    where = sheet["names"][found["name"]] if file < 0 else sheet["files"][file][0]
    return {**found, "layer": sheet["layers"][found["layer"]], "where": where}


def planned(page: Wire, *changes: str, unset: tuple[str, ...] = (), layer: str = "session") -> Any:
    """Plan, and return what was answered."""
    page.click({"do": "plan", "changes": list(changes), "unset": list(unset), "layer": layer})
    return (page.told("planned") or [None])[-1]


class TestValues:
    def test_all_travel_at_once(self, opened: tuple[Any, Wire]) -> None:
        """
        Each value with the layer that decides it, its place, and how many layers say it.
        """
        sheet = opened[1].state("sheet")[0]

        assert row(sheet, "server.port") == {
            "value": "8080",
            "layer": "project",
            "file": 0,
            "name": -1,
            "line": 5,
            "many": 1,
            "where": "oneiric.toml",
        }
        found = row(sheet, "remote.deadline")
        assert (found["layer"], found["where"]) == ("defaults", "schema default")
        known = ["prod", "eu", "prod+eu"]
        assert sheet["profiles"] == {"active": [], "known": known, "shown": None}
        assert sheet["writable"][:3] == ["session", "project", "local"]
        assert sheet["files"] == [["oneiric.toml", None]]

    def test_a_file_has_a_link_where_a_server_shows_it(
        self, wire: type[Wire], lab: Lab[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The server that started the kernel tells its folder; files outside or hidden have none.
        """
        from oneiric_lab.notebook.widgets import _places
        from oneiric_lab.notebook.widgets._configuration import Configuration

        runtime = tmp_path / "runtime"
        runtime.mkdir()
        server = runtime / "jpserver-77.json"
        server.write_text(json.dumps({"root_dir": str(tmp_path.parent)}))
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
        monkeypatch.setenv("JPY_PARENT_PID", "77")
        _places.server_folder.cache_clear()
        try:
            sheet = Configuration(lab).whole()
            assert sheet["files"] == [["oneiric.toml", f"{tmp_path.name}/oneiric.toml"]]
            assert _places.opened_at(tmp_path / ".env") is None
            assert _places.opened_at(tmp_path.parent.parent / "x.toml") is None
            server.write_text("{")
            _places.server_folder.cache_clear()
            assert _places.opened_at(tmp_path / "oneiric.toml") is None
            monkeypatch.setenv("JPY_PARENT_PID", "none")
            _places.server_folder.cache_clear()
            assert _places.server_folder() is None
        finally:
            _places.server_folder.cache_clear()

    def test_what_layers_say_comes_when_it_is_asked(self, opened: tuple[Any, Wire]) -> None:
        """
        The stack of a value, the highest layer first; an unknown path is refused.
        """
        shown, page = opened
        shown.lab.plan({"server.port": 9}).apply()
        shown.look()
        page.click({"do": "explain", "path": "server.port"})
        found = page.told("explained")[0]

        assert [(s["layer"], s["value"], s["state"]) for s in found["stack"]] == [
            ("session", "9", "wins"),
            ("project", "8080", "shadowed"),
        ]
        assert found["stack"][1]["where"] == "oneiric.toml:5:8"
        assert (found["text"], found["secret"]) == ("9", False)
        page.click({"do": "explain", "path": "server.prot"})
        assert "did you mean" in json.dumps(page.told("failed")[-1])

    def test_what_a_form_takes_is_the_whole_value(self, opened: tuple[Any, Wire]) -> None:
        """
        What is cut or cannot be shown is not put into a form, where it would be saved so.
        """
        shown, page = opened
        for value, text in (
            ("x" * 5000, None),
            ("a\u202eb", None),
            ("two\nlines", None),
            ("plain", "plain"),
            (["a", 1], '["a", 1]'),
        ):
            shown.lab.plan({"extra": value}).apply()
            shown.look()
            page.click({"do": "explain", "path": "extra"})
            assert page.told("explained")[-1]["text"] == text
        page.click({"do": "explain", "path": "remote.ca_file"})
        assert page.told("explained")[-1]["text"] == ""

    def test_no_secret_travels(
        self, wire: type[Wire], lab: Lab[Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """
        A secret is its reference in all that is sent, and none is taken from a page.
        """
        from oneiric_lab.notebook.widgets._configuration import configuration

        shown = configuration(lab)
        page = wire.made[-1]
        for path in shown.lab.snapshot.paths():
            page.click({"do": "explain", "path": path})
        page.click({"do": "history"})
        page.click({"do": "compare", "left": "now", "right": "profile:prod"})
        assert planned(page, f"token={CANARY}2", layer="project") is None
        assert "a secret is not typed into a page" in json.dumps(page.told("failed")[-1])
        assert planned(page, "token=${secret:other}")["ok"] is not None
        found = next(e for e in page.told("explained") if e["path"] == "token")
        assert (found["text"], found["secret"]) == (None, True)

        everything = json.dumps(
            [page.sent, shown._repr_mimebundle_(), shown.as_dict()], default=str
        )
        assert CANARY not in everything
        assert CANARY not in repr(shown) + capsys.readouterr().out

    def test_no_secret_of_a_file_stands_in_a_plan(self, wire: type[Wire], tmp_path: Path) -> None:
        """
        One that a file says in so many words is a sign in the lines that differ, and beside them.
        """
        from oneiric_lab.notebook.widgets._configuration import configuration

        lines = f'token = "{CANARY}"\nheader_name = "x"\n'
        (tmp_path / "oneiric.toml").write_text(
            f"[remote.auth]\n{lines}[profiles.prod.remote.auth]\n{lines}"
        )
        shown = configuration(Lab.open(tmp_path, environ={}))
        page = wire.made[-1]
        for layer in ("project", "profile:prod"):
            path = "remote.auth.header_name"
            found = json.dumps(planned(page, f"{path}=y", layer=layer)["view"], ensure_ascii=False)
            assert 'token = \\"…\\"' in found
            page.click(
                {"do": "plan", "changes": [], "unset": ["remote.auth.token"], "layer": layer}
            )
        assert "-token" in json.dumps(page.told("planned")[-1])
        assert CANARY not in json.dumps(page.sent, default=str)
        assert CANARY not in str(shown.lab.plan(unset=["remote.auth.token"], layer="project"))

    def test_no_line_of_a_broken_file_travels(
        self, opened: tuple[Any, Wire], tmp_path: Path
    ) -> None:
        """
        Nobody knows what is secret in a file that cannot be parsed: its place is told alone.
        """
        _, page = opened
        (tmp_path / "oneiric.toml").write_text(f'a = "{CANARY}" x\n')
        page.click({"do": "reload"})
        planned(page, "b=1", layer="project")
        assert "oneiric.toml:1:" in json.dumps(page.told("failed"))
        assert "not TOML" in json.dumps(page.told("planned"))
        assert CANARY not in json.dumps(page.sent, default=str)

    def test_many_values(self, wire: type[Wire], tmp_path: Path) -> None:
        """
        Ten times too many values, and long ones, are sent cut; a saved output stays small.
        """
        from oneiric_lab.notebook.widgets._configuration import Configuration

        lines = "".join(f'v{n} = "{"x" * 50}"\n' for n in range(3000))
        (tmp_path / "oneiric.toml").write_text(f'[t]\nlong = "{"y" * 100_000}"\n{lines}')
        shown = Configuration(Lab.open(tmp_path, environ={}))

        assert len(json.dumps(shown.whole())) < 400_000
        assert len(json.dumps(shown._repr_mimebundle_())) < 24 * 1024
        assert "more" in str(shown._repr_mimebundle_()["text/plain"])

    @pytest.mark.parametrize("said", NONSENSE)
    def test_nonsense_does_nothing(self, opened: tuple[Any, Wire], said: Any) -> None:
        """
        A message that is none of ours changes nothing, and is not answered.
        """
        shown, page = opened
        before, sent = shown.lab.snapshot, len(page.sent)
        page.click(said)

        assert shown.lab.snapshot is before
        assert len(page.sent) == sent


class TestChanges:
    def test_plan_apply_undo_in_a_file(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        The plan has the difference of the file; applying writes it, undo gives it back.
        """
        shown, page = opened
        found = planned(page, "server.port=9090", layer="project")
        assert found["ok"]
        assert found["code"] == "lab.plan(['server.port=9090'], layer='project')"
        assert "+port = 9090 # as ever" in json.dumps(found["view"])
        assert shown.lab.value("server.port") == 8080

        page.click({"do": "apply"})
        wait(lambda: page.told("applied"))
        assert "port = 9090 # as ever" in (tmp_path / "oneiric.toml").read_text()
        assert row(page.state("sheet")[-1], "server.port")["value"] == "9090"
        assert page.told("applied")[0]["code"] == found["code"] + ".apply()"
        page.click({"do": "apply"})
        assert "nothing is planned" in json.dumps(page.told("failed")[-1])
        page.click({"do": "history"})
        assert "server.port" in json.dumps(page.told("shown")[-1])

        page.click({"do": "undo"})
        assert (tmp_path / "oneiric.toml").read_text() == PROJECT
        assert row(page.state("sheet")[-1], "server.port")["value"] == "8080"
        assert page.told("applied")[-1]["undo"]
        page.click({"do": "undo"})
        assert "no change to take back" in json.dumps(page.told("failed")[-1])

    def test_undo_in_the_session(self, opened: tuple[Any, Wire]) -> None:
        """
        What the session said before is said again, and what it did not say is not.
        """
        shown, page = opened
        shown.lab.plan({"server.port": 1}).apply()
        planned(page, "server.port=2", "title=other", unset=())
        page.click({"do": "apply"})
        wait(lambda: page.told("applied"))
        assert (shown.lab.value("server.port"), shown.lab.value("title")) == (2, "other")
        page.click({"do": "undo"})
        wait(lambda: len(page.told("applied")) == 2)

        assert (shown.lab.value("server.port"), shown.lab.value("title")) == (1, "shop")
        code = page.told("applied")[1]["code"]
        assert code == "lab.plan({'server.port': 1}, unset=['title']).apply()"

    def test_problems_are_told_and_not_applied(self, opened: tuple[Any, Wire]) -> None:
        """
        A plan with problems has them with their places; it cannot be applied.
        """
        shown, page = opened
        found = planned(page, "adapters.selections.cache=redsi", layer="project")
        assert not found["ok"]
        assert "did you mean" in json.dumps(found["view"])
        page.click({"do": "apply"})
        wait(lambda: page.told("failed"))

        assert shown.lab.value("adapters.selections.cache") == "redis"
        assert planned(page, "=1") is not None or page.told("failed")

    def test_components_are_swapped_in_order(self, opened: tuple[Any, Wire]) -> None:
        """
        Applying from a click works though the components' loop is the kernel's own.
        """
        shown, page = opened

        async def story() -> None:
            lab = shown.lab
            async with lab.running():
                async with lab.lifecycle.lease("adapter", "cache"):
                    pass
                found = planned(page, "adapters.selections.cache=memory")
                assert "swapped here in this order: adapter:cache" in json.dumps(found["view"])
                page.click({"do": "apply"})
                await to_thread(wait, lambda: page.told("applied"))
                assert lab.lifecycle.status("adapter", "cache").provider == "memory"

        asyncio.run(story())
        assert page.told("progress")[-1] == [("adapter:cache", "ok", "incarnation 2 is in force")]

    def test_how_far_a_swap_is(self, opened: tuple[Any, Wire]) -> None:
        """
        While it is prepared each component says whether it waits, is built, or is probed; once
        it is in force, who still holds the one before.
        """
        from oneiric_lab.notebook.widgets._configuration import _stage

        shown, page = opened
        probing, go = threading.Event(), threading.Event()

        class Slow:
            async def health(self) -> bool:
                probing.set()
                await to_thread(go.wait, 20)
                return True

        async def story() -> None:
            lab = shown.lab
            lab.registry.add(Candidate("adapter", "cache", "slow", Slow))
            async with lab.running():
                async with lab.lifecycle.lease("adapter", "cache"):
                    planned(page, "adapters.selections.cache=slow")
                    page.click({"do": "apply"})
                    probed = [("adapter:cache", "info", "incarnation 2 is being probed")]
                    await to_thread(wait, lambda: probed in page.told("progress"))
                    go.set()
                    held = "incarnation 2 is in force; 1 leases hold the one before"
                    await to_thread(wait, lambda: page.told("applied"))
                    assert page.told("progress")[-1] == [("adapter:cache", "ok", held)]
                assert lab.lifecycle.status("adapter", "cache").next is None

        asyncio.run(story())
        assert _stage(None, 0) == ("quiet", "waits for its turn")

    def test_a_swap_that_fails_changes_nothing(self, opened: tuple[Any, Wire]) -> None:
        """
        What cannot be built is told, and the values are as they were.
        """
        shown, page = opened

        def broken() -> None:
            raise OSError("no route to it")

        shown.lab.registry.add(Candidate("adapter", "cache", "broken", broken))

        async def story() -> None:
            async with shown.lab.running() as life:
                async with life.lease("adapter", "cache"):
                    pass
                planned(page, "adapters.selections.cache=broken")
                page.click({"do": "apply"})
                await to_thread(wait, lambda: page.told("failed"))

        asyncio.run(story())
        assert "no route to it" in json.dumps(page.told("failed")[-1])
        assert shown.lab.value("adapters.selections.cache") == "redis"


class TestProfiles:
    def test_another_profile_is_shown_not_activated(self, opened: tuple[Any, Wire]) -> None:
        """
        The tree shows what would be under it; an unknown one is refused.
        """
        shown, page = opened
        page.click({"do": "profiles", "profiles": ["prod", "eu"]})
        sheet = page.state("sheet")[-1]
        assert row(sheet, "server.port")["value"] == "443"
        assert row(sheet, "title")["value"] == "laden"
        assert (sheet["profiles"]["shown"], shown.lab.value("server.port")) == (
            ["prod", "eu"],
            8080,
        )
        assert page.told("shown")[-1]["code"] == "lab.under(['prod', 'eu'])"

        page.click({"do": "profiles", "profiles": ["none"]})
        assert "unknown profile" in json.dumps(page.told("failed")[-1])
        assert shown.profiles == ("prod", "eu")
        page.click({"do": "profiles", "profiles": None})
        assert row(page.state("sheet")[-1], "server.port")["value"] == "8080"

    def test_two_are_compared(self, opened: tuple[Any, Wire]) -> None:
        """
        What `lab.diff` says of them, with its code.
        """
        page = opened[1]
        page.click({"do": "compare", "left": "profile:eu", "right": "profile:prod"})
        found = page.told("shown")[0]

        assert found["code"] == "lab.diff('profile:eu', 'profile:prod')"
        assert "server.port" in json.dumps(found["view"])


class TestFollows:
    def test_a_change_from_elsewhere(self, opened: tuple[Any, Wire]) -> None:
        """
        What a cell changes is shown within a second.
        """
        shown, page = opened
        shown.lab.plan({"server.port": 7}).apply()
        wait(lambda: row(page.state("sheet")[-1], "server.port")["value"] == "7")

    def test_a_file_with_a_fault(self, opened: tuple[Any, Wire], tmp_path: Path) -> None:
        """
        A reload that fails tells the fault at its place, and the last good values stay.
        """
        _, page = opened
        file = tmp_path / "oneiric.toml"
        file.write_text(PROJECT.replace('combinations = [["prod", "eu"]]', 'nam = "x"'))
        os.utime(file, (1, 1))
        page.click({"do": "reload"})
        sheet = page.state("sheet")[-1]
        assert [(f["where"], f["tone"]) for f in sheet["faults"]] == [("oneiric.toml:15:1", "bad")]
        assert row(sheet, "server.port")["value"] == "8080"
        assert page.told("failed")

        file.write_text(PROJECT.replace("8080", "8081"))
        page.click({"do": "reload"})
        sheet = page.state("sheet")[-1]
        assert (sheet["faults"], row(sheet, "server.port")["value"]) == ([], "8081")
        assert page.told("shown")[-1]["code"] == "lab.reload()"

    def test_a_profile_that_breaks_meanwhile(
        self, opened: tuple[Any, Wire], tmp_path: Path
    ) -> None:
        """
        Where what is shown has faults since, they are told, and what was shown stays.
        """
        shown, page = opened
        page.click({"do": "profiles", "profiles": ["prod"]})
        (tmp_path / "oneiric.prod.toml").write_text("[remote]\ndeadlin = 1\n")
        shown.lab.plan({"title": "now"}).apply()
        wait(lambda: page.state("sheet")[-1]["faults"])
        assert row(page.state("sheet")[-1], "server.port")["value"] == "443"


class TestSnapshot:
    def test_four_forms(self, opened: tuple[Any, Wire]) -> None:
        """
        What somebody said is in the snapshot, which is small and has no script.
        """
        shown, page = opened
        found = shown._repr_mimebundle_()
        assert set(found) >= {MIME, "text/html", "text/plain"}
        assert "the live tree needs the kernel" in str(found["text/plain"])
        assert "server.port" in str(found["text/html"])
        assert "<script" not in str(found["text/html"])
        assert "remote.deadline" not in str(found["text/plain"])
        assert repr(shown).startswith("<Configuration: configuration of ")
        page.click({"do": "whole"})
        assert page.state("sheet")[-1]["path"] == page.state("sheet")[0]["path"]

    def test_without_a_lab(self) -> None:
        """
        It says what is missing.
        """
        from oneiric_lab.notebook.widgets._configuration import configuration

        with pytest.raises(UsageError, match="no lab whose values"):
            configuration(None)  # type: ignore[arg-type]  # wrong on purpose

    def test_it_ends_with_its_view(self, opened: tuple[Any, Wire]) -> None:
        """
        A closed lab can be looked at, and no thread is left.
        """
        shown, _ = opened
        shown.lab.close()
        assert not [t for t in threading.enumerate() if t.name == "configuration"]
