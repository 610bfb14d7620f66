"""What is told of secrets: in words, in JSON, and by exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import SecretError, StoreError
from oneiric_lab.lab import Rotated, SecretList, SecretStanding, SecretUse
from oneiric_lab.lab._keeping import shared_key
from oneiric_lab.lifecycle import SwapReport
from oneiric_lab.store import Entry
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oneiric_lab.lab import Lab

PROJECT = """\
[plugins]
auto_load = false
[secrets]
provider = "vault"
[[servers]]
key = "${secret:far}"
"""


def state(**facts: Any) -> dict[str, Any]:
    """Return what a process tells of a secret."""
    usual = {"name": "db", "provider": "vault", "version": "aa", "since": 1.0, "age": 2.0}
    return {**usual, "down": "", "rotations": 0, "rotated": None, "draining": 0, **facts}


class TestStanding:
    def test_what_is_down_and_what_drains(self) -> None:
        """
        Why it is down, how many old versions still serve, and who rotated it.
        """
        entry = Entry(1, 0.0, "ada", "rotate", "secrets", "db: aa -> bb", (), None)
        rows = (
            (1, "here", state(down="ConnectionError", rotated=5.0)),
            (2, "there", state(draining=2)),
            (3, "there", state(version=None, provider="", age=None)),
        )
        found = SecretStanding(rows, (entry,))

        assert found.exit_code == 1
        told = str(found)
        for words in ("ConnectionError", "2 old versions of db still in use", "missing", "ada"):
            assert words in told
        assert found.as_dict()["rotations"] == [
            {"at": 0.0, "who": "ada", "summary": "db: aa -> bb", "changes": []}
        ]


class TestList:
    def test_one_that_is_nowhere(self) -> None:
        """
        It is the answer no.
        """
        found = SecretList((SecretUse("db", "", None, ("pay.key",), ("adapter:db",)),))

        assert found.exit_code == 1
        assert "1 nowhere" in str(found)
        assert found.as_dict()["secrets"] == [
            {
                "name": "db",
                "provider": None,
                "version": None,
                "values": ["pay.key"],
                "consumers": ["adapter:db"],
            }
        ]


class TestRotated:
    def test_one_that_was_refused(self) -> None:
        """
        Who has the new one, who goes on with the old one, and who else looks.
        """
        good = SwapReport("adapter:a", "swap", "committed", 2, "pg")
        bad = SwapReport("adapter:b", "swap", "failed", stage="health", why="no")
        found = Rotated((("db", "vault", "aa", "bb"), ("x", "", None, "cc")), {}, (good, bad), 2)

        assert found.exit_code == 1
        told = str(found)
        for words in ("has the new one", "the old one serves on", "2 processes will look", "held"):
            assert words in told


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace whose secrets a component has."""
    with Workspace() as made:
        yield made.project(PROJECT)


@pytest.fixture
def lab(workspace: Workspace) -> Lab[Any]:
    """The workspace, open."""
    return workspace.open()


class TestComponent:
    def test_one_without_settings(self, lab: Lab[Any]) -> None:
        """
        It is made once, and anew when its settings change; what it has is text.
        """
        made: list[int] = []

        def vault() -> Any:
            made.append(1)
            return {"far": 5}.get

        lab.component("adapter:secrets", provider="vault")(vault)
        source = lab.keeping.source()
        assert (source.find("far"), source.find("far")) == ("5", "5")
        assert made == [1]
        assert lab.secrets.list().rows[0].values == ("servers[0].key",)

    def test_one_with_a_model(self, lab: Lab[Any]) -> None:
        """
        Its settings are validated; it may refer to secrets that others have, not to its own.
        """
        from pydantic import BaseModel

        class Settings(BaseModel):
            """What it takes."""

            prefix: str = "p-"

        seen: list[object] = []

        def vault(settings: Settings) -> Any:
            seen.append(lab.keeping.ask("itself"))
            return lambda name: settings.prefix + name

        lab.component("adapter:secrets", provider="vault", settings_model=Settings)(vault)
        assert lab.keeping.source().find("far") == "p-far"
        assert seen == [None]

    def test_none_of_that_name(self, lab: Lab[Any]) -> None:
        """
        A provider that is not there is down.
        """
        with pytest.raises(SecretError, match="LookupError"):
            lab.keeping.source().find("far")
        lab.plan(unset=["secrets.provider"], layer="project").apply()
        assert lab.keeping.ask("far") is None


class TestKey:
    def test_the_first_one_makes_it(self, tmp_path: Path) -> None:
        """
        Whole and for its owner only; who comes later reads it, and nothing is left behind.
        """
        key = shared_key(tmp_path / "store")

        assert shared_key(tmp_path / "store") == key
        assert len(key) == 32
        file = tmp_path / "store" / "secrets.key"
        assert file.stat().st_mode & 0o777 == 0o600
        assert {p.name for p in file.parent.iterdir()} == {"secrets.key", ".gitignore"}

    def test_a_history_that_cannot_be_kept(
        self, lab: Lab[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The rotation holds all the same, and the reason is told once.
        """
        lab.component("adapter:secrets", provider="vault")(lambda: {"far": "x1"}.get)

        def full(*_: object, **__: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(lab.store, "record", full)
        for _ in range(2):
            assert lab.secrets.rotate().ok
        assert sum("full" in fault.message for fault in lab.problems) == 1
        assert repr(lab.secrets) == "<Secrets: 1>"
