"""Rotation of secrets: who is built with them is built anew, and no value is ever told."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from pydantic import BaseModel

from oneiric_lab.config import Secret  # noqa: TC001 - pydantic reads the annotations
from oneiric_lab.errors import ActivationError, SecretError, UsageError
from oneiric_lab.lab import Moved, Turned
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from oneiric_lab.lab import Lab

TARGET = "adapter:db"
CANARY = "c4n4ry-0ne-2b7f"
OTHER = "c4n4ry-tw0-9d1e"
PROJECT = """\
[plugins]
auto_load = false
[adapters.settings.db]
password = "${secret:db-password}"
"""


class DbSettings(BaseModel):
    """Settings that hold a secret."""

    password: Secret[str]


class Db:
    """A connection, opened with the password it was built with."""

    opened: list[Db]

    def __init__(self, settings: DbSettings) -> None:
        self.settings = settings
        self.used = settings.password.reveal()
        self.is_closed = False
        if self.used.startswith("bad"):
            raise ConnectionError(f"password {self.used} was refused")

    def again(self) -> str:
        """Open another connection, as a pool does: what the server still takes."""
        return self.settings.password.reveal()

    def close(self) -> None:
        """Remember."""
        self.is_closed = True


def mail() -> Any:
    """Return what reveals its secret by itself."""
    return object()


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace with a password, and a secret that only a candidate names."""
    with Workspace() as made:
        yield made.project(PROJECT).secret("db-password", CANARY).secret("mail-key", "k-1111")


@pytest.fixture
def lab(workspace: Workspace) -> Lab[Any]:
    """The workspace, open."""
    return opened(workspace)


def opened(workspace: Workspace, **options: Any) -> Lab[Any]:
    """Open the workspace, as a new process would, with its candidates."""
    lab = workspace.open(**options)
    lab.component(TARGET, provider="pg", settings_model=DbSettings)(Db)
    lab.component("service:mail", provider="smtp", requires_secrets=["mail-key"])(mail)
    return lab


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run *work* in a loop, under a limit."""

    async def limited() -> Any:
        """Run under a limit of time."""
        with anyio.fail_after(30):
            return await work()

    return asyncio.run(limited())


async def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so; the limit is that of the test."""
    while not is_so():  # noqa: ASYNC110 - nothing of another process tells
        await anyio.sleep(0.005)


