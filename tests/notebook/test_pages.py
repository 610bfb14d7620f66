"""The kernel's side of the panel: what a page is told, and what it may ask."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import Lab
from oneiric_lab.jobs import Owner
from oneiric_lab.notebook._pages import MOST_ROWS, TARGET, Pages, panel
from oneiric_lab.registry import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 30.0


class Page:
    """A comm without a browser."""

    made = 0

    def __init__(self) -> None:
        Page.made += 1
        self.comm_id = f"page-{Page.made}"
        self.sent: list[Any] = []
        self.closed = False
        self.heard: Any = None
        self.left: Any = None

    def send(self, data: Any) -> None:
        """Keep what is told; it must travel as JSON."""
        self.sent.append(json.loads(json.dumps(data)))

    def on_msg(self, callback: Any) -> None:
        """Keep who listens."""
        self.heard = callback

    def on_close(self, callback: Any) -> None:
        """Keep who is told of the end."""
        self.left = callback

    def say(self, said: object) -> None:
        """Say something to the kernel."""
        self.heard({"content": {"data": said}})

    def leave(self) -> None:
        """Close the page."""
        self.left({})

    def close(self) -> None:
        """End."""
        self.closed = True


class Manager:
    """What hands out comms."""

    def __init__(self) -> None:
        self.targets: dict[str, Any] = {}

    def register_target(self, name: str, call: Any) -> None:
        """Keep who is told of a page."""
        self.targets[name] = call

    def unregister_target(self, name: str, call: Any) -> None:
        """Forget it."""
        assert self.targets.pop(name) == call

    def open(self, page: Any = None) -> Page:
        """Let a page come."""
        made = Page()
        self.targets[TARGET](made, {"content": {"data": {"page": page}}})
        return made


@pytest.fixture
def lab(folder: Path) -> Iterator[Lab[Any]]:
    """Return an open lab."""
    with Lab.open(folder, environ={}) as opened:
        yield opened


@pytest.fixture
def pages(lab: Lab[Any]) -> Iterator[tuple[Pages, Manager]]:
    """Return the pages of a kernel whose notebook has this lab."""
    manager = Manager()
    with Owner() as owner:
        made = Pages(lambda: lab, owner)
        made.register(manager)
        yield made, manager


class TestPages:
    def test_a_page_is_told_how_things_stand(self, pages: tuple[Pages, Manager]) -> None:
        """
        At once with its first message, which says what it has itself.
        """
        told, manager = pages
        page = manager.open({"extension": "0.1.0", "n": 3})

        assert told.versions == {"extension": "0.1.0", "n": "3"}
        shown = page.sent[0]["panel"]["lab"]
        assert (shown["name"], shown["profiles"], shown["generation"]) == ("w", [], 1)
        assert ["adapter:cache", "memory 1.0.0", 2, None] in shown["rows"]

    def test_a_change_is_told_once_to_all(
        self, pages: tuple[Pages, Manager], lab: Lab[Any]
    ) -> None:
        """
        A publish reaches every page that is there, and no page that has left.
        """
        told, manager = pages
        first, gone, last = manager.open(), manager.open(), manager.open()
        gone.leave()
        told.look()
        heard = len(gone.sent)
        lab.plan({"adapters.selections.cache": "sqlite"}).apply()
        wait(lambda: last.sent[-1]["panel"]["lab"]["generation"] == 2)
        before = len(first.sent)
        told.look()

        assert len(first.sent) == before
        assert len(gone.sent) == heard
        assert ["adapter:cache", "sqlite 1.0.0", 2, None] in first.sent[-1]["panel"]["lab"]["rows"]

    def test_an_explanation(self, pages: tuple[Pages, Manager]) -> None:
        """
        A component and a value are explained; what is not there fails with what is.
        """
        page = pages[1].open()
        for number, target in enumerate(("adapter:cache", "server.port", "adapter:cash")):
            page.say({"do": "explain", "target": target, "number": number})

        *_, component, value, failed = page.sent
        assert component["explained"] == 0
        assert component["view"]["title"].startswith("explain adapter:cache -> memory")
        assert value["explained"] == 1
        assert failed["failed"] == 2
        assert "adapter:cache" in json.dumps(failed["view"])

    @pytest.mark.parametrize(
        "nonsense",
        [None, 3, [], {}, {"do": "rm"}, {"do": "explain"}, {"do": "explain", "target": ["a"]}],
    )
    def test_nonsense_does_nothing(self, pages: tuple[Pages, Manager], nonsense: Any) -> None:
        """
        A message that is none of ours is passed over.
        """
        page = pages[1].open()
        page.say(nonsense)

        assert [list(told) for told in page.sent] == [["panel"]]

    def test_when_the_last_has_left_nobody_looks(self, pages: tuple[Pages, Manager]) -> None:
        """
        The job ends with the last page, and begins again with the next one.
        """
        told, manager = pages
        manager.open().leave()
        wait(lambda: not told._owner.jobs)
        page = manager.open()

        wait(lambda: [job.name for job in told._owner.jobs] == ["panel"])
        told.unregister(manager)
        assert page.closed
        assert manager.targets == {}

    def test_without_a_lab(self) -> None:
        """
        A notebook that has none yet says so.
        """
        assert panel(None)["lab"] is None

    def test_many_components(self, lab: Lab[Any]) -> None:
        """
        A panel has room for some; how many there are is told.
        """
        many = [Candidate("task", f"t{n:04}", "p", factory=dict) for n in range(1000)]
        lab.registry.add(*many)
        told: Any = panel(lab)["lab"]

        assert len(told["rows"]) == MOST_ROWS
        assert told["components"] > 1000
        assert len(json.dumps(told)) < 24 * 1024


class TestTheDoor:
    def test_shows_the_workspace_that_was_asked_for(self, shell: Any) -> None:
        """
        Without a `lab` in the notebook, the panel is of what the magic has opened.
        """
        from oneiric_lab.notebook._magic import load, unload

        manager = Manager()
        unload(shell)
        shell.kernel = type("Kernel", (), {"comm_manager": manager})()
        load(shell)
        page = manager.open()
        assert page.sent[0]["panel"]["lab"] is None
        shell.run_line_magic("oneiric", "show server.port")
        wait(lambda: page.sent[-1]["panel"]["lab"] is not None)
        unload(shell)
        assert page.closed
        del shell.kernel


def wait(until: Any) -> None:
    """Wait for what should come to be so."""
    end = time.monotonic() + LIMIT
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)
