"""Verbs about tasks and workflows, as a shell and as a kernel asks them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from oneiric_lab.cli import main
from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import NoCandidateError, UsageError, WorkflowError
from oneiric_lab.lab import allow
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Ask = Callable[..., Any]

PROJECT = """\
[plugins]
auto_load = false
modules = ["workflow_verbs_code"]

[workflows.dags.ship]
nodes = [
  { id = "pick", task = "say", payload = { word = "picked" } },
  { id = "send", task = "say", depends_on = ["pick"], payload = { word = "sent" } },
]
"""
CODE = """\
from oneiric_lab import component


@component("task:say", provider="plain", summary="Says a word.")
class Say:
    def run(self, payload, context):
        return payload.get("word", context.input)
"""


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Return what runs one verb as a shell would, in a workspace with a workflow."""
    Workspace(tmp_path).project(PROJECT).file("workflow_verbs_code.py", CODE)
    import os

    allow(tmp_path, ["workflow_verbs_code"], os.environ)
    interaction = Interaction(body=lambda: '"from below"')

    def asked(*words: str) -> Any:
        return run(["-C", str(tmp_path), *words], interaction)

    yield asked
    sys.modules.pop("workflow_verbs_code", None)


class TestTask:
    def test_the_group_lists(self, ask: Ask) -> None:
        """
        A group without a verb is its list.
        """
        assert ask("task").as_dict() == ask("task", "list").as_dict()
        assert "Says a word." in str(ask("task"))

    def test_run_takes_json(self, ask: Ask, tmp_path: Path) -> None:
        """
        As text, from a file, or from standard input where that is named.
        """
        (tmp_path / "given.json").write_text('{"word": "filed"}')

        assert ask("task", "run", "say", "--payload", '{"word": "hi"}').result == "hi"
        assert ask("task", "run", "say", "--payload", f"@{tmp_path / 'given.json'}").result == (
            "filed"
        )
        assert ask("task", "run", "say").result is None

    @pytest.mark.parametrize("text", ["{", "[NaN]", "[" * 100_000], ids=["half", "nan", "deep"])
    def test_what_is_no_json_is_refused(self, ask: Ask, text: str) -> None:
        """
        Before anything runs.
        """
        with pytest.raises(UsageError, match="is no JSON"):
            ask("task", "run", "say", "--payload", text)

    def test_the_payload_of_a_task_is_a_table(self, ask: Ask) -> None:
        """
        Standard input is read for it where it is named.
        """
        with pytest.raises(UsageError, match="is a table"):
            ask("task", "run", "say", "--payload", "-")


