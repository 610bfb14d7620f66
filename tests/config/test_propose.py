"""What a change would do: the next values, the files, what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from oneiric_lab.config import (
    Inputs,
    Merge,
    Secret,
    SecretRef,
    Snapshot,
    layer_rank,
    load,
    plain,
    propose,
)
from oneiric_lab.errors import (
    Origin,
    ParseError,
    SecretError,
    UnknownPathError,
    UnknownProfileError,
    UsageError,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Annotated
else:
    from typing import Annotated

TEXT = "[server]\nport = 8080  # office\n"


class Server(BaseModel):
    """A part of the model."""

    port: int = 80
    hosts: Annotated[list[str], Merge.append] = []
    """Who answers."""


class Peer(BaseModel):
    """One of many."""

    url: str
    note: str | None = None


class Settings(BaseModel, use_attribute_docstrings=True):
    """The model of these tests."""

    server: Server = Server()
    note: str | None = None
    """What people should know."""
    key: Secret[str] | None = None
    limits: dict[str, int] = {"a": 1}
    peers: dict[str, Peer] = {}
    pair: tuple[int, int] = (1, 2)


def files(root: Path, **texts: str) -> Path:
    """Write `oneiric.NAME.toml` for each name, `oneiric.toml` for project."""
    for name, text in texts.items():
        file = "oneiric.toml" if name == "project" else f"oneiric.{name}.toml"
        (root / file).write_text(text)
    return root


def opened(root: Path, **options: Any) -> Snapshot:
    """Load the workspace with the model."""
    return load(Inputs(root, **{"schema": Settings, **options}))


class TestLayers:
    @pytest.mark.parametrize(
        ("layer", "file", "after"),
        [
            ("project", "oneiric.toml", "port = 1  # office"),
            ("local", "oneiric.local.toml", "port = 1"),
            ("profile:prod", "oneiric.prod.toml", "port = 1"),
            ("profile:dev", "oneiric.toml", "[profiles.dev.server]"),
            ("oneiric.prod.toml", "oneiric.prod.toml", "port = 1"),
            ("user", "oneiric.toml", "port = 1"),
        ],
    )
    def test_each_has_its_file(self, tmp_path: Path, layer: str, file: str, after: str) -> None:
        """The change goes to the file of the layer, or to the table of a profile."""
        root = files(tmp_path, project=TEXT + "[profiles.dev]\nnote = 'x'\n", prod="note = 'p'\n")
        user = tmp_path / "user"
        user.mkdir()
        snapshot = opened(root, profiles=("prod",), user_dir=user)
        (edit,) = propose(snapshot, {"server.port": 1}, layer=layer).files
        assert edit.path.name == file
        assert after in edit.after.decode()
        assert (edit.path.parent == user) == (layer == "user")

    def test_the_session(self, tmp_path: Path) -> None:
        """A session value replaces the former one, and goes again; nothing is written."""
        snapshot = opened(files(tmp_path, project=TEXT))
        first = propose(snapshot, {"server.port": 1}).next
        assert first is not None
        second = propose(first, {"server.port": 2}, name="cell [2]").next
        assert second is not None
        assert (second.value("server.port"), str(second.origin("server.port"))) == (2, "cell [2]")
        third = propose(second, {}, unset=["server.port"]).next
        assert third is not None
        assert third.value("server.port") == 8080

    @pytest.mark.parametrize("layer", ["environment", "projct", "package:x", "user"])
    def test_what_cannot_be_written(self, tmp_path: Path, layer: str) -> None:
        """Another layer is refused, with those that can be."""
        with pytest.raises(UsageError) as caught:
            propose(opened(files(tmp_path, project=TEXT)), {"server.port": 1}, layer=layer)
        assert "project" in str(caught.value)

    def test_an_unknown_profile(self, tmp_path: Path) -> None:
        """It is told with the nearest."""
        snapshot = opened(files(tmp_path, project=TEXT, prod=""))
        proposal = propose(snapshot, {"server.port": 1}, layer="profile:prd")
        assert proposal.next is None
        assert "did you mean `prod`" in str(proposal.problems[0])
        assert proposal.problems[0].code == UnknownProfileError.default_code

    def test_a_file_that_is_no_toml(self, tmp_path: Path) -> None:
        """JSON layers are read, and written by hand."""
        (tmp_path / "oneiric.json").write_text('{"server": {"port": 1}}')
        with pytest.raises(UsageError) as caught:
            propose(opened(tmp_path), {"server.port": 2}, layer="project")
        assert "only TOML is written" in str(caught.value)

    def test_ranks(self, tmp_path: Path) -> None:
        """How high a layer stands, whether it says something yet or not."""
        snapshot = opened(files(tmp_path, project=TEXT, prod=""), profiles=("prod",))
        names = ["user", "project", "profile:other", "local", "session", "oneiric.toml"]
        assert [layer_rank(name, snapshot) for name in names] == [30, 40, 50, 60, 95, 40]


class TestTexts:
    def test_bom_and_line_ends(self, tmp_path: Path) -> None:
        """What stands before and between lines stays."""
        (tmp_path / "oneiric.toml").write_bytes(b"\xef\xbb\xbf[server]\r\nport = 1\r\n")
        (edit,) = propose(opened(tmp_path), {"server.port": 2}, layer="project").files
        assert edit.after == b"\xef\xbb\xbf[server]\r\nport = 2\r\n"

    def test_the_file_broke_meanwhile(self, tmp_path: Path) -> None:
        """A file that is no TOML, or no UTF-8, any more is told with its place."""
        snapshot = opened(files(tmp_path, project=TEXT))
        for data in (b"[server\n", b"a = '\xff'\n"):
            (tmp_path / "oneiric.toml").write_bytes(data)
            proposal = propose(snapshot, {"server.port": 2}, layer="project")
            assert proposal.next is None
            assert proposal.problems[0].origin is not None
            assert proposal.problems[0].origin.line == 1

    def test_the_same_value_writes_nothing(self, tmp_path: Path) -> None:
        """No file is touched where nothing would change."""
        snapshot = opened(files(tmp_path, project=TEXT))
        assert propose(snapshot, {"server.port": 8080}, layer="project").files == ()

    def test_texts_are_typed_by_the_field(self, tmp_path: Path) -> None:
        """`path=value` becomes a number where the field takes one, else a text."""
        snapshot = opened(files(tmp_path, project=TEXT))
        (edit,) = propose(
            snapshot, ["server.port=9", "note=9", "limits={b = 2}"], layer="local"
        ).files
        assert "port = 9\n" in edit.after.decode()
        assert 'note = "9"' in edit.after.decode()
        bad = propose(snapshot, ["server.port=many"], layer="local")
        assert bad.next is None
        (tmp_path / "free").mkdir()
        free = load(Inputs(files(tmp_path / "free", project="x = 1\n")))
        (edit,) = propose(free, ["x=2", "y=text"], layer="project").files
        assert edit.after == b'y = "text"\nx = 2\n' or b"x = 2" in edit.after
        for text in ("x", "a..b=1"):
            with pytest.raises(UsageError):
                propose(snapshot, [text])
        with pytest.raises(ParseError):
            propose(snapshot, "a = \n")
        assert propose(snapshot, "[server]\nport = 3\n").values[0].new == 3

    def test_a_secret_is_never_written(self, tmp_path: Path) -> None:
        """Neither a reference nor what a field holds."""
        snapshot = opened(files(tmp_path, project=TEXT))
        ref = SecretRef("k", lambda: "text")
        held: list[object] = [ref, Secret(ref)]
        for value in held:
            with pytest.raises(SecretError):
                propose(snapshot, {"key": value}, layer="project")

    @pytest.mark.parametrize("layer", ["project", "local", "profile:prod"])
    def test_the_text_of_a_secret_field_is_not_written(self, tmp_path: Path, layer: str) -> None:
        """A file holds references; whoever types a secret is told where it belongs."""
        snapshot = opened(files(tmp_path, project=TEXT, prod=""), profiles=("prod",))
        wanted = r"^error: key: a secret is never written"
        with pytest.raises(SecretError, match=wanted) as caught:
            propose(snapshot, {"key": "s3cret"}, layer=layer)

        assert "s3cret" not in str(caught.value)
        with pytest.raises(SecretError, match=r"key\[0\]: a secret"):
            propose(snapshot, {"key": ["s3cret"]}, layer=layer)
        for held in ("${secret:key}", "user:${env:KEY}", ""):
            assert propose(snapshot, {"key": held}, layer=layer).files
        assert propose(snapshot, {"key": "s3cret"}, layer="session").next is not None


class TestValues:
    def test_new_and_gone(self, tmp_path: Path) -> None:
        """A value that was not there has no old place; one that goes has the default's."""
        snapshot = opened(files(tmp_path, project=TEXT + "[limits]\nb = 2\n"))
        proposal = propose(snapshot, {"limits.c": 3}, layer="project", unset=["limits.b"])
        assert [(v.path, v.old, v.new) for v in proposal.values] == [
            ("limits.b", 2, None),
            ("limits.c", None, 3),
        ]
        assert proposal.values[1].as_dict()["old_origin"] is None
        assert proposal.values[0].as_dict()["new_origin"] is None

    def test_a_table_of_ones_own_that_comes_and_goes(self, tmp_path: Path) -> None:
        """Its fields that hold nothing are values too, and stand nowhere but in the schema."""
        snapshot = opened(files(tmp_path, project=TEXT + '[peers.a]\nurl = "x"\n'))
        proposal = propose(snapshot, {"peers.b.url": "y"}, layer="project", unset=["peers.a"])

        assert [(v.path, v.old, v.new) for v in proposal.values] == [
            ("peers.a.note", None, None),
            ("peers.a.url", "x", None),
            ("peers.b.note", None, None),
            ("peers.b.url", None, "y"),
        ]
        origins = [(v.old_origin, v.new_origin) for v in proposal.values]
        assert origins[0] == (Origin("defaults"), None)
        assert origins[2] == (None, Origin("defaults"))
        assert snapshot.value("peers.a.note") is None
        for path in ("peers.b.note", "peers.b", "peers.a.deep"):
            with pytest.raises(UnknownPathError):
                snapshot.value(path)

    def test_what_stands_above(self, tmp_path: Path) -> None:
        """A higher layer that says otherwise is told; one that agrees, and a table, are not."""
        root = files(tmp_path, project=TEXT, local="[server]\nport = 5\n[limits]\na = 9\n")
        snapshot = opened(root)
        (problem,) = propose(snapshot, {"server.port": 1}, layer="project").problems
        assert "layer local stands above project" in problem.message
        assert propose(snapshot, {"server.port": 5}, layer="project").problems == ()
        assert propose(snapshot, {"limits": {"z": 1}}, layer="project").problems == ()
        assert propose(snapshot, {}, layer="local", unset=["server.port"]).problems == ()
        whole = str(root / "oneiric.local.toml")
        assert propose(snapshot, {"server.port": 7}, layer=whole).problems == ()


