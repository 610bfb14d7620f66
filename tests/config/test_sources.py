"""Environment, dotenv, secrets, `--set`: what each may say, and what is wrong with it."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import BaseModel, SecretStr

from oneiric_lab.config import Inputs, Secret, SecretRef, load
from oneiric_lab.config._environ import parse_dotenv, read_value
from oneiric_lab.errors import InvalidConfigError, SecretError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.conftest import House


class Inner(BaseModel):
    """A table."""

    port: int = 80
    hosts: list[str] = []


class Model(BaseModel):
    """What the user has."""

    server: Inner = Inner()
    note: str = ""
    limits: dict[str, int] = {}
    anything: Any = None
    key: Secret[str] | None = None
    code: Secret[int] | None = None
    plain: SecretStr | None = None
    many: dict[str, Secret[str]] = {}


APP = 'app.name = "shop"\n'


class TestEnvironment:
    def test_text_is_typed_by_its_field(self, house: House) -> None:
        """Numbers, lists and tables; a text stays a text though it looks like a number."""
        found = house.load(
            APP,
            schema=Model,
            environ={
                "SHOP_SERVER__PORT": "9",
                "SHOP_SERVER__HOSTS": '["a", "b"]',
                "SHOP_NOTE": "12",
                "SHOP_LIMITS": "{a = 1}",
                "SHOP_LIMITS__B": "2",
                "SHOP_ANYTHING": "{x = [1]}",
                "OTHER": "1",
                "ONEIRIC_STACK__STRICT": "true",
            },
        )
        assert found.config.server == Inner(port=9, hosts=["a", "b"])
        assert found.config.note == "12"
        assert found.config.limits == {"a": 1, "b": 2}
        assert found.config.anything == {"x": [1]}
        assert found.settings.stack.strict
        assert str(found.origin("server.port")) == "SHOP_SERVER__PORT"

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("SHOP_SERVER_PORT", "1", "did you mean `SHOP_SERVER__PORT`?"),
            ("SHOP_SERVER__PROT", "1", "did you mean `SHOP_SERVER__PORT`?"),
            ("SHOP_X__", "1", "unknown variable SHOP_X__"),
            ("SHOP_SERVER__PORT", "many", 'got string "many"'),
            ("SHOP_SERVER__HOSTS", "a, b", 'write it as TOML: ["a", "b"]'),
            ("SHOP_SERVER__HOSTS", "[a", 'write it as TOML: ["a", "b"]'),
            ("SHOP_LIMITS", "3", "write it as TOML: {key = 1}"),
            ("ONEIRIC_NOTHING", "1", "unknown variable ONEIRIC_NOTHING"),
        ],
    )
    def test_what_is_wrong(self, house: House, name: str, value: str, said: str) -> None:
        """The message names the variable as it is written, and the nearest."""
        report = house.report(APP, schema=Model, environ={name: value})
        assert said in report
        assert f"--> {name}" in report

    @pytest.mark.parametrize("value", ["3", "[a"])
    def test_a_whole_and_a_part_of_it(self, house: House, value: str) -> None:
        """A text beside a part of the same table is told, and neither is passed over."""
        environ = {"SHOP_LIMITS": value, "SHOP_LIMITS__A": "1"}
        faults = house.faults(APP, schema=Model, environ=environ)

        assert faults[0].code == "whole-and-part"
        assert "SHOP_LIMITS__A says a part of what SHOP_LIMITS says" in faults[0].message
        assert str(faults[0].origin) == "SHOP_LIMITS__A"

    def test_own_prefix(self, house: House) -> None:
        """`schema.env_prefix` replaces the app's name; without either there is none."""
        text = '[schema]\nenv_prefix = "my_"\n'
        assert house.load(text, schema=Model, environ={"MY_NOTE": "x"}).config.note == "x"
        assert house.load("", schema=Model, environ={"SHOP_NOTE": "x"}).config.note == ""

    def test_replaced_variables(self, house: House) -> None:
        """One that means nothing any more is taken, with what replaced it."""
        (note,) = house.load("", environ={"ONEIRIC_MODE": "x"}).notes
        assert note.severity == "note"
        assert "ONEIRIC_PROFILE" in str(note)