class TestWorkflow:
    def test_list_and_plan(self, ask: Ask) -> None:
        """
        What there is, and what it would do.
        """
        assert ask("workflow").as_dict() == ask("workflow", "list").as_dict()
        plan = ask("workflow", "plan", "ship")

        assert plan.ok
        assert "└─ send" in str(plan)
        assert plan.as_dict()["dag"]["nodes"][1]["depends_on"] == ["pick"]

    def test_a_plan_is_drawn_into_a_file(self, ask: Ask, tmp_path: Path) -> None:
        """
        A picture that stands alone, and tells in words what it shows.
        """
        ask("workflow", "plan", "ship", "--out", str(tmp_path / "ship.svg"))
        root = ET.fromstring((tmp_path / "ship.svg").read_text())

        assert root.tag.endswith("svg")
        assert "pick; send after pick" in "".join(root.itertext())

    def test_run(self, ask: Ask) -> None:
        """
        It waits for the end, and shows each node.
        """
        found = ask("workflow", "run", "ship", "--payload", "7")

        assert found.exit_code == 0
        assert found.results == {"pick": "picked", "send": "sent"}
        assert json.loads(found.to_json())["payload"] == 7

    def test_an_unknown_one(self, ask: Ask) -> None:
        """
        With the nearest name.
        """
        with pytest.raises(NoCandidateError, match="did you mean `workflow:ship`"):
            ask("workflow", "run", "shp")

    def test_a_kernel_gets_a_job(self, ask: Ask, tmp_path: Path) -> None:
        """
        Which runs while the cell is over; the cell's text is the payload.
        """
        from oneiric_lab.lab import Lab

        with Lab.open(tmp_path, trusted=True) as lab:
            kernel = Interaction(
                body=lambda: '{"word": "below"}',
                current=lambda: lab,
                submit=lambda name, do: do,  # type: ignore[arg-type,return-value]  # that there is one
                takes_over=False,
            )
            job = run(["workflow", "run", "ship", "--payload", "-"], kernel)
            task = run(["task", "run", "say", "--payload", "-"], kernel)

            assert job.result(10).payload == {"word": "below"}  # type: ignore[union-attr]  # a job
            assert task.result(10).result == "below"  # type: ignore[union-attr]  # a job

    def test_keys_complete(
        self,
        ask: Ask,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """
        Tasks and workflows of the workspace, each where it belongs.
        """
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", "bash_complete")
        for words, found in (("task run ", "plain,say"), ("workflow run ", "plain,ship")):
            monkeypatch.setenv("COMP_LINE", f"oneiric-lab -C {tmp_path} {words}")
            main([])
            assert capsys.readouterr().out.split() == [found]


class TestRecordedRuns:
    def test_a_run_is_there_for_the_next_command(self, ask: Ask) -> None:
        """
        Listed, shown, forked from a node, and compared.
        """
        first = ask("workflow", "run", "ship", "--payload", "1")
        fork = ask("workflow", "fork", first.id, "--from", "send", "--payload", "2")
        rows = ask("workflow", "runs", "ship", "--state", "done").rows

        assert [row.id for row in rows] == [fork.id, first.id]
        assert ask("workflow", "show", fork.id).nodes[0].state == "kept"
        changed = ask("workflow", "diff", first.id, fork.id)
        assert [row[1] for row in changed.rows] == ["payload"]

    def test_what_was_enqueued_waits_and_is_cancelled(self, ask: Ask) -> None:
        """
        Without a host nothing begins it; resume runs it here.
        """
        asked = ask("workflow", "enqueue", "ship", "--dedup-key", "k")
        again = ask("workflow", "enqueue", "ship", "--dedup-key", "k")
        waiting = ask("workflow", "runs").rows
        ended = ask("workflow", "cancel", asked.run_id)

        assert (asked.is_new, again.is_new) == (True, False)
        assert [row.state for row in waiting] == ["waiting"]
        assert ended.exit_code == 130
        with pytest.raises(WorkflowError, match="has ended: cancelled"):
            ask("workflow", "cancel", asked.run_id)
        with pytest.raises(WorkflowError, match="another payload"):
            ask("workflow", "enqueue", "ship", "--dedup-key", "k", "--payload", "9")
        assert ask("workflow", "resume", asked.run_id).ok
        with pytest.raises(WorkflowError, match="has ended: done"):
            ask("workflow", "resume", asked.run_id)

    def test_what_is_put_off_says_when_it_begins(self, ask: Ask) -> None:
        """
        And that nobody is there to begin it; resume does not wait for that.
        """
        asked = ask("workflow", "enqueue", "ship", "--delay", "3600")
        waiting = ask("workflow", "show", asked.run_id)

        assert "no host runs now: the next one begins it" in str(asked)
        assert waiting.state == "waiting"
        assert "it begins at" in waiting.why
        assert ask("workflow", "resume", asked.run_id).ok

    def test_in_memory_nothing_is_kept(self, ask: Ask) -> None:
        """
        And the run says so.
        """
        found = ask("workflow", "run", "ship", "--in-memory")

        assert "it is gone when its process ends" in str(found)

    def test_wrong_names(self, ask: Ask) -> None:
        """
        Of a run, and of a node.
        """
        with pytest.raises(WorkflowError, match="no run is called"):
            ask("workflow", "show", "ship-0")
        found = ask("workflow", "run", "ship")
        with pytest.raises(WorkflowError, match="did you mean `send`"):
            ask("workflow", "fork", found.id, "--from", "sned")
        with pytest.raises(WorkflowError, match="all nodes of the run"):
            ask("workflow", "fork", found.id)

    def test_a_kernel_gets_jobs(self, ask: Ask, tmp_path: Path) -> None:
        """
        Of what takes long; two at a time share one engine.
        """
        from oneiric_lab.lab import Lab

        with Lab.open(tmp_path, trusted=True) as lab:
            kernel = Interaction(
                current=lambda: lab,
                submit=lambda name, do: do,  # type: ignore[arg-type,return-value]  # that there is one
                takes_over=False,
            )
            first, second = (run(["workflow", "run", "ship"], kernel) for _ in range(2))
            done = first.result(20)  # type: ignore[union-attr]  # a job
            assert second.result(20).ok  # type: ignore[union-attr]  # a job
            fork: Any = run(["workflow", "fork", done.id, "--from", "send"], kernel)
            assert fork.result(20).nodes[0].state == "kept"

    def test_runs_complete(
        self,
        ask: Ask,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """
        The newest ones.
        """
        asked = ask("workflow", "enqueue", "ship")
        monkeypatch.setenv("_ONEIRIC_LAB_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_LINE", f"oneiric-lab -C {tmp_path} workflow show sh")
        main([])

        assert capsys.readouterr().out.split() == [f"plain,{asked.run_id}"]
