"""Lock files: the workspace as it was, opened without a layer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from oneiric_lab import Lab, Secret
from oneiric_lab.errors import InvalidConfigError, LockMismatchError, NotAllowedError, ParseError
from oneiric_lab.lab import ValueDiff, allow, code_modules
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server(BaseModel):
    """A part of the model."""

    port: int = 80


class Settings(BaseModel):
    """The model of these tests."""

    server: Server = Server()
    note: str = ""
    key: Secret[str] | None = None
    tags: list[str] = []


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """A workspace with a secret, a profile and no plugins."""
    with Workspace() as made:
        made.project(
            'key = "${secret:key}"\ntags = ["a", "$${b}"]\n'
            "[server]\nport = 8080\n[plugins]\nauto_load = false\n"
        )
        made.profile("prod", 'note = "$${not.a.path}"\n[server]\nport = 443\n').secret(
            "key", "s3cr3t"
        )
        yield made.schema(Settings)


def thawed(workspace: Workspace, **options: Any) -> Lab[Any]:
    """Open the lock file of the workspace."""
    given = {"schema": Settings, "environ": {}, "trusted": True, **options}
    return Lab.from_lock(workspace.path / "oneiric.lock.json", **given)


class TestFreeze:
    def test_it_opens_without_a_layer(self, workspace: Workspace) -> None:
        """Values, types, origins and secrets are as they were, though the files are gone."""
        lab = workspace.open(profiles=["prod"])
        frozen = lab.freeze()
        assert frozen.exit_code == 0
        assert "is the workspace as it is" in str(frozen)
        (workspace.path / "oneiric.toml").unlink()
        (workspace.path / "oneiric.prod.toml").unlink()
        found = thawed(workspace)
        assert found.config.server.port == 443
        assert found.config.note == "${not.a.path}"
        assert found.config.tags == ["a", "${b}"]
        assert found.config.key.reveal() == "s3cr3t"
        (layer,) = found.snapshot.layers
        assert {path: found.snapshot.origin(path) for path in layer.names} == dict(layer.names)
        assert len(layer.names) == 5
        assert str(found.origin("server.port")) == "oneiric.prod.toml:3:8"
        assert found.origin("server.port").layer == "profile:prod"
        assert found.snapshot.profiles == ("prod",)
        assert found.snapshot.known_profiles == ("prod",)

    def test_no_secret_is_in_it(self, workspace: Workspace) -> None:
        """Neither the text nor anything made from it: a rotated secret changes no byte."""
        file = workspace.path / "oneiric.lock.json"
        workspace.local('key = "literal-secret"\n').open().freeze()
        before = file.read_bytes()
        assert b"literal-secret" not in before
        workspace.local('key = "another-secret"\n').open().freeze()
        assert file.read_bytes() == before

    def test_places_of_every_shape(self, workspace: Workspace) -> None:
        """Files, variables, names that look like files, and dotenv lines come back as they were."""
        (workspace.path / ".env").write_text("SHOP_NOTE=from dotenv\n")
        workspace.project(
            '[app]\nname = "shop"\n[server]\nport = 1\n[plugins]\nauto_load = false\n'
        )
        sides = {
            "dotenv": workspace.open(environ={}),
            "variable": workspace.open(environ={"SHOP_SERVER__PORT": "2", "SHOP_NOTE": "x"}),
            "option": workspace.open(environ={}, set=["server.port=3"]),
        }
        for lab in sides.values():
            lab.freeze()
            then = thawed(workspace)
            for path in ("server.port", "note", "app.name"):
                assert then.origin(path) == replace(lab.origin(path), width=None)

    def test_a_variable_with_bytes_that_are_no_utf_8(self, workspace: Workspace) -> None:
        """What the environment holds is written, and read again."""
        workspace.project('[app]\nname = "shop"\n')
        workspace.open(environ={"SHOP_SERVER__PORT": "5", "SHOP_NOTE": "a\udcffb"}).freeze()
        assert thawed(workspace).config.note == "a\udcffb"

    def test_line_ends_of_another_platform(self, workspace: Workspace) -> None:
        """A checkout that turned the ends of lines opens as well."""
        workspace.open().freeze()
        file = workspace.path / "oneiric.lock.json"
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        assert thawed(workspace).config.server.port == 8080

    def test_the_same_state_gives_the_same_bytes(self, workspace: Workspace) -> None:
        """Freezing twice changes nothing, nor does a comment."""
        file = workspace.path / "oneiric.lock.json"
        workspace.open().freeze()
        before = file.read_bytes()
        text = (workspace.path / "oneiric.toml").read_text()
        workspace.project(text + "# a remark\n").open().freeze()
        assert file.read_bytes() == before

    def test_it_is_compared(self, workspace: Workspace) -> None:
        """What changed since is told by layer and by component."""
        lab = workspace.open()
        lab.component("adapter:shelf", provider="near")(dict)
        lab.freeze()
        assert lab.check_lock().exit_code == 0
        lab.save({"server.port": 1})
        workspace.local("[server]\nport = 2\n")
        lab.reload()
        lab.component("adapter:shelf", provider="far", priority=9)(dict)
        lab.component("adapter:new", provider="x")(dict)
        found = lab.check_lock()
        assert found.exit_code == 1
        text = str(found)
        assert "layer project says otherwise" in text
        assert "layer local is new" in text
        assert "adapter:shelf is provided by far 0, oneiric.lock.json has near 0" in text
        assert "adapter:new is provided by x 0, oneiric.lock.json has nobody" in text
        assert len(found.as_dict()["mismatches"]) == 4  # type: ignore[arg-type]  # a list
        (workspace.path / "oneiric.local.toml").unlink()
        lab.reload()
        lab.freeze("other.json")
        assert lab.check_lock("other.json").exit_code == 0

    def test_a_layer_that_is_gone(self, workspace: Workspace) -> None:
        """A layer of the lock file that nobody has any more is told."""
        workspace.local("[server]\nport = 2\n").open().freeze()
        (workspace.path / "oneiric.local.toml").unlink()
        assert "layer local is gone" in str(workspace.open().check_lock())

    def test_a_side_of_a_comparison(self, workspace: Workspace) -> None:
        """`diff file:x.lock.json now` compares values with the places they had."""
        lab = workspace.open()
        lab.freeze()
        assert lab.snapshot.known_profiles == ("prod",), "a lock file is no profile"
        lab.save({"server.port": 1})
        diff = lab.diff("file:oneiric.lock.json", "now")
        assert isinstance(diff, ValueDiff)
        assert [(v.path, v.old, v.new) for v in diff.values] == [("server.port", 8080, 1)]


class TestRefusals:
    def test_what_is_no_lock(self, workspace: Workspace) -> None:
        """JSON of something else, another schema, and an altered file are refused."""
        file = workspace.path / "oneiric.lock.json"
        workspace.open().freeze()
        content = json.loads(file.read_text())
        for name, value in (("schema", 2), ("values", {}), ("extra", 1)):
            file.write_text(json.dumps({**content, name: value}))
            with pytest.raises(LockMismatchError):
                thawed(workspace)
        file.write_text("{}")
        with pytest.raises(LockMismatchError):
            thawed(workspace, schema=None)
        whole = json.dumps(content, indent=1) + "\n"
        file.write_text(whole.replace("8080", "8081"))
        with pytest.raises(LockMismatchError, match="altered"):
            thawed(workspace)
        # A digest that fits does not make a lock file of what is none.
        body = json.dumps(
            {**{k: v for k, v in content.items() if k != "digest"}, "origins": 5}, indent=1
        )
        digest = hashlib.sha256(body.encode()).hexdigest()
        file.write_text(f'{body[:-2]},\n "digest": "sha256:{digest}"\n}}\n')
        with pytest.raises(LockMismatchError, match="altered"):
            thawed(workspace)
        file.write_text('{"a": ')
        with pytest.raises(ParseError):
            thawed(workspace)

    def test_a_secret_is_missing(self, workspace: Workspace) -> None:
        """Its reference leads nowhere: told at open."""
        workspace.open().freeze()
        (workspace.path / "secrets" / "key").unlink()
        with pytest.raises(InvalidConfigError) as caught:
            thawed(workspace)
        assert "needs the secret `key`" in str(caught.value)

    def test_a_model_that_changed(self, workspace: Workspace) -> None:
        """Values that no longer fit are faults, of both models at once."""

        class Other(BaseModel):
            server: str

        workspace.open().freeze()
        with pytest.raises(InvalidConfigError) as caught:
            thawed(workspace, schema=Other)
        assert "server" in str(caught.value)

    def test_other_winners(self, workspace: Workspace) -> None:
        """Where other components would win, the lock file is not opened."""
        lab = workspace.open()
        lab.component("adapter:shelf", provider="near")(dict)
        lab.freeze()
        with pytest.raises(LockMismatchError) as caught:
            thawed(workspace)
        assert "has near 0, here nobody does" in str(caught.value)

    def test_the_code_must_be_allowed(self, workspace: Workspace, tmp_path: Path) -> None:
        """A lock file names code as the layers do: it runs once it was allowed."""
        environ = {"ONEIRIC_STATE_DIR": str(tmp_path)}
        workspace.file(
            "shape_l.py", "from pydantic import BaseModel\nclass M(BaseModel):\n    x: int\n"
        )
        workspace.file("wiring_l.py", "")
        workspace.file("pack_l/oneiric-plugin.toml", "schema = 1\n")
        workspace.project(
            'x = 1\n[schema]\nmodel = "shape_l:M"\n'
            '[plugins]\nauto_load = false\nmodules = ["wiring_l"]\npackages = ["pack_l"]\n'
        )
        lab = Lab.open(workspace.path, environ={}, trusted=True)
        lab.freeze()
        options: dict[str, Any] = {"schema": None, "trusted": False, "environ": environ}
        with pytest.raises(NotAllowedError):
            thawed(workspace, **options)
        with pytest.raises(NotAllowedError):
            thawed(workspace, **{**options, "schema": type(lab.config)})
        allow(workspace.path, code_modules(lab.snapshot), environ)
        assert thawed(workspace, **options).config.x == 1

    def test_without_a_model(self, workspace: Workspace) -> None:
        """A workspace without a schema freezes too."""
        workspace.project('plain = "x"\nnumber = [1, 2.5]\n[plugins]\nauto_load = false\n')
        Lab.open(workspace.path, environ={}, trusted=True).freeze()
        found = thawed(workspace, schema=None)
        assert found.config.plain == "x"
        assert found.config.number == [1, 2.5]