class TestDotenv:
    def test_its_grammar(self) -> None:
        """Quotes, escapes, comments, export, and the line of each."""
        text = (
            "# comment\n\nA=1 # one\nexport B='x # y'\n"
            'C="a\\n\\"b\\" \\\\"\nD=\nE = spaced\nF="#" # tail\n'
        )
        assert parse_dotenv(text) == [
            ("A", "1", 3),
            ("B", "x # y", 4),
            ("C", 'a\n"b" \\', 5),
            ("D", "", 6),
            ("E", "spaced", 7),
            ("F", "#", 8),
        ]

    @pytest.mark.parametrize(
        ("data", "place", "said"),
        [
            (b"SHOP_NOTE\n", ".env:1:1", "expected NAME=value"),
            (b"A=1\nB-C=1\n", ".env:2:1", "expected NAME=value"),
            (b"SHOP_NOTE='x\n", ".env:1:1", "has no closing quote"),
            (b'SHOP_NOTE="x\\"\n', ".env:1:1", "has no closing quote"),
            (b"SHOP_NOTE=\xff\n", ".env:1:1", "expected UTF-8"),
            (b"SHOP_NOET=1\n", "SHOP_NOET", "did you mean `SHOP_NOTE`"),
        ],
    )
    def test_faults(self, house: House, data: bytes, place: str, said: str) -> None:
        """Each is told with its line, or its variable."""
        house.write({".env": data})
        report = house.report(APP, schema=Model)
        assert said in report
        assert place in report

    def test_origin_and_folder(self, house: House) -> None:
        """A value knows its line; a folder of this name is a fault."""
        house.write({".env": "\nSHOP_NOTE=x\n"})
        assert str(house.load(APP, schema=Model).origin("note")) == ".env:2:1"
        (house.root / ".env").unlink()
        (house.root / ".env").mkdir()
        (fault,) = house.faults(APP, schema=Model)
        assert fault.code == "file-is-directory"
        assert fault.origin is not None
        assert fault.origin.layer == "dotenv"


class TestSets:
    def test_values(self, house: House) -> None:
        """Typed by the field; TOML where no field is known, else text."""
        found = house.load(
            APP, schema=Model, sets=("server.port=9", "note=1", "anything=[1]", "limits.a=3")
        )
        assert found.config.server.port == 9
        assert found.config.note == "1"
        assert found.config.anything == [1]
        free = house.load("", sets=("a.b=1", "c=text here", "d=[1, 2]"))
        assert (free.value("a.b"), free.value("c"), free.value("d")) == (1, "text here", [1, 2])

    @pytest.mark.parametrize("text", ["port", "a..b=1", "=1"])
    def test_faults(self, house: House, text: str) -> None:
        """What is no `path=value` is told as it was written."""
        assert "--set" in house.report("", sets=(text,))

    @pytest.mark.parametrize(
        "text",
        [
            "[" * 5_000,
            "[" * 480 + "]" * 480,
            "{" + "a." * 20_000 + "b = 1}",
            "[\udcff]",
            " plain",
            "tree",
        ],
    )
    def test_what_is_no_toml_stays_text(self, house: House, text: str) -> None:
        """So does what nests deeper than a file may, and a byte that is no UTF-8."""
        assert read_value(text, None) == text
        found = house.load("own = {}\n", sets=(f"own.deep={text}",))
        assert found.value("own.deep") == text
        (fault,) = house.faults(environ={"ONEIRIC_PLUGINS__PACKAGES": "[" * 480 + "]" * 480})
        assert "expected a list, got string" in fault.message


