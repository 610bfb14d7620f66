"""The builder of workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from oneiric_lab.errors import InvalidConfigError
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from pathlib import Path


class Server(BaseModel):
    """A table of the user's model."""

    port: int = 8080


class Model(BaseModel):
    """The user's model."""

    server: Server = Server()


class TestWorkspace:
    """Each call writes one file; what is opened says where each value stands."""

    def test_layers_stand_where_they_were_written(self) -> None:
        """
        Project, profile, local layer, dotenv and environment rank as in any workspace.
        """
        with Workspace() as workspace:
            lab = (
                workspace.project("[app]\nname = 'shop'\n[server]\nport = 1\n")
                .profile("prod", "[server]\nport = 2\n")
                .local("[server]\nport = 3\n")
                .dotenv(SHOP_SERVER__PORT="4")
                .environ(SHOP_SERVER__PORT="5")
                .schema(Model)
                .open(profiles=["prod"])
            )
            said = lab.explain("server.port").as_dict()["contributions"]

        assert isinstance(said, list)
        assert [int(c["value"]) for c in said] == [5, 4, 3, 2, 1, 8080]
        assert lab.config.server.port == 5

    def test_tables_are_written_as_toml(self) -> None:
        """
        A mapping becomes a TOML file with places of its own.
        """
        with Workspace() as workspace:
            lab = workspace.project({"server": {"port": 80, "host": "a"}}).open()

            assert str(lab.origin("server.port")) == "oneiric.toml:2:8"

    def test_bytes_are_written_as_they_are(self) -> None:
        """
        A byte order mark and line ends stay.
        """
        with Workspace() as workspace:
            workspace.project(b"\xef\xbb\xbfa = 1\r\n")

            assert (workspace.path / "oneiric.toml").read_bytes() == b"\xef\xbb\xbfa = 1\r\n"

    def test_secrets_are_found_by_reference(self) -> None:
        """
        A secret's file answers `${secret:id}` and shows only its reference.
        """
        with Workspace() as workspace:
            lab = workspace.secret("key", "s3cr3t").project('token = "${secret:key}"').open()

            assert str(lab.value("token")) == "secret:key"
            assert "s3cr3t" not in lab.explain("token").to_text()

    def test_policy_locks(self) -> None:
        """
        What the policy says is locked in every lab that is opened.
        """
        with Workspace() as workspace:
            workspace.project("port = 1").policy("port = 2")

            with pytest.raises(InvalidConfigError, match="locked by policy"):
                workspace.open()

    def test_sees_no_variable_of_the_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A variable of the process does not reach a lab that a test builds.
        """
        monkeypatch.setenv("SHOP_SERVER__PORT", "9")
        with Workspace() as workspace:
            lab = workspace.project("[app]\nname = 'shop'").schema(Model).open()

            assert lab.config.server.port == 8080

    def test_may_run_its_own_code(self) -> None:
        """
        A workspace that a test wrote imports its code without being allowed first.
        """
        with Workspace() as workspace:
            lab = (
                workspace.project("[schema]\nmodel = 'own_settings_of_a_test:Settings'")
                .file(
                    "own_settings_of_a_test.py",
                    "from pydantic import BaseModel\nclass Settings(BaseModel):\n    n: int = 3\n",
                )
                .open()
            )

            assert lab.config.n == 3

    def test_options_go_before_those_of_the_builder(self) -> None:
        """
        An option given to `open` wins over what the builder would pass.
        """
        with Workspace() as workspace:
            lab = workspace.project("[app]\nname = 'shop'").open(
                schema=Model, environ={"SHOP_SERVER__PORT": "7"}
            )

            assert lab.config.server.port == 7

    def test_a_given_folder_stays(self, tmp_path: Path) -> None:
        """
        A folder that was given is used without entering, and not removed.
        """
        with Workspace(tmp_path) as workspace:
            workspace.project("a = 1")

        assert (tmp_path / "oneiric.toml").exists()
        assert Workspace(tmp_path).open().value("a") == 1

    def test_a_made_folder_goes(self) -> None:
        """
        A temporary folder is removed at the end, and asking for it then says why.
        """
        with Workspace() as workspace:
            path = workspace.path

        assert not path.exists()
        with pytest.raises(RuntimeError, match="enter the workspace first"):
            workspace.project("a = 1")