class TestSnapshot:
    def test_a_list_that_adds_up(self, tmp_path: Path) -> None:
        """Several layers make one list, and each is shown as a part of it."""
        root = files(
            tmp_path,
            project="[server]\nhosts = ['a']\n",
            local="[server]\nhosts = ['b']\n",
        )
        found = opened(root).explain("server.hosts")
        assert found.value == ["a", "b"]
        assert found.decided_by == "merged from 2 layers"
        assert [c.state for c in found.contributions] == ["merged", "merged", "shadowed"] or [
            c.state for c in found.contributions
        ] == ["merged", "merged", "wins"]

    def test_descriptions_and_items(self, tmp_path: Path) -> None:
        """The schema's words are shown; items and tuples have paths too."""
        snapshot = opened(files(tmp_path, project=TEXT + "[limits]\nb = 2\n"))
        assert "What people should know." in str(snapshot.explain("note"))
        assert snapshot.value("pair[1]") == 2
        assert snapshot.value("limits.b") == 2
        assert "server.port" in snapshot.paths("server.")
        assert snapshot.explain("note").decided_by == "schema default: no layer says otherwise"
        assert "2 layers" in repr(snapshot) or "layers, no profile" in repr(snapshot)
        for path in ("nothing", "server.prot", "pair[7]", "server.port.deep"):
            with pytest.raises(UnknownPathError):
                snapshot.value(path)

    def test_what_is_unset(self, tmp_path: Path) -> None:
        """A layer that removes a value leaves it to the default, and says so."""
        root = files(tmp_path, project=TEXT, local='[_oneiric]\nunset = ["server.port"]\n')
        found = opened(root).explain("server.port")
        assert found.value == 80
        assert [c.state for c in found.contributions] == ["unset", "wins"]
        assert found.decided_by

    def test_the_rule_in_words(self, tmp_path: Path) -> None:
        """Equal layers, a lone layer, and a policy are named."""
        root = files(tmp_path, project=TEXT, a="[server]\nport=1\n", b="[server]\nport=2\n")
        snapshot = opened(root, profiles=("a", "b"))
        decided = snapshot.explain("server.port").decided_by
        assert decided == "later of equal layers: profile:b over profile:a"
        lone = load(Inputs(files(tmp_path, project="x = 1\n")))
        assert lone.explain("x").decided_by == "only layer that says it: project"
        policy = tmp_path / "policy.toml"
        policy.write_text("x = 1\n")
        locked = load(Inputs(tmp_path, policy=policy))
        assert locked.explain("x").decided_by == "policy"

    def test_plain_data(self) -> None:
        """Sets, paths and models become data; secrets stay references."""
        assert plain({1: {2, 3}}) in ({"1": [2, 3]}, {"1": [3, 2]})
        assert plain(Server()) == {"port": 80, "hosts": []}
        assert plain(SecretRef("k", lambda: "text")) == "secret:k"
        assert plain(3j) == "3j"

    def test_a_value_made_from_another(self, tmp_path: Path) -> None:
        """The origin of what an expression names is told."""
        root = files(tmp_path, project=TEXT + '[limits]\nz = "${server.port}"\n')
        found = opened(root).explain("limits.z")
        assert found.value == 8080
        assert "made from ${server.port} at oneiric.toml:2:8" in str(found)

    def test_a_secret_by_reference(self, tmp_path: Path) -> None:
        """What a layer says of a secret is its reference, or its path; never its text."""
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "k").write_text("t0p")
        root = files(tmp_path, project='key = "${secret:k}"\n', local='key = "lit3ral"\n')
        found = opened(root).explain("key")
        assert found.secret
        assert [c.value for c in found.contributions][:2] == ["secret:key", "secret:k"]
        assert "lit3ral" not in str(found) + found.to_json()