class TestSecrets:
    def test_where_they_come_from(self, house: House) -> None:
        """The environment, then a folder, then providers that were passed in."""
        house.write({"secrets/a": "from-file\n", "secrets/key": "literal"})
        text = APP + 'key = "${secret:a}"\n'
        assert house.load(text, schema=Model).config.key.reveal() == "from-file"
        environ = {"ONEIRIC_SECRET_A": "from-env"}
        assert house.load(text, schema=Model, environ=environ).config.key.reveal() == "from-env"
        asked: list[str] = []

        def provider(name: str) -> str | None:
            asked.append(name)
            return "from-provider" if name == "far" else None

        text = APP + 'key = "${secret:far}"\n[many]\nx = "${secret:nowhere}"\n'
        found = house.load(text, schema=Model, secret_providers=(provider,))
        assert asked == []
        assert found.config.key.reveal() == "from-provider"
        with pytest.raises(SecretError) as caught:
            found.config.many["x"].reveal()
        assert "ONEIRIC_SECRET_NOWHERE" in str(caught.value)

    def test_a_folder_that_sets_values(self, house: House) -> None:
        """A file named by a path is its value; hidden files and folders are passed over."""
        house.write(
            {
                "secrets/key.": "no path",
                "secrets/many__x": "t0p\n",
                "secrets/..data": "x",
                "secrets/sub/y": "x",
                "secrets/un.known": "x",
            }
        )
        found = house.load(APP, schema=Model)
        assert found.config.many["x"].reveal() == "t0p"
        assert str(found.origin("many.x")) == "secrets/many__x"
        assert "t0p" not in str(found.explain("many.x").as_dict())

    def test_a_folder_sets_no_plain_field(self, house: House) -> None:
        """What is not secret is shown in many places; a secret does not get there."""
        house.write({"secrets/server.port": "9\n"})
        (fault,) = house.faults(APP, schema=Model)
        assert fault.code == "secret-in-plain-field"
        assert str(fault.origin) == "secrets/server.port"
        assert "9" not in str(fault)

    def test_files_that_cannot_be_read(self, house: House) -> None:
        """A secret that is no UTF-8 is told, at load or when it is revealed."""
        house.write({"secrets/many.x": b"\xff"})
        (fault,) = house.faults(APP, schema=Model)
        assert fault.code == "secret-unreadable"
        (house.root / "secrets/many.x").unlink()
        house.write({"secrets/k": "fine"})
        found = house.load(APP + 'key = "${secret:k}"\n', schema=Model)
        for spoil in (b"\xff", None):
            path = house.root / "secrets/k"
            if spoil is None:
                path.write_bytes(b"x" * (17 << 20))
            else:
                path.write_bytes(spoil)
            with pytest.raises(SecretError) as caught:
                found.config.key.reveal()
            assert "cannot read the secret `k`" in str(caught.value)

    @pytest.mark.parametrize("name", ["../key", "a/b", "..", "."])
    def test_a_name_leads_nowhere_else(self, house: House, name: str) -> None:
        """A secret's name is one file name."""
        house.write({"key": "outside", "secrets/x": ""})
        report = house.report(APP + f'key = "${{secret:{name}}}"\n', schema=Model)
        assert "which is nowhere" in report

    def test_they_are_checked_when_revealed(self, house: House) -> None:
        """A secret of the wrong kind is told without its text."""
        house.write({"secrets/n": "12", "secrets/bad": "n0t-a-number"})
        found = house.load(APP + 'code = "${secret:n}"\n', schema=Model)
        assert found.config.code.reveal() == 12
        found = house.load(APP + 'code = "${secret:bad}"\n', schema=Model)
        with pytest.raises(SecretError) as caught:
            found.config.code.reveal()
        assert "n0t-a-number" not in str(caught.value)
        assert "valid integer" in str(caught.value)

    def test_nothing_shows_them(self, house: House) -> None:
        """No repr, text, JSON, pickle, explanation or fault holds the text."""
        found = house.load(APP + 'key = "s3cr3t"\nplain = "s3cr3t"\n', schema=Model)
        assert found.config.plain.get_secret_value() == "s3cr3t"
        shown = [
            repr(found.config),
            str(found.config.key),
            found.config.model_dump_json(),
            str(found.explain("key")),
            found.explain("plain").to_json(),
            repr(found.tree),
            repr(found.layers),
        ]
        assert not [text for text in shown if "s3cr3t" in text]
        for value in (found.config.key, found.config.key.ref):
            with pytest.raises(SecretError):
                pickle.dumps(value)
        house.write({"oneiric.local.toml": 'key = "s3cr3t"\nserver.port = "x"\n'})
        assert "s3cr3t" not in house.report(APP + 'key = "other"\n', schema=Model)

    def test_a_fault_beside_a_secret(self, house: House) -> None:
        """The line of a fault is shown with the secret on it drawn as asterisks."""
        text = APP + 'many = {x = "s3cr3t", y = 3}\nkey = ["l1st"]\n'
        report = house.report(text, schema=Model)
        assert "s3cr3t" not in report
        assert "l1st" not in report
        assert '"********"' in report or "********" in report

    def test_secrets_everywhere(self, house: House) -> None:
        """In lists, and in pydantic's own types; what they shadow is not told."""

        class Many(BaseModel):
            tokens: list[Secret[str]] = []
            pin: SecretStr = SecretStr("")

        house.write({"secrets/k": "t0p"})
        text = 'tokens = ["l1t", "${secret:k}"]\npin = "${secret:k}"\n'
        found = house.load(text, schema=Many)
        assert [token.reveal() for token in found.config.tokens] == ["l1t", "t0p"]
        assert found.config.pin.get_secret_value() == "t0p"
        assert "l1t" not in repr(found.tree)
        house.write({"oneiric.local.toml": "pin = 3\n"})
        report = house.report(text, schema=Many)
        assert "expected a string: pin" in report
        assert "shadows a secret from oneiric.toml:2:7" in report
        (house.root / "oneiric.local.toml").unlink()
        assert "expected a list, got integer 3: tokens" in house.report("tokens = 3\n", schema=Many)
        assert "which is nowhere" in house.report('pin = "${secret:gone}"\n', schema=Many)

    def test_references_are_equal_by_name(self) -> None:
        """Two of one name are one, whatever finds them."""
        one: Secret[str] = Secret(SecretRef("k", lambda: "a"))
        two: Secret[str] = Secret(SecretRef("k", lambda: "b"))
        assert one == two
        assert len({one, two}) == 1
        assert one != "k"
        assert Secret(SecretRef("k", lambda: "x")).reveal() == "x"

    def test_a_reference_in_a_plain_field(self, house: House) -> None:
        """It would show what it names; inside a text it cannot stand at all."""
        house.write({"secrets/k": "x"})
        assert "the field is not secret" in house.report(
            APP + 'note = "${secret:k}"\n', schema=Model
        )
        assert "cannot stand inside a text" in house.report(
            APP + 'note = "a ${secret:k}"\n', schema=Model
        )

    def test_the_schema_of_a_secret(self) -> None:
        """JSON Schema tells editors how a secret is written."""
        assert "by reference" in str(Model.model_json_schema())
        assert "Secret" in repr(Model(key=Secret(SecretRef("k", lambda: ""))))
        with pytest.raises(ValueError, match="a secret, such as"):
            Model(key="text")  # type: ignore[arg-type]  # what is refused


