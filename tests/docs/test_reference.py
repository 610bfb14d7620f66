"""The reference tells what is so: shapes, verbs, words, packages, changes."""

from __future__ import annotations

import importlib.util
import io
import json
import pkgutil
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

import oneiric_lab
from oneiric_lab.cli import main
from oneiric_lab.commands import VERBS
from oneiric_lab.lab import copy_sample
from oneiric_lab.loadlab import BUILT_IN
from oneiric_lab.testing import Workspace

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def validator(name: str) -> Draft202012Validator:
    """Return the schema *name*, itself checked."""
    schema = json.loads((DOCS / "reference/schemas" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def ask(*words: str) -> tuple[int, Any]:
    """Return exit code and JSON of a real command line."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = main([*words, "--json"])
    return code, json.loads(out.getvalue())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A copy of the sample workspace, allowed."""
    folder = copy_sample(tmp_path_factory.mktemp("shop") / "shop")
    with redirect_stdout(io.StringIO()):
        assert main(["-C", str(folder), "allow"]) == 0
    return str(folder)


class TestShapes:
    """`--json` against its published schemas."""

    def test_every_value_of_the_sample_explains_itself(self, shop: str) -> None:
        """
        What `explain PATH` prints fits its schema, for values of every kind.
        """
        schema = validator("explain-value")
        _, shown = ask("-C", shop, "--profile", "prod", "show", "--all")
        paths = sorted(shown["origins"])
        assert len(paths) > 40

        for path in paths[:: max(1, len(paths) // 40)]:
            code, answer = ask("-C", shop, "--profile", "prod", "explain", path)
            assert code == 0
            schema.validate(answer)

    def test_every_component_of_the_sample_explains_itself(self, shop: str) -> None:
        """
        What `explain DOMAIN:KEY` prints fits its schema, with a winner and without.
        """
        schema = validator("explain-component")
        lab = oneiric_lab.Lab.open(shop, environ={}, trusted=True)
        codes = set()

        for target in lab.registry.current.keys():  # noqa: SIM118 - a method, not a mapping
            codes.add(ask("-C", shop, "explain", target)[0])
            schema.validate(lab.explain(target).as_dict())
        code, answer = ask("-C", shop, "explain", "adapter:cache", "--need", "nobody-has-this")
        schema.validate(answer)

        assert (code, answer["winner"]) == (1, None)
        assert codes <= {0, 1}

    @pytest.mark.parametrize(
        "change",
        ["server.port=9090", "adapters.selections.cache=memory", "server.port=much"],
    )
    def test_a_plan_fits(self, shop: str, change: str) -> None:
        """
        What `plan` prints fits its schema: values, components, and problems.
        """
        code, answer = ask("-C", shop, "plan", "--set", change)
        validator("plan").validate(answer)

        assert code == (1 if change.endswith("much") else 0)

    @pytest.mark.parametrize(
        "words",
        [
            ("explain", "server.prot"),
            ("explain", "adapter:nothing"),
            ("explan", "server.port"),
            ("--profile", "prdo", "show"),
            ("--set", "server.port=much", "show"),
            ("plan",),
        ],
    )
    def test_an_error_fits(
        self, shop: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Whatever goes wrong is printed in the one shape of errors, on standard output.
        """
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        code, answer = ask("-C", shop, *words)
        validator("error").validate(answer)

        assert code in {1, 2}

    def test_a_report_holds_every_fault(self) -> None:
        """
        All faults of all layers are in one report, each in the same shape.
        """
        with Workspace() as workspace:
            workspace.project("[app]\nname = 1\nnmae = 2\n").local("[app\n")
            code, answer = ask("-C", str(workspace.path), "show")
        validator("error").validate(answer)

        assert code == 2
        assert len(answer["error"]["faults"]) >= 2

    def test_a_schema_refuses_what_is_not_its_shape(self) -> None:
        """
        The schemas can fail: an empty object fits none.
        """
        for name in ("explain-value", "explain-component", "plan", "error"):
            assert not validator(name).is_valid({})


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    """The generator of pages."""
    spec = importlib.util.spec_from_file_location("generated", DOCS / "_ext" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestGenerated:
    """Pages that are made from the code."""

    def test_every_verb_and_option_is_told(self, generated: ModuleType) -> None:
        """
        Each verb has a section, each of its options a row.
        """
        text = generated.verbs()

        assert list(VERBS) == re.findall(r"^## ([a-z-]+)$", text, re.MULTILINE)
        assert "load run" in re.findall(r"^### ([a-z -]+)$", text, re.MULTILINE)
        for option in ("--need", "--why-not", "--all-profiles", "--layer", "-C"):
            assert f"`{option}" in text

    def test_every_code_is_told_with_a_message(self, generated: ModuleType) -> None:
        """
        Codes stand in the order of the alphabet, and well-known ones are there.
        """
        codes = re.findall(r"^\| `([a-z-]+)`", generated.codes(), re.MULTILINE)

        assert sorted(codes) == codes
        assert {"unknown-profile", "not-allowed", "locked-value", "stale-file"} <= set(codes)

    def test_scenarios_are_told(self, generated: ModuleType) -> None:
        """
        Each that comes with us, with the meaning of each parameter and what must hold in words.
        """
        page = generated.scenarios()

        for name, (kind, _) in BUILT_IN.items():
            section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
            for key in (*kind.defaults, *kind.invariants()):
                row = next(r for r in section.splitlines() if r.startswith(f"| `{key}` |"))
                assert all(cell.strip() for cell in row.strip("|").split("|"))

    def test_tables_and_variables_are_told(self, generated: ModuleType) -> None:
        """
        Every built-in table has its keys, every variable its meaning.
        """
        assert "| `stack.order` |" in generated.tables()
        assert "| `ONEIRIC_PROFILE` |" in generated.variables()


class TestPages:
    """What must have a page."""

    def test_every_public_package_has_one(self) -> None:
        """
        A package that can be imported by its name is documented, doors of commands aside.
        """
        packages = {m.name for m in pkgutil.iter_modules(oneiric_lab.__path__) if m.ispkg}
        pages = {path.stem for path in (DOCS / "reference" / "api").glob("*.md")}

        assert packages - {"cli", "commands", "notebook"} <= pages

    def test_the_glossary_says_each_word_once(self) -> None:
        """
        One meaning each.
        """
        text = (DOCS / "reference" / "glossary.md").read_text()
        words = re.findall(r"^(\S.*)\n: ", text, re.MULTILINE)

        assert len(words) > 70
        assert len(set(words)) == len(words)

    def test_how_to_pages_say_so(self) -> None:
        """
        Their titles start with what they are.
        """
        titles = {
            path.name: path.read_text().splitlines()[0]
            for path in (DOCS / "how-to").glob("*.md")
            if path.stem != "index"
        }

        assert {name: t for name, t in titles.items() if not t.startswith("# How to ")} == {}

    def test_links_of_the_readme_lead_somewhere(self) -> None:
        """
        Every relative link of the pages at the root names a file.
        """
        dead = [
            link
            for page in ROOT.glob("*.md")
            for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
            if not (ROOT / link).exists()
        ]

        assert dead == []


class TestHooks:
    """Hooks of a commit."""

    def test_need_no_network(self) -> None:
        """
        All are local, and run what the environment of the tests has.
        """
        yaml = pytest.importorskip("yaml")
        config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())

        assert [repository["repo"] for repository in config["repos"]] == ["local"]
        for hook in config["repos"][0]["hooks"]:
            assert hook["language"] == "system"
            assert hook["entry"].startswith(".venv-dev/bin/")

    def test_documents_are_looked_at(self, tmp_path: Path) -> None:
        """
        A document that does not parse, a huge file and a private key are refused.
        """
        (tmp_path / "good.toml").write_text("a = 1\n")
        (tmp_path / "bad.toml").write_text("a = \n")
        (tmp_path / "bad.json").write_text("{")
        (tmp_path / "key.pem").write_text("-----BEGIN EC " + "PRIVATE KEY-----\n")
        (tmp_path / "huge.bin").write_bytes(b"0" * 1_000_001)
        names = ["good.toml", "bad.toml", "bad.json", "key.pem", "huge.bin"]

        found = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "precommit.py"), *names],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

        assert found.returncode == 1
        assert names[1:] == [line.split(":")[0] for line in found.stdout.splitlines()]


class TestBuild:
    """The pages as HTML."""

    def test_builds_without_a_warning(self, tmp_path: Path) -> None:
        """
        Every reference resolves, and nothing is fetched.
        """
        pytest.importorskip("myst_nb")
        words = ["-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-b", "html"]
        folders = ["-d", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "out")]

        found = subprocess.run(
            [sys.executable, *words, *folders],
            capture_output=True,
            text=True,
            check=False,
        )

        assert found.stderr == ""
        assert found.returncode == 0
        assert (tmp_path / "out" / "how-to" / "explain.html").exists()
        # An option that is read can be typed.
        assert "VERB --help tells more" in (tmp_path / "out/reference/verbs.html").read_text()


class TestChanges:
    """The changelog."""

    def test_fragments_make_a_changelog(self) -> None:
        """
        Every fragment is of a known kind, and together they are put in order.
        """
        pytest.importorskip("towncrier")
        kinds = {"security", "removed", "deprecated", "added", "changed", "fixed"}
        names = [path.name for path in (ROOT / "changelog.d").glob("*.md")]

        out = subprocess.run(
            [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

        assert names
        assert {name.split(".")[1] for name in names} <= kinds
        assert "9.9" in out
        assert out.count("#2") >= len([n for n in names if n.startswith("2.")])
