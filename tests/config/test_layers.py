"""The order of layers, and how two of them make one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from oneiric_lab.config import Inputs, Merge, PackageDefaults, SessionValue, load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.conftest import House


class Server(BaseModel):
    """A table of the user's."""

    host: str = "localhost"
    port: int = 80


class Group(BaseModel):
    """A table that stands under names of the user's."""

    hosts: Annotated[list[str], Merge.append] = []


class Nested(BaseModel):
    """Lists with strategies in mappings, optional tables and unions."""

    plain: Group = Group()
    groups: dict[str, Group] = {}
    deep: dict[str, dict[str, Group]] = {}
    maybe: Group | None = None
    once: Annotated[list[str], Merge.unique] | None = None
    twice: Annotated[list[str] | None, Merge.unique] = None
    free: dict[str, Any] = {}


class Model(BaseModel):
    """A user's model with every list strategy."""

    server: Server = Server()
    level: int = 0
    plain: list[str] = []
    more: Annotated[list[str], Merge.append] = []
    first: Annotated[list[str], Merge.prepend] = []
    once: Annotated[list[str], Merge.unique] = []
    named: Annotated[list[dict[str, Any]], Merge.by_key("name")] = []
    either: dict[str, Any] | str = ""


class TestOrder:
    """The highest layer wins."""

    def test_each_layer_outranks_the_one_below(self, house: House, tmp_path: Path) -> None:
        """Taking the highest away shows the next, down to the schema's default."""
        root = tmp_path / "w"
        files = {
            "sys/oneiric.toml": "level = 20",
            "me/oneiric.toml": "level = 30",
            "w/oneiric.toml": '[app]\nname = "shop"\n[profiles.prod]\nlevel = 50',
            "w/oneiric.prod.toml": "level = 51",
            "w/oneiric.local.toml": "level = 60",
            "w/extra.toml": "level = 65",
            "w/.env": "SHOP_LEVEL=75",
            "policy.toml": "level = 100",
        }
        house.write(files)  # type: ignore[arg-type]  # str is one of the two
        given: dict[str, Any] = {
            "profiles": ("prod",),
            "schema": Model,
            "system_dir": tmp_path / "sys",
            "user_dir": tmp_path / "me",
            "package_defaults": (PackageDefaults("p", "p/defaults.toml", b"level = 10"),),
            "config_files": (root / "extra.toml",),
            "environ": {"SHOP_LEVEL": "80"},
            "sets": ("level=90",),
            "session": (SessionValue("level", 95, "cell [1]"),),
        }

        def now() -> tuple[int, str]:
            snapshot = load(Inputs(root, **given))
            return snapshot.config.level, snapshot.origin("level").layer

        seen = [now()]
        for gone in (
            "session",
            "sets",
            "environ",
            ".env",
            "config_files",
            "oneiric.local.toml",
            "oneiric.prod.toml",
            "oneiric.toml",
            "user_dir",
            "system_dir",
            "package_defaults",
        ):
            if gone == "oneiric.toml":
                given["profiles"] = ()
                (root / gone).write_text('[app]\nname = "shop"')
            elif (root / gone).exists():
                (root / gone).unlink()
            else:
                del given[gone]
            seen.append(now())

        assert seen == [
            (95, "session"),
            (90, "set"),
            (80, "environment"),
            (75, "dotenv"),
            (65, "file:extra.toml"),
            (60, "local"),
            (51, "profile:prod"),
            (50, "profile:prod"),
            (30, "user"),
            (20, "system"),
            (10, "package:p"),
            (0, "defaults"),
        ]

    def test_explicit_file_does_not_outrank_the_environment(self, house: House) -> None:
        """A file given by --config stands below a variable."""
        house.write({"x.toml": "level = 1"})
        snapshot = house.load(
            '[app]\nname = "a"',
            schema=Model,
            config_files=(house.root / "x.toml",),
            environ={"A_LEVEL": "2"},
        )

        assert snapshot.config.level == 2

    def test_later_explicit_file_wins(self, house: House) -> None:
        """Two files of --config stand in the order given."""
        house.write({"x.toml": "level = 1", "y.json": '{"level": 2}'})
        files = (house.root / "x.toml", house.root / "y.json")

        assert house.load("", schema=Model, config_files=files).config.level == 2
        assert house.load("", schema=Model, config_files=files[::-1]).config.level == 1


