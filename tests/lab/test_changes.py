"""Plan, apply, undo, history, override, reload, compare."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import (
    FileAccessError,
    InvalidConfigError,
    NoCandidateError,
    OneiricError,
    StaleFileError,
    StoreError,
    UsageError,
)
from oneiric_lab.files import write_atomic
from oneiric_lab.lab import ValueDiff, _writing
from oneiric_lab.registry import Candidate
from oneiric_lab.store import FileChange
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from oneiric_lab.lab import Lab

TEXT = """\
# the shop
[server]
port = 8080   # as in the office
host = "a"

[adapters.selections]
shelf = "memory"
"""


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A small workspace with a profile."""
    with Workspace() as made:
        yield made.project(TEXT).profile("prod", "[server]\nport = 80\n")


@pytest.fixture
def lab(workspace: Workspace) -> Lab[Any]:
    """The workspace opened, with two caches."""
    found = workspace.project(TEXT.replace("[adapters.selections]\nshelf", "[x]\nshelf")).open()
    workspace.project(TEXT)
    for name in ("memory", "redis"):
        found.component("adapter:shelf", provider=name, version="1.0")(dict)
    found.reload()
    return found


def text(lab: Lab[Any]) -> str:
    """Return the project file."""
    return (lab.root / "oneiric.toml").read_text()


class TestPlan:
    def test_nothing_happens(self, lab: Lab[Any]) -> None:
        """A plan says what would change, and changes nothing."""
        plan = lab.plan({"server.port": 1, "adapters.selections.shelf": "redis"}, layer="project")
        assert [v.path for v in plan.proposal.values] == [
            "adapters.selections.shelf",
            "server.port",
        ]
        assert [(c["old"], c["new"]) for c in plan.components] == [("memory 1.0", "redis 1.0")]
        assert text(lab) == TEXT
        assert lab.value("server.port") == 8080
        assert lab.registry.resolve("adapter", "shelf").provider == "memory"

    def test_its_shape(self, lab: Lab[Any]) -> None:
        """`as_dict` has the stable keys, and the text shows the lines that would change."""
        plan = lab.plan({"server.port": 1}, layer="project")
        found = plan.as_dict()
        assert [*found][:3] == ["values", "components", "problems"]
        assert found["values"] == [
            {
                "path": "server.port",
                "old": 8080,
                "new": 1,
                "old_origin": {"layer": "project", "file": "oneiric.toml", "line": 3, "column": 8},
                "new_origin": {"layer": "project", "file": "oneiric.toml", "line": 3, "column": 8},
            }
        ]
        assert "+port = 1   # as in the office" in str(plan)
        assert plan.exit_code == 0

    def test_a_problem_forbids_it(self, lab: Lab[Any]) -> None:
        """A selection that nobody answers is a problem, and apply refuses."""
        plan = lab.plan({"adapters.selections.shelf": "redsi"}, layer="project")
        assert not plan.ok
        assert plan.exit_code == 1
        assert "did you mean `redis`" in str(plan)
        with pytest.raises(InvalidConfigError):
            plan.apply()
        assert text(lab) == TEXT

    def test_a_fault_of_values(self, lab: Lab[Any]) -> None:
        """A value that the tables refuse leaves no next configuration."""
        plan = lab.plan({"stack.strict": "perhaps"})
        assert plan.generation is None
        assert "problem" in plan.view().title

    def test_nothing_to_do(self, lab: Lab[Any]) -> None:
        """The same value again would change nothing, and says so."""
        plan = lab.plan({"server.port": 8080})
        assert "nothing would change" in str(plan)

    def test_what_stands_above_is_told(self, workspace: Workspace) -> None:
        """A change below a higher layer warns that it would not be seen."""
        plan = workspace.open(profiles=["prod"]).plan({"server.port": 5}, layer="project")
        assert [p.code for p in plan.problems] == ["shadowed"]
        assert plan.ok