class TestInterpolation:
    @pytest.mark.parametrize(
        ("text", "code", "said"),
        [
            ('a = "${b}"\nb = "${a}"', "interpolation-cycle", "a -> b -> a"),
            ('a = "${nope}"', "interpolation-missing", "names no value"),
            ('a = "${env:NOPE}"', "interpolation-missing", "the variable NOPE is not set"),
            ('a = "${file:x}"', "interpolation-kind", "unknown kind `file`"),
            ('a = "${a..b}"', "interpolation-kind", "is no path"),
            ('a = "x ${t}"\n[t]\ny = 1', "interpolation-type", "cannot stand inside a text"),
            ('a = "x ${nope} ${nope}"', "interpolation-missing", "names no value"),
        ],
    )
    def test_faults(self, house: House, text: str, code: str, said: str) -> None:
        """Each is told at the value that holds it."""
        (fault,) = house.faults(text)
        assert fault.code == code
        assert said in str(fault)
        assert str(fault.origin) == "oneiric.toml:1:5"

    @pytest.mark.parametrize(
        ("shape", "said"),
        [
            ('"${{v{n}}}${{v{n}}}"', "the text has more than 1,048,576 letters"),
            ('["${{v{n}}}", {{x = "${{v{n}}}"}}]', "gives more than 100,000 values"),
            ('"${{v{n}}}"', "more than 50 expressions lead to one another"),
        ],
    )
    def test_what_doubles_ends(self, house: House, shape: str, said: str) -> None:
        """Forty values that each hold the next one twice, or a chain of many: told, and soon."""
        many = 40 if shape.count("n") == 2 else 2000
        lines = [f"v{at} = {shape.format(n=at + 1)}" for at in range(many)]
        faults = house.faults("\n".join([*lines, f'v{many} = "x"\n']))

        assert {fault.code for fault in faults} == {"interpolation-size"}
        assert said in str(faults[0])

    def test_a_chain_within_the_limit(self, house: House) -> None:
        """Fifty expressions may lead to one another."""
        lines = [f'v{at} = "${{v{at + 1}}}"' for at in range(50)]
        assert house.load("\n".join([*lines, "v50 = 8\n"])).value("v0") == 8

    def test_values(self, house: House) -> None:
        """A lone expression keeps its type; in a text it is written as TOML has it."""
        house.write({"secrets/k": "x"})
        found = house.load(
            'n = 8\nt = true\nl = ["${n}", {x = "${t}"}]\nm = "${n}"\n'
            's = "n=${n} t=${t} e=${env:E} d=$${n} $"\nwhole = "${tab}"\nx = "${flags.beta}"\n'
            "[tab]\ny = 1\n[flags]\nbeta = true\n",
            environ={"E": "env"},
        )
        assert found.value("l") == [8, {"x": True}]
        assert found.value("m") == 8
        assert found.value("s") == "n=8 t=true e=env d=${n} $"
        assert found.value("whole") == {"y": 1}
        assert found.value("x") is True

    def test_defaults_have_a_part(self, house: House) -> None:
        """An expression may name what only the schema says."""
        assert house.load(APP + 'note = "port ${server.port}"', schema=Model).config.note == (
            "port 80"
        )

    def test_a_default_that_names_nothing(self, house: House) -> None:
        """What only the schema says has no place in a file."""

        class Odd(BaseModel):
            note: str = "${nope}"
            other: str = ""

        report = house.report('other = "${note}"\n', schema=Odd)
        assert "${nope} names no value" in report

    def test_in_the_environment(self, house: House) -> None:
        """A variable may hold an expression, and is told as it is written."""
        (fault,) = house.faults(APP, schema=Model, environ={"SHOP_NOTE": "${nope}"})
        assert str(fault.origin) == "SHOP_NOTE"