class TestMerge:
    """Table into table, all else replaces."""

    def test_tables_merge_and_scalars_replace(self, house: House) -> None:
        """A key that only the lower layer says stays."""
        house.write({"oneiric.local.toml": "[server]\nport = 81"})
        config = house.load('[server]\nhost = "h"\nport = 8', schema=Model).config

        assert Server(host="h", port=81) == config.server

    def test_list_strategies(self, house: House) -> None:
        """Each declared strategy makes its own list of two layers."""
        house.write(
            {
                "oneiric.local.toml": 'plain = ["b"]\nmore = ["b"]\nfirst = ["b"]\n'
                'once = ["a", "b"]\n[[named]]\nname = "x"\nn = 2\n[[named]]\nname = "y"'
            }
        )
        config = house.load(
            'plain = ["a"]\nmore = ["a"]\nfirst = ["a"]\nonce = ["a"]\n'
            '[[named]]\nname = "x"\nn = 1\nm = 1',
            schema=Model,
        ).config

        assert config.plain == ["b"]
        assert config.more == ["a", "b"]
        assert config.first == ["b", "a"]
        assert config.once == ["a", "b"]
        assert config.named == [{"name": "x", "n": 2, "m": 1}, {"name": "y"}]

    def test_strategies_hold_wherever_a_list_stands(self, house: House) -> None:
        """Below a name of a mapping, in a table that may be missing, in a union."""
        said = (
            'once = ["{0}", "{0}"]\ntwice = ["{0}"]\nplain.hosts = ["{0}"]\n'
            'groups.x.hosts = ["{0}"]\ndeep.x.y.hosts = ["{0}"]\nmaybe.hosts = ["{0}"]\n'
            'free.x.y.{0}.hosts = ["{0}"]\nfree.x.y.hosts = ["{0}"]\n'
        )
        house.write({"oneiric.local.toml": said.format("b") + 'groups.y.hosts = ["b"]'})
        config = house.load(said.format("a"), schema=Nested).config

        both = Group(hosts=["a", "b"])
        assert config.plain == config.maybe == config.deep["x"]["y"] == both
        assert config.groups == {"x": both, "y": Group(hosts=["b"])}
        assert config.free["x"]["y"] == {
            "a": {"hosts": ["a"]},
            "b": {"hosts": ["b"]},
            "hosts": ["b"],
        }
        assert config.once == ["a", "a", "b"]
        assert config.twice == ["a", "b"]

    @given(st.lists(st.lists(st.sampled_from("abc"), max_size=3), min_size=3, max_size=3))
    def test_three_lists_are_one_by_one(self, lists: list[list[str]]) -> None:
        """Of three layers nothing is lost, and `unique` adds nothing that is there."""
        low, middle, high = lists

        def folded(strategy: Merge) -> list[Any]:
            return strategy.join(strategy.join(low, middle), high)

        assert folded(Merge.append) == [*low, *middle, *high]
        assert folded(Merge.prepend) == [*high, *middle, *low]
        once = folded(Merge.unique)
        assert once[: len(low)] == low
        assert {*once} == {*low, *middle, *high}
        assert len(once[len(low) :]) == len({*middle, *high} - {*low})

    def test_what_is_locked_joins_nothing(self, house: House, tmp_path: Path) -> None:
        """A list of the policy is in force as it stands, also where a layer says the same."""
        (tmp_path / "p.toml").write_text('more = ["a"]')
        snapshot = house.load('more = ["a"]', schema=Model, policy=tmp_path / "p.toml")

        assert snapshot.config.more == ["a"]
        assert [c.state for c in snapshot.contributions("more")] == ["wins", "shadowed", "shadowed"]

    @pytest.mark.parametrize("low", ['more = ["a"]', 'more = "a"'])
    def test_only_lists_join(self, house: House, low: str) -> None:
        """A text over a list, or over another text, is told as what it is."""
        house.write({"oneiric.local.toml": 'more = "bc"'})
        (fault,) = house.faults(low, schema=Model)

        assert 'expected a list, got string "bc"' in fault.message

    def test_tables_of_one_key_merge_key_by_key(self) -> None:
        """A table in them is merged, too; what stands there twice meets the first."""
        low = [{"name": "x", "tls": {"cert": "a", "key": "b"}, "n": 1}, {"name": "x"}, 3]
        high = [{"name": "x", "tls": {"cert": "c"}}, {"name": "x", "n": {}}, 3, {"n": 1}]

        assert Merge.by_key("name").join(low, high) == [
            {"name": "x", "tls": {"cert": "c", "key": "b"}, "n": {}},
            {"name": "x"},
            3,
            3,
            {"n": 1},
        ]
        assert low[0] == {"name": "x", "tls": {"cert": "a", "key": "b"}, "n": 1}

    def test_replace_is_a_strategy_too(self) -> None:
        """Whoever declares the default gets it."""
        assert Merge.replace.join([1], [2]) == [2]

    def test_field_that_takes_both_meets_no_clash(self, house: House) -> None:
        """A table over a text is fine where the type takes both."""
        house.write({"oneiric.local.toml": "[either]\na = 1"})
        assert house.load('either = "x"', schema=Model).config.either == {"a": 1}

    def test_table_meets_value_either_way(self, house: House) -> None:
        """Both places are named, once."""
        house.write({"oneiric.local.toml": "server = 3\n[level]\nx = 1"})
        report = house.report("level = 1\n[server]\nport = 1", schema=Model)

        assert report == (
            "error: integer 3 meets what a lower layer says otherwise: server\n"
            "  --> oneiric.local.toml:1:1                             (layer local)\n"
            "   1 | server = 3\n"
            "     | ^^^^^^\n"
            "  note: a table at oneiric.toml:2:1\n"
            "  help: let both say a table, or both a value\n"
            "error: a table meets what a lower layer says otherwise: level\n"
            "  --> oneiric.local.toml:2:2                             (layer local)\n"
            "   2 | [level]\n"
            "     |  ^^^^^\n"
            "  note: integer 1 at oneiric.toml:1:9\n"
            "  help: let both say a table, or both a value"
        )