class TestRotation:
    def test_who_is_built_with_it_is_built_anew(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        A cache that forgets is no rotation: the live consumer has the new value (U14), and the
        old one, which drains, still opens connections with the old.
        """

        async def work() -> None:
            async with lab.running() as life:
                async with life.lease("adapter", "db") as old:
                    workspace.secret("db-password", OTHER)
                    done = await lab.secrets.async_rotate("db-password")
                    assert [(r.target, r.outcome) for r in done.swaps] == [(TARGET, "committed")]
                    assert done.as_dict()["secrets"][0]["rotated"] is True  # type: ignore[index]  # JSON
                    assert old.again() == CANARY
                    assert not old.is_closed
                    async with life.lease("adapter", "db") as new:
                        assert (new.used, new.again()) == (OTHER, OTHER)
                await until(lambda: old.is_closed)
                assert "1 secret changed" in str(done)

        run(work)

    def test_what_only_a_candidate_names(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        `requires_secrets` is enough, also where the factory takes no settings.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("service", "mail")
                await life.activate("adapter", "db")
                workspace.secret("mail-key", "k-2222")
                done = await lab.secrets.async_rotate()
                assert [r.target for r in done.swaps] == ["service:mail"]

        run(work)

    def test_one_that_is_refused(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        The old one serves on with the old value, and why is told without either.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "db")
                workspace.secret("db-password", "bad-s3cr3t")
                done = await lab.secrets.async_rotate()
                assert done.exit_code == 1
                told = str(done) + str(lab.standing()) + json.dumps(done.as_dict())
                assert "password secret:db-password was refused" in told
                assert "s3cr3t" not in told
                async with life.lease("adapter", "db") as it:
                    assert it.again() == CANARY

        run(work)

    def test_the_watch_finds_it(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        Without a word from anybody: a file that changed is a rotation, and is written down.
        """
        events: list[Any] = []

        async def work() -> None:
            async with lab.running() as life, lab.watch(interval=0.1) as watch:
                await life.activate("adapter", "db")
                await until(lambda: lab.watching.mode)
                workspace.secret("db-password", OTHER)
                async for event in watch:
                    events.append(event)
                    if {Moved, Turned} <= {type(event) for event in events}:
                        break
                async with life.lease("adapter", "db") as it:
                    assert it.used == OTHER
                await until(lambda: lab.secrets.status().rotations)

        run(work)
        (turned,) = [event for event in events if isinstance(event, Turned)]
        assert "db-password" in str(turned)
        (entry,) = lab.history().entries
        assert (entry.verb, entry.layer) == ("rotate", "secrets")
        assert entry.changes[0]["new"] == turned.rotations[0].new
        assert lab.secrets.counts()["rotations"] == {("directory", "rotated"): 1}

    def test_somebody_elsewhere_asks(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        A shell says rotate; the process that watches asks a provider that it would not yet.
        """
        vault = {"far": "far-1"}
        workspace.project(
            '[plugins]\nauto_load = false\n[secrets]\nprovider = "vault"\n'
            '[adapters.settings.far]\nkey = "${secret:far}"\n'
        )
        asked, shell = workspace.open(), workspace.open()
        asked.component("adapter:secrets", provider="vault")(lambda: vault.get)
        given: list[str] = []

        def far(settings: dict[str, Any]) -> object:
            given.append(settings["key"].find())
            return object()

        asked.component("adapter:far", provider="x")(far)

        async def work() -> None:
            async with asked.running() as life, asked.watch(interval=0.1):
                await life.activate("adapter", "far")
                await until(lambda: shell.store.processes(3.0))
                vault["far"] = "far-2"
                await asked.reconcile()
                assert given == ["far-1"]
                done = await anyio.to_thread.run_sync(shell.secrets.rotate, "far")
                assert (done.listening, done.exit_code) == (1, 1)  # it cannot reach the vault
                await until(lambda: given == ["far-1", "far-2"])

        run(work)

    def test_an_unknown_secret(self, lab: Lab[Any]) -> None:
        """
        It is told with the nearest.
        """
        with pytest.raises(UsageError, match="did you mean `db-password`"):
            lab.secrets.rotate("db-pasword")

    def test_one_that_is_taken_away(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        The configuration that needs it is refused, and what runs keeps what it has.
        """

        async def work() -> None:
            async with lab.running() as life:
                await life.activate("adapter", "db")
                (workspace.path / "secrets" / "db-password").unlink()
                done = await lab.secrets.async_rotate("db-password")
                assert done.exit_code == 1
                assert "no provider has it" in str(done)
                assert lab.secrets.list().exit_code == 1

        run(work)


class TestProviders:
    def test_credentials_of_systemd(self, workspace: Workspace, tmp_path: Any) -> None:
        """
        `$CREDENTIALS_DIRECTORY` is looked into after the workspace's own folder.
        """
        (tmp_path / "far").write_text("from-systemd")
        workspace.project(
            '[plugins]\nauto_load = false\n[adapters.settings.x]\nkey = "${secret:far}"\n'
        )
        lab = workspace.environ(CREDENTIALS_DIRECTORY=str(tmp_path)).open()
        (row,) = lab.secrets.list().rows
        assert (row.name, row.provider) == ("far", "directory")

    def test_a_file_of_many(self, workspace: Workspace) -> None:
        """
        `secrets.file` is a dotenv file of the workspace.
        """
        workspace.file("secrets.env", 'far="from-file"\n')
        workspace.project(
            '[secrets]\nfile = "secrets.env"\n[adapters.settings.x]\nkey = "${secret:far}"\n'
        )
        lab = workspace.open()
        assert lab.secrets.list().rows[0].provider == "file"
        from oneiric_lab.lab import followed

        assert workspace.path / "secrets.env" in set(followed(lab.snapshot))

    def test_a_component(self, workspace: Workspace) -> None:
        """
        `secrets.provider` names a candidate, asked last; what it raises is told by its kind.
        """
        workspace.project(
            '[plugins]\nauto_load = false\n[secrets]\nprovider = "vault"\n'
            '[adapters.settings.secrets]\nprefix = "v-"\n'
            '[adapters.settings.x]\nkey = "${secret:far}"\n'
        )
        lab = workspace.open()

        class Vault:
            """What has secrets."""

            def __init__(self, settings: dict[str, Any]) -> None:
                self.prefix = settings["prefix"]

            def __call__(self, name: str) -> str | None:
                """Return a secret."""
                if name == "bad":
                    raise OSError("s3cr3t")
                return str(self.prefix) + name

        assert lab.secrets.list().exit_code == 1
        lab.component("adapter:secrets", provider="vault")(Vault)
        source = lab.keeping.source()
        assert source.find("other") == "v-other"
        with pytest.raises(SecretError, match="OSError") as caught:
            source.find("bad")
        assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))

    def test_a_plan_is_no_rotation(self, lab: Lab[Any], workspace: Workspace) -> None:
        """
        What another folder would have is not what is in force.
        """
        workspace.file("elsewhere/db-password", OTHER)
        lab.secrets.list()
        assert lab.plan({"secrets.directory": "elsewhere"}).ok
        assert lab.keeping.keeper.taken() == []
        assert lab.keeping.source().find("db-password") == CANARY