class TestApplyAndUndo:
    def test_exact_bytes_come_back(self, lab: Lab[Any]) -> None:
        """Undo gives the file the bytes it had, and the history tells both."""
        applied = lab.plan({"server.port": 9}, layer="project").apply()
        assert text(lab) == TEXT.replace("8080", "9")
        assert applied.entry == 1
        assert lab.value("server.port") == 9
        assert "take it back with: undo" in str(applied)
        undone = lab.undo()
        assert text(lab) == TEXT
        assert lab.value("server.port") == 8080
        assert undone.as_dict()["files"] == ["oneiric.toml"]
        assert [e.verb for e in lab.history().entries] == ["undo", "apply"]
        assert "undone by 2" in str(lab.history())
        with pytest.raises(UsageError):
            lab.undo()

    def test_a_new_file_goes_again(self, lab: Lab[Any]) -> None:
        """Undo of the first local value removes the file that it made."""
        lab.save({"server.port": 9}, layer="local")
        assert (lab.root / "oneiric.local.toml").exists()
        lab.undo()
        assert not (lab.root / "oneiric.local.toml").exists()

    def test_a_component_is_swapped(self, lab: Lab[Any]) -> None:
        """Applying a selection publishes a generation and says which component changed."""
        handle = lab.handle("adapter:shelf")
        applied = lab.plan({"adapters.selections.shelf": "redis"}).apply()
        assert applied.components
        assert applied.entry is None
        assert "redis" in str(applied)
        assert handle.candidate is not None
        assert handle.candidate.provider == "redis"

    def test_undo_in_another_process(self, workspace: Workspace) -> None:
        """The journal is in the workspace, not in the process."""
        plain = "[server]\nport = 8080  # as in the office\n"
        workspace.project(plain).open().save({"server.port": 9})
        program = (
            "import sys; from oneiric_lab.lab import Lab;"
            " Lab.open(sys.argv[1], environ={}, trusted=True).undo()"
        )
        subprocess.run([sys.executable, "-c", program, str(workspace.path)], check=True)
        assert (workspace.path / "oneiric.toml").read_text() == plain

    def test_a_changed_file_is_left(self, lab: Lab[Any]) -> None:
        """A file that changed after the plan is not written; after the change, not undone."""
        plan = lab.plan({"server.port": 9}, layer="project")
        (lab.root / "oneiric.toml").write_text(TEXT + "\n# mine\n")
        with pytest.raises(FileAccessError):
            plan.apply()
        assert text(lab) == TEXT + "\n# mine\n"
        lab.reload()
        lab.save({"server.port": 9})
        (lab.root / "oneiric.toml").write_text(TEXT)
        with pytest.raises(StaleFileError):
            lab.undo()
        assert text(lab) == TEXT

    def test_a_store_that_cannot_be_written(self, lab: Lab[Any]) -> None:
        """Where the history cannot be kept, the file gets its former bytes back."""
        (lab.root / ".oneiric" / "state.db").mkdir(parents=True)
        with pytest.raises(OneiricError):
            lab.save({"server.port": 9})
        assert text(lab) == TEXT

    @pytest.mark.parametrize("verb", ["apply", "undo"])
    @pytest.mark.parametrize("settles", [True, False])
    def test_a_disk_that_fills_up_between_two_files(
        self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch, verb: str, *, settles: bool
    ) -> None:
        """
        All files keep what they had, and the history tells nothing of it; where the store is
        full too, the bytes tell that it was not done, and the next writer takes it out.
        """
        local = lab.root / "oneiric.local.toml"
        local.write_text("[server]\nport = 7\n")
        lab.reload()
        proposals = [
            lab.plan({"server.port": n}, layer=layer).proposal
            for n, layer in ((1, "project"), (2, "local"))
        ]
        files = tuple(file for proposal in proposals for file in proposal.files)
        both = replace(proposals[0], files=files)
        if verb == "undo":
            _writing.write(lab.store, lab.root, both, "apply")
        before = text(lab), local.read_text(), len(lab.history().entries)

        def full(path: Path, data: bytes, **options: Any) -> None:
            if path == local:
                raise FileAccessError("no room")
            write_atomic(path, data, **options)

        def broken(*_: object, **__: object) -> None:
            raise StoreError("no room")

        with monkeypatch.context() as patch:
            patch.setattr(_writing, "write_atomic", full)
            if not settles:
                patch.setattr(type(lab.store), "settle", broken)
            save = partial(_writing.write, lab.store, lab.root, both, "apply")
            with pytest.raises(FileAccessError, match="no room"):
                (lab.undo if verb == "undo" else save)()
        assert (text(lab), local.read_text(), len(lab.history().entries)) == before
        assert not any(entry.undone_by for entry in lab.history().entries)
        lab.reload()
        lab.save({"server.host": "b"})
        assert lab.store.pending() == []
        assert len(lab.history().entries) == before[2] + 1

    def test_a_file_that_somebody_edited_after_a_kill_is_theirs(self, lab: Lab[Any]) -> None:
        """
        The interrupted change is taken out of the history, and the edit stays.
        """
        file = lab.root / "oneiric.toml"
        change = FileChange(file, file.read_bytes(), b"never written")
        lab.store.record("apply", "project", "killed", files=[change], pending=True)
        assert lab.history().entries == ()
        file.write_text(TEXT + "# mine\n")
        lab.reload()
        lab.save({"server.host": "b"})

        assert text(lab).endswith("# mine\n")
        assert [e.summary for e in lab.history().entries] == ["server.host"]

    def test_a_file_that_cannot_be_removed(self, lab: Lab[Any]) -> None:
        """
        Undo says so and leaves all as it is.
        """
        lab.save({"server.port": 9}, layer="local")
        local = lab.root / "oneiric.local.toml"

        def refuse(self: Path, **_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(local), "unlink", refuse)
            with pytest.raises(FileAccessError, match=r"cannot remove oneiric\.local\.toml"):
                lab.undo()
        assert local.exists()
        assert lab.store.pending() == []
        lab.undo()
        assert not local.exists()

    def test_plans_that_were_made_together(self, lab: Lab[Any]) -> None:
        """
        Each changes what it said and nothing else, in whichever order they are applied.
        """
        first = lab.plan({"server.port": 1})
        second = lab.plan({"server.host": "b"})
        third = lab.plan({"app.name": "x"}, layer="local")
        fourth = lab.plan(unset=["server.port"])
        for plan in (first, second, third):
            plan.apply()
        found = [lab.value(path) for path in ("server.port", "server.host", "app.name")]
        assert found == [1, "b", "x"]
        assert str(lab.origin("server.host")) == str(second.proposal.values[0].new_origin)
        fourth.apply()

        assert lab.value("server.port") == 8080
        assert lab.value("server.host") == "b"

    def test_two_savers_at_once(self, workspace: Workspace) -> None:
        """Of two that write at once one wins, the other is told; nothing is mixed."""
        workspace.project("[server]\nport = 1\nhost = 'a'\n")
        plans = [
            workspace.open().plan({"server.port": 100 + number}, layer="project")
            for number in range(4)
        ]

        def save(number: int) -> str:
            try:
                plans[number].apply()
            except OneiricError as error:
                return error.faults[0].code
            return "saved"

        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(save, range(4)))
        assert said.count("saved") == 1
        winner = said.index("saved")
        assert f"port = {100 + winner}" in (workspace.path / "oneiric.toml").read_text()

    def test_an_empty_history(self, lab: Lab[Any]) -> None:
        """Before the first change the history says how to make one."""
        assert "nothing was changed yet" in str(lab.history())
        assert lab.history().as_dict() == {"entries": []}