class TestFaults:
    def test_of_the_schema(self, house: House) -> None:
        """Missing values, unknown keys, constraints, unions and the model's own words."""
        from pydantic import Field, field_validator, model_validator

        class Strict(BaseModel):
            need: int
            small: Annotated[int, Field(le=3)] = 0
            either: int | bool = 0
            word: str = ""
            when: dict[str, int] = {}

            @field_validator("word")
            @classmethod
            def no_x(cls, value: str) -> str:
                if value == "x":
                    raise ValueError("x is no word")
                assert value != "y"
                return value

            @model_validator(mode="after")
            def whole(self) -> Strict:
                if self.small == 2:
                    raise ValueError("two is too much")
                return self

        house.write(
            {"oneiric.toml": 'small = 9\neither = "q"\nword = "x"\nwhen = {a = "b"}\nwrod = 1\n'}
        )
        report = house.report(None, schema=Strict)
        for said in (
            "missing value: need",
            "expected less than or equal to 3, got integer 9: small",
            "expected an integer or a boolean",
            "x is no word: word",
            'expected an integer, got string "b": when.a',
            "unknown key: wrod",
            "did you mean `word`?",
        ):
            assert said in report
        house.write({"oneiric.toml": "need = 1\nsmall = 2\n"})
        assert "two is too much" in house.report(None, schema=Strict)
        house.write({"oneiric.toml": 'need = 1\nword = "y"\n'})
        assert house.report(None, schema=Strict)

    def test_a_validator_that_breaks(self, house: House) -> None:
        """A bug of the schema is told with its name, not as a traceback."""
        from pydantic import field_validator

        class Broken(BaseModel):
            x: int = 0

            @field_validator("x")
            @classmethod
            def fail(cls, value: int) -> int:
                raise KeyError(value)

        report = house.report("x = 1\n", schema=Broken)
        assert "raised KeyError" in report
        assert "mend the validator" in report

    def test_values_of_every_kind_are_named(self, house: House) -> None:
        """What was found is said in TOML's words."""

        class Numbers(BaseModel):
            a: int = 0
            b: int = 0
            c: int = 0
            d: int = 0
            e: int = 0
            f: int = 0

        report = house.report(
            f'a = {{}}\nb = []\nc = 1.5\nd = 2026-01-02\ne = "{"x" * 90}"\nf = [1]\n',
            schema=Numbers,
        )
        for said in ("got a table", "got a list", "got number 1.5", "got date 2026-01-02", "..."):
            assert said in report

    def test_unset_is_missing(self, house: House) -> None:
        """A value that a higher layer removed is missing, though a lower one says it."""

        class Sub(BaseModel):
            need: int
            other: int = 0

        class Whole(BaseModel):
            sub: Sub

        house.write({"oneiric.local.toml": 'sub.other = 1\n_oneiric.unset = ["sub.need"]\n'})
        assert "missing value: sub.need" in house.report("[sub]\nneed = 1\n", schema=Whole)

    def test_the_schema_of_files(self) -> None:
        """Editors get the built-in tables, and the user's where there is a model."""
        from oneiric_lab.config import json_schema

        assert "stack" in json_schema(None)["properties"]
        assert "limits" in json_schema(Model)["properties"]

    def test_null(self, house: House) -> None:
        """JSON's null is nothing, where nothing may stand."""
        house.write({"oneiric.json": '{"server": {"port": null}, "key": null}'})
        assert "expected an integer, got nothing: server.port" in house.report(schema=Model)

    def test_a_choice(self, house: House) -> None:
        """The values that there are, and the class that is wanted."""
        from typing import Literal

        class Custom:
            pass

        class Choice(BaseModel, arbitrary_types_allowed=True):
            mode: Literal["a", "b"] = "a"
            thing: Custom | None = None

        report = house.report('mode = "c"\nthing = 3\n', schema=Choice)
        assert "expected one of 'a' or 'b'" in report
        assert "Custom" in report

    def test_a_model_of_itself(self, house: House) -> None:
        """A recursive model is described once."""

        class Node(BaseModel):
            name: str = ""
            child: Node | None = None

        found = house.load('[child]\nname = "x"\n', schema=Node)
        assert found.config.child.name == "x"

    def test_too_deep(self, house: House) -> None:
        """A JSON file of 150 levels is refused with its place."""
        house.write({"oneiric.json": '{"a": ' + "[" * 150 + "]" * 150 + "}"})
        assert "nests too deep" in house.report()

    def test_what_it_shadows(self, house: House) -> None:
        """The value below is shown short, whatever it is."""
        house.write({"oneiric.local.toml": 'note = 1\n[server]\nport = "x"\nhosts = 3\n'})
        report = house.report(
            APP + f'note = "{"y" * 50}"\n' + '[server]\nport = 8080\nhosts = ["a"]\n',
            schema=Model,
        )
        assert "shadows 8080 from oneiric.toml" in report
        assert "shadows a list from" in report
        assert "yyy..." in report
        house.write({"oneiric.local.toml": "[stack]\nstrict = 3\n"})
        assert "shadows true from" in house.report("[stack]\nstrict = true\n")

    def test_policy(self, house: House, tmp_path: Path) -> None:
        """What a named policy says is locked; one of the machine counts where root wrote it."""
        house.write({"p.toml": "[server]\nport = 443\n"})
        report = house.report("[server]\nport = 1\n", policy=tmp_path / "p.toml")
        assert "is locked by policy to 443" in report
        assert "locked at p.toml:2:8" in report
        same = house.load("[server]\nport = 443\n", policy=tmp_path / "p.toml")
        assert same.explain("server.port").decided_by == "policy"
        house.write({"etc/policy.toml": "[server]\nport = 7\n"})
        (tmp_path / "oneiric.toml").unlink()
        found = load(Inputs(tmp_path, system_dir=tmp_path / "etc"))
        by_root = (tmp_path / "etc" / "policy.toml").stat().st_uid == 0
        assert [layer.name for layer in found.layers] == (["policy"] if by_root else [])
        missing = house.report("", policy=tmp_path / "gone.toml")
        assert "no such file" in missing

    def test_package_defaults(self, house: House) -> None:
        """A plugin's data file that is no TOML is told by its own name."""
        from oneiric_lab.config import PackageDefaults

        bad = PackageDefaults("p", "p/defaults.toml", b"a = \n")
        assert "p/defaults.toml:1:5" in house.report("", package_defaults=(bad,))

    def test_reserved_names(self, house: House) -> None:
        """A user's field cannot take a built-in table."""

        class Taken(BaseModel):
            adapters: int = 0

        with pytest.raises(InvalidConfigError) as caught:
            house.load("", schema=Taken)
        assert "adapters_settings" in str(caught.value)

    def test_replaced_keys(self, house: House) -> None:
        """A key of upstream's that means nothing any more is a note, not a fault."""
        from oneiric_lab.config._settings import REPLACED

        for path in REPLACED:
            table, key = ".".join(map(str, path[:-1])), path[-1]
            text = f"[{table}]\n{key} = " if table else f"{key} = "
            for value in ('"x"', "1", "true", "[]", "{}"):
                try:
                    (note,) = house.load(text + value + "\n").notes
                except InvalidConfigError:
                    continue
                assert note.why
                break
            else:
                pytest.fail(f"{path} takes no value")

    def test_a_workspace_that_is_not_there(self, tmp_path: Path) -> None:
        """A folder that does not exist is an empty workspace."""
        assert load(Inputs(tmp_path / "none")).layers == ()

    def test_files_read_once(self, house: House) -> None:
        """What did not change is not parsed again; what changed back is recognised."""
        import os

        first = house.load("a = 1\n")
        path = house.root / "oneiric.toml"
        old = path.stat().st_mtime_ns - 10_000_000_000
        os.utime(path, ns=(old, old))
        second = house.load(previous=first)
        third = house.load(previous=second)
        documents = [s.documents[path] for s in (first, second, third)]
        assert documents[1].parsed is documents[0].parsed
        assert documents[2] is documents[1]
