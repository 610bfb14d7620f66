"""`event emit|list|dead`, as a shell and as a kernel run them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import OneiricError, UsageError
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]

CODE = """
from oneiric_lab import component

@component("event:mailer", provider="smtp", metadata={"topics": ["order"]})
class Mailer:
    def handle(self, event):
        if event.payload is None or event.payload.get("bad"):
            raise ValueError("no")
"""
PROJECT = "[plugins]\nmodules = ['event_verbs_code']\nauto_load = false\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace whose code handles events."""
    workspace = Workspace(tmp_path).project(PROJECT)
    (workspace.path / "event_verbs_code.py").write_text(CODE)
    run(["-C", str(workspace.path), "allow"], Interaction())
    return workspace


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    """Return what runs one verb as a shell would."""

    def asked(*words: str, body: str | None = None) -> Any:
        return run(["-C", str(workspace.path), *words], Interaction(body=lambda: body))

    return asked


class TestEmit:
    """`event emit`."""

    def test_payloads_come_as_text_file_or_body(self, ask: Ask, tmp_path: Path) -> None:
        """Each is JSON; headers travel along, those with a meaning included."""
        (tmp_path / "p.json").write_text('{"n": 2}')
        said = (
            ask("event", "emit", "order", "--here", "--payload", '{"n": 1}'),
            ask("event", "emit", "order", "--here", "--payload", f"@{tmp_path}/p.json"),
            ask("event", "emit", "order", "--here", "--payload", "-", body='{"n": 3}'),
            ask("event", "emit", "order", "--here", "--header", "source=me", "--header", "x=eu"),
        )

        assert [one.event.payload for one in said] == [{"n": 1}, {"n": 2}, {"n": 3}, None]
        assert [one.exit_code for one in said] == [0, 0, 0, 1]
        assert said[3].event.source == "me"
        assert said[3].event.headers == {"x": "eu"}

    @pytest.mark.parametrize(
        "words",
        [
            ("order", "--payload", "{"),
            ("order", "--payload", "NaN"),
            ("order", "--payload", "[" * 100_000),
            ("order", "--payload", "-"),
            ("order", "--payload", "@nowhere.json"),
            ("order", "--header", "tenant"),
            ("order", "--header", "timestamp=soon"),
            ("",),
        ],
    )
    def test_what_is_no_event_is_told(self, ask: Ask, words: tuple[str, ...]) -> None:
        """Nothing is handed over."""
        with pytest.raises(OneiricError) as caught:
            ask("event", "emit", *words)

        assert caught.value.exit_code == 2

    def test_a_kernel_uses_the_program_s_own_handlers(self, workspace: Workspace) -> None:
        """The verb runs in a job's thread, the handlers on the loop that owns them."""
        lab = workspace.open(trusted=True)
        interaction = Interaction(
            layer="session",
            current=lambda: lab,
            submit=lambda name, do: lambda: do(lambda *_: None, lambda: False),  # type: ignore[arg-type,return-value]  # no job, its work
        )
        seen: list[Any] = []
        lab.events.on("order", lambda event: seen.append(event.payload), name="cell")

        async def main() -> Any:
            async with lab.events.running():
                job = run(["event", "emit", "order", "--here", "--payload", "{}"], interaction)
                return await asyncio.to_thread(job)  # type: ignore[arg-type]  # a function, see above

        assert asyncio.run(main()).ok
        assert seen == [{}]
        assert len(run(["event"], interaction).rows) == 2  # type: ignore[union-attr]  # listeners

    def test_without_a_host_it_is_kept_for_the_next(self, ask: Ask) -> None:
        """The answer says so, and `event posted` shows it until it is forgotten."""
        kept = ask("event", "emit", "order", "--header", "event_id=a-1")

        assert (kept.number, kept.state, kept.exit_code) == (1, "waiting", 0)
        assert kept.event.id == "a-1"
        assert ask("event", "posted").as_dict()["waiting"] == 1
        assert ask("event", "posted", "1").event.id == "a-1"
        with pytest.raises(UsageError, match="exclude each other"):
            ask("event", "posted", "1", "--forget", "1")
        assert ask("event", "posted", "--forget", "1").left == 0

    def test_a_host_s_handlers_get_it(self, workspace: Workspace, ask: Ask) -> None:
        """And the letters that it could not handle, again."""
        lab = workspace.open(trusted=True)
        bad = ("--payload", json.dumps({"bad": 1}))

        async def main() -> list[Any]:
            up = asyncio.Event()
            host = lab.host(http=False)
            serving = asyncio.create_task(host.serve(lambda screen: up.set()))
            await up.wait()
            said = [
                await asyncio.to_thread(ask, "event", *words)
                for words in (
                    ("emit", "order", "--payload", "{}"),
                    ("emit", "order", *bad),
                    ("dead", "--retry", "1"),
                    ("emit", "order", "--wait", "0"),
                )
            ]
            assert host.host is not None
            host.host.stop()
            await serving
            return said

        good, dead, again, later = asyncio.run(main())
        assert (good.state, good.exit_code) == ("done", 0)
        assert [one.handler for one in good.deliveries] == ["mailer"]
        assert (dead.state, dead.exit_code) == ("done", 1)
        assert (again.rows[0].letter, again.exit_code) == (1, 1)
        assert (later.state, later.exit_code) == ("waiting", 0)


class TestDead:
    """`event dead`."""

    def test_letters_are_shown_retried_and_forgotten(self, ask: Ask) -> None:
        """One at a time, or all of a topic."""
        for n in (1, 2, 3):
            ask("event", "emit", "order", "--here", "--payload", json.dumps({"bad": n}))

        assert [one.id for one in ask("event", "dead").rows] == [3, 2, 1]
        assert '"bad": 2' in ask("event", "dead", "2").to_text()
        assert ask("event", "dead", "--here", "--retry", "2").exit_code == 1
        assert len(ask("event", "dead", "--here", "--all", "--topic", "order").rows) == 3
        assert len(ask("event", "dead", "--forget", "5", "--forget", "6").rows) == 2
        assert ask("event", "dead", "--topic", "boat").rows == ()

    def test_wishes_exclude_each_other(self, ask: Ask) -> None:
        """One thing at a time."""
        with pytest.raises(UsageError, match="exclude each other"):
            ask("event", "dead", "1", "--retry", "1")


class TestCompletion:
    """What a Tab knows."""

    def test_topics_are_completed(self, workspace: Workspace) -> None:
        """By the handlers' keys."""
        from oneiric_lab.commands import Names
        from oneiric_lab.commands._payload import KeyType, TopicType

        names = Names.of(workspace.open(trusted=True))

        assert list(TopicType().known(names, None, "")) == ["mailer"]  # type: ignore[arg-type]  # unused
        assert list(KeyType("event").known(names, None, "")) == ["mailer"]  # type: ignore[arg-type]  # unused
        assert list(KeyType("action").known(names, None, "")) == []  # type: ignore[arg-type]  # unused