class TestCanary:
    def test_it_is_nowhere(
        self, lab: Lab[Any], workspace: Workspace, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        Not in logs, views, JSON, the store, metrics, tracebacks, nor in any file of ours.
        """
        said: list[str] = []
        caplog.set_level(logging.DEBUG)

        def note(*results: Any) -> None:
            for result in results:
                view = result.view()
                said.extend([str(result), repr(result), json.dumps(result.as_dict(), default=str)])
                said.extend([repr(view), result.to_html(), result.to_markdown(), result.to_json()])
                bundle = result._repr_mimebundle_()
                said.append(json.dumps(bundle, default=str))

        def broken(settings: DbSettings) -> None:
            raise RuntimeError(f"login with {settings.password.reveal()} failed")

        async def work() -> None:
            async with lab.running() as life, lab.watch(interval=0.1) as watch:
                await life.activate("adapter", "db")
                await until(lambda: lab.watching.mode)
                workspace.secret("db-password", OTHER)
                async for event in watch:
                    note(event)
                    if any(r.target == TARGET for r in getattr(event, "swaps", ())):
                        break
                note(lab.secrets.list(), lab.secrets.status(), lab.secrets.rotate())
                lab.component(TARGET, provider="broken", settings_model=DbSettings)(broken)
                note(await lab.swap(TARGET, "broken"))
                lab.component("adapter:once", provider="x", lifetime="transient")(broken)
                said.append(repr(life.status("adapter", "db")))
                note(lab.standing(), lab.activity(), lab.status(), lab.history(), lab.metrics())
                note(lab.explain("adapters.settings.db.password"), lab.explain(TARGET))
                note(lab.plan({"adapters.settings.db.password": "${secret:mail-key}"}))
                said.append(lab.metrics().text)
                said.append(repr(lab.snapshot) + repr(lab.snapshot.inputs) + repr(lab.settings))
                await lab.drain(TARGET)

        run(work)

        async def fails() -> None:
            async with lab.running() as life:
                lab.plan({"adapters.selections.db": "broken"}).apply()
                with pytest.raises(ActivationError) as caught:
                    await life.activate("adapter", "db")
                out = io.StringIO()
                traceback.print_exception(caught.value, file=out)
                said.append(out.getvalue())
                lab.component(
                    "adapter:db", provider="once", lifetime="transient", settings_model=DbSettings
                )(broken)
                lab.plan({"adapters.selections.db": "once"}).apply()
                with pytest.raises(ActivationError) as caught:
                    async with life.lease("adapter", "db"):
                        pass
                out = io.StringIO()
                traceback.print_exception(caught.value, file=out)
                said.append(out.getvalue())

        run(fails)
        lab.freeze()
        said.append(caplog.text)
        files = [p for p in workspace.path.rglob("*") if p.is_file() and p.parent.name != "secrets"]
        assert "state.db" in {path.name for path in files}
        said += [path.read_bytes().decode("latin-1") for path in files]
        whole = "\n".join(said)
        assert "login with secret:db-password failed" in whole
        assert CANARY not in whole
        assert OTHER not in whole