class TestOverrideAndReload:
    def test_override_ends(self, lab: Lab[Any]) -> None:
        """Values and components are as before when the block ends, by a raise too."""
        changes = {"server.port": 1, "adapters.selections.shelf": "redis"}

        def fail_inside() -> None:
            with lab.override(changes) as held:
                assert held.value("server.port") == 1
                assert lab.registry.resolve("adapter", "shelf").provider == "redis"
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_inside()
        assert lab.value("server.port") == 8080
        assert lab.registry.resolve("adapter", "shelf").provider == "memory"

    def test_the_last_good_stays(self, lab: Lab[Any]) -> None:
        """A reload of a broken file raises with its place and changes nothing."""
        (lab.root / "oneiric.toml").write_text("[server]\nport = \n")
        with pytest.raises(InvalidConfigError) as caught:
            lab.reload()
        assert "oneiric.toml:2" in str(caught.value)
        assert lab.value("server.port") == 8080


class TestCompare:
    def test_profiles(self, workspace: Workspace) -> None:
        """Two sides differ in values with both places; the same side does not."""
        lab = workspace.open()
        diff = lab.diff("now", "profile:prod")
        assert isinstance(diff, ValueDiff)
        assert [v.path for v in diff.values] == ["server.port"]
        assert diff.exit_code == 1
        assert "oneiric.prod.toml:2:8" in str(diff)
        assert lab.diff("now", "now").exit_code == 0
        assert "no value differs" in str(lab.diff("profile:prod", "profile:prod+"))

    @pytest.mark.parametrize("name", ["later", "profile:", "git:", "git:--output=x", "git:none"])
    def test_what_is_no_side(self, workspace: Workspace, name: str) -> None:
        """Anything else is refused, options of git above all."""
        with pytest.raises(UsageError):
            workspace.open().diff("now", name)

    @pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
    def test_another_revision(self, workspace: Workspace) -> None:
        """A revision is read as it was; what is not under version control stays as it is."""

        def git(*words: str) -> None:
            subprocess.run(
                [
                    "git",
                    "-C",
                    str(workspace.path),
                    "-c",
                    "user.name=t",
                    "-c",
                    "user.email=t@t",
                    *words,
                ],
                check=True,
                capture_output=True,
            )

        workspace.secret("token", "s").local("[server]\nhost = 'local'\n")
        git("init", "-q")
        git("add", "oneiric.toml", "oneiric.prod.toml")
        git("commit", "-qm", "one")
        lab = workspace.open()
        lab.save({"server.port": 1})
        diff = lab.diff("git:HEAD", "now")
        assert isinstance(diff, ValueDiff)
        assert [(v.path, v.old, v.new) for v in diff.values] == [("server.port", 8080, 1)]
        assert str(diff.values[0].old_origin) == "oneiric.toml:3:8"

    def test_no_git(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without git the message says what to install."""
        lab = workspace.open()
        monkeypatch.setenv("PATH", "")
        with pytest.raises(UsageError) as caught:
            lab.diff("git:HEAD", "now")
        assert "install git" in str(caught.value)


class TestCheck:
    def test_all_profiles(self, workspace: Workspace) -> None:
        """Every profile and named combination is loaded; a fault exits with 2."""
        workspace.profile("bad", "[stack]\nstrict = 'x'\n")
        workspace.file("oneiric.toml", TEXT + '[profile]\ncombinations = [["prod", "bad"]]\n')
        lab = workspace.project(
            TEXT.replace('shelf = "memory"', "")
            + '[profile]\ncombinations = [["prod", "bad"], ["prod"]]\n'
        ).open()
        found = lab.check(all_profiles=True)
        assert {names: bool(faults) for names, faults in found.rows} == {
            (): False,
            ("prod",): False,
            ("bad",): True,
            ("prod", "bad"): True,
        }
        assert found.exit_code == 2
        assert str(found).count("expected a boolean") == 1
        assert lab.check().exit_code == 0


class TestQuestions:
    def test_targets(self, lab: Lab[Any]) -> None:
        """A path, a component, an unknown domain and an unknown component."""
        assert lab.explain("server.port").as_dict()["value"] == 8080
        assert lab.explain("adapter:shelf").as_dict()["decided_by"] == "selection"
        with pytest.raises(UsageError) as caught:
            lab.explain("adaptr:cache")
        assert "did you mean `adapter`" in str(caught.value)
        with pytest.raises(NoCandidateError):
            lab.explain("adapter:nothing")

    def test_why_not_is_a_plan(self, lab: Lab[Any]) -> None:
        """What why-not says is a change that a plan accepts, and it wins."""
        answer = lab.why_not("adapter:shelf", "redis")
        assert answer.changes
        lab.plan(dict(answer.changes)).apply()
        assert lab.registry.resolve("adapter", "shelf").provider == "redis"

    def test_why_not_names_the_layer(self, lab: Lab[Any]) -> None:
        """A layer above the one that is written must change; what is no file cannot."""
        chosen = '[adapters.selections]\nshelf = "memory"\n'
        (lab.root / "oneiric.local.toml").write_text(chosen)
        lab.reload()
        answer = lab.why_not("adapter:shelf", "redis", layer="project")
        assert answer.layer == "local"
        assert "plan --layer local --set" in str(answer)
        lab.plan(dict(answer.changes or {}), layer="local").apply()
        assert lab.registry.resolve("adapter", "shelf").provider == "redis"
        with lab.override({"adapters.selections.shelf": "memory"}):
            answer = lab.why_not("adapter:shelf", "redis", layer="project")
        assert answer.changes is None
        assert "is said by session" in str(answer)

    def test_candidates_and_status(self, lab: Lab[Any]) -> None:
        """The listing has both caches; the first screen counts them."""
        lab.registry.add(Candidate(domain="task", key="t", provider="p", factory=dict))
        assert "redis" in str(lab.candidates("adapter"))
        assert lab.status().as_dict()["values"] == len(lab.snapshot.paths())
        assert "no profile" not in str(lab.status())