class TestUnset:
    """`[_oneiric] unset` removes what lower layers said."""

    def test_lower_value_is_gone(self, house: House) -> None:
        """The default comes back, and the origin says so."""
        house.write({"oneiric.local.toml": '[_oneiric]\nunset = ["server.port", "nothing.here"]'})
        snapshot = house.load('[server]\nport = 8\nhost = "h"', schema=Model)

        assert snapshot.config.server == Server(host="h")
        assert snapshot.origin("server.port").layer == "defaults"

    def test_a_list_that_joins_begins_anew(self, house: House, tmp_path: Path) -> None:
        """What a layer between two removes is gone from below it, and what is above joins."""
        house.write(
            {
                "oneiric.prod.toml": '_oneiric.unset = ["more"]\nmore = ["b"]\nonce = ["b"]',
                "oneiric.local.toml": '_oneiric.unset = ["once"]\nmore = ["c"]',
            }
        )
        config = house.load('more = ["a"]\nonce = ["a"]', schema=Model, profiles=("prod",)).config

        assert (config.more, config.once) == (["b", "c"], [])

    def test_same_file_may_say_it_anew(self, house: House) -> None:
        """Unset removes below itself, not in itself."""
        house.write({"oneiric.local.toml": 'server.port = 9\n_oneiric.unset = ["server"]'})
        snapshot = house.load('[server]\nport = 8\nhost = "h"', schema=Model)

        assert snapshot.config.server == Server(port=9)

    def test_bad_directives_are_all_told(self, house: House) -> None:
        """Each fault has its own place."""
        house.write(
            {
                "oneiric.local.toml": '[_oneiric]\nunset = ["a..b", 3]\nwhat = 1',
                "x.toml": "_oneiric = 1",
                "y.toml": '_oneiric = {unset = "a"}',
            }
        )
        faults = house.faults("", config_files=(house.root / "x.toml", house.root / "y.toml"))

        assert [(fault.message, str(fault.origin)) for fault in faults] == [
            ("'a..b' is no path of a value", "oneiric.local.toml:2:10"),
            ("3 is no path of a value", "oneiric.local.toml:2:18"),
            ("unknown directive: what", "oneiric.local.toml:3:8"),
            ("expected a table: _oneiric", "x.toml:1:12"),
            ("expected a list of paths: _oneiric.unset", "y.toml:1:21"),
        ]
        assert {"bad-directive"} == {fault.code for fault in faults}
