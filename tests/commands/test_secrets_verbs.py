"""`secrets list`, `status` and `rotate`: what a shell is told, without a value."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.commands import Interaction, known_names, run
from oneiric_lab.commands._context import Context
from oneiric_lab.errors import UsageError
from oneiric_lab.lab import Lab, Rotated, SecretList, SecretStanding
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ask = Callable[..., Any]

PROJECT = """\
[plugins]
packages = ["oneiric_lab.components"]
auto_load = false
[adapters.settings.cache]
capacity = 10
[pay]
key = "${secret:pay-key}"
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace with one secret."""
    return Workspace(tmp_path).project(PROJECT).secret("pay-key", "t0p-s3cr3t")


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    """Return what runs one verb as a shell would, in a new process each."""

    def asked(*words: str) -> Any:
        return run(["-C", str(workspace.path), *words], Interaction())

    return asked


class TestSecrets:
    def test_list(self, ask: Ask) -> None:
        """
        The same version in each process, and where it is referred to.
        """
        first, again = ask("secrets", "list"), ask("secrets", "list")

        assert isinstance(first, SecretList)
        (row,) = first.rows
        assert (row.name, row.provider, row.values) == ("pay-key", "directory", ("pay.key",))
        assert again.rows[0].version == row.version
        assert "s3cr3t" not in str(first)
        assert first.exit_code == 0

    def test_rotate_without_a_listener(self, ask: Ask, workspace: Workspace) -> None:
        """
        The history knows the former version; who asked stands in it.
        """
        first = ask("secrets", "rotate", "pay-key")
        assert isinstance(first, Rotated)
        assert first.rows[0][2] is None
        workspace.secret("pay-key", "an0ther")
        second = ask("secrets", "rotate")
        assert second.as_dict()["secrets"][0]["rotated"] is True
        assert second.rows[0][2] == first.rows[0][3]
        assert "1 secret changed" in str(second)
        told = ask("secrets", "status")
        assert isinstance(told, SecretStanding)
        assert [len(e.changes) for e in told.rotations] == [1, 1]

    def test_status_of_who_listens(self, ask: Ask, workspace: Workspace) -> None:
        """
        Version, age and provider as each process has them.
        """
        lab = Lab.open(workspace.path, trusted=True)

        async def work() -> None:
            with anyio.fail_after(30):
                async with lab.running(), lab.watch(interval=0.1):
                    while not lab.store.processes(3.0):  # noqa: ASYNC110 - nothing tells
                        await anyio.sleep(0.02)
                    told = await anyio.to_thread.run_sync(ask, "secrets", "status", "pay-key")
                    assert [s["provider"] for _, _, s in told.rows] == ["directory"]
                    assert told.exit_code == 0
                    assert "held" in str(told)
                    assert told.as_dict()["secrets"][0]["age"] >= 0

        asyncio.run(work())

    def test_without_any(self, ask: Ask, workspace: Workspace) -> None:
        """
        It is said how to refer to one.
        """
        workspace.project("[plugins]\nauto_load = false\n")
        assert "none is referred to" in str(ask("secrets", "list"))
        assert "no process holds any" in str(ask("secrets", "status"))

    def test_what_is_not_there(self, ask: Ask) -> None:
        """
        An unknown secret, and a group without a verb, are told with what there is.
        """
        with pytest.raises(UsageError, match="did you mean `pay-key`"):
            ask("secrets", "rotate", "pay-kye")
        with pytest.raises(UsageError, match="needs a verb"):
            ask("secrets")

    def test_completion_knows_the_names(self, workspace: Workspace) -> None:
        """
        Names, and nothing else of them.
        """
        names = known_names(Context(Interaction(), str(workspace.path)))
        assert names is not None
        assert list(names.secrets) == ["pay-key"]
