"""The pytest plugin, run in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = "oneiric_lab.testing.pytest_plugin"
# Where the plugin is installed this process has imported it already.
QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a workspace, as a user would have it."""
    # Whether the plugin is installed must not matter: it is named, and named once.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.syspath_prepend(str(ROOT))
    (pytester.path / "oneiric.toml").write_text("[server]\nport = 8080\n")
    (pytester.path / "oneiric.prod.toml").write_text("[server]\nport = 80\n")
    return pytester


def run(project: pytest.Pytester, text: str, *args: str) -> dict[str, int]:
    """Run the test module *text* and return its outcomes."""
    project.makepyfile(textwrap.dedent(text))
    outcomes: dict[str, int] = project.runpytest_inprocess(
        "-p", PLUGIN, "--strict-markers", "-p", "no:cacheprovider", *QUIET, *args
    ).parseoutcomes()
    return outcomes


class TestLab:
    """The fixture `lab`."""

    def test_opens_the_workspace_of_the_root(self, project: pytest.Pytester) -> None:
        """
        Without any option the workspace is the project's own folder.
        """
        outcomes = run(
            project,
            """
            def test_port(lab):
                assert lab.value("server.port") == 8080
            """,
        )

        assert outcomes == {"passed": 1}

    def test_ini_names_workspace_and_profiles(self, project: pytest.Pytester) -> None:
        """
        Ini options say which workspace, with which profiles.
        """
        (project.path / "conf").mkdir()
        for name in ("oneiric.toml", "oneiric.prod.toml"):
            (project.path / name).rename(project.path / "conf" / name)
        project.makeini("[pytest]\noneiric_workspace = conf\noneiric_profiles = prod\n")

        outcomes = run(
            project,
            """
            def test_port(lab):
                assert lab.value("server.port") == 80
            """,
        )

        assert outcomes == {"passed": 1}

    def test_the_nearest_marker_wins(self, project: pytest.Pytester) -> None:
        """
        A marker on the function goes before that of the class.
        """
        outcomes = run(
            project,
            """
            import pytest

            @pytest.mark.oneiric(profiles=["prod"], set={"name": "class"})
            class TestIt:
                def test_class(self, lab):
                    assert lab.value("server.port") == 80

                @pytest.mark.oneiric(profiles=[])
                def test_function(self, lab):
                    assert lab.value("server.port") == 8080
                    assert lab.value("name") == "class"
            """,
        )

        assert outcomes == {"passed": 2}

    def test_sees_no_variable_of_the_machine(
        self, project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A profile named by the developer's environment does not change a test.
        """
        monkeypatch.setenv("ONEIRIC_PROFILE", "prod")

        outcomes = run(
            project,
            """
            def test_port(lab):
                assert lab.snapshot.profiles == ()
            """,
        )

        assert outcomes == {"passed": 1}

    def test_a_broken_workspace_is_an_error_of_the_test(self, project: pytest.Pytester) -> None:
        """
        The report shows file, line and caret.
        """
        (project.path / "oneiric.toml").write_text("[server\n")
        project.makepyfile("def test_port(lab): pass")

        result = project.runpytest_inprocess("-p", PLUGIN)

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*--> oneiric.toml:1:*"])


class TestOverride:
    """The fixture `override`."""

    def test_holds_until_the_test_ends(self, project: pytest.Pytester) -> None:
        """
        Values are in force in one test and gone in the next, files untouched.
        """
        outcomes = run(
            project,
            """
            def test_first(lab, override):
                assert override({"server.port": 0}) is lab
                override({"server.host": "x"})
                assert (lab.value("server.port"), lab.value("server.host")) == (0, "x")

            def test_second(lab):
                assert lab.value("server.port") == 8080
            """,
        )

        assert outcomes == {"passed": 2}
        assert (project.path / "oneiric.toml").read_text().strip() == "[server]\nport = 8080"

    def test_is_given_back_within_the_test(self, project: pytest.Pytester) -> None:
        """
        Teardown gives the former values back even to a lab that outlives the fixture.
        """
        outcomes = run(
            project,
            """
            import pytest
            from oneiric_lab import Lab

            @pytest.fixture(scope="module")
            def shared(request):
                return Lab.open(request.config.rootpath, environ={}, trusted=True)

            @pytest.fixture
            def lab(shared):
                return shared

            def test_first(override):
                override({"server.port": 1})

            def test_second(lab):
                assert lab.value("server.port") == 8080
            """,
        )

        assert outcomes == {"passed": 2}


class TestStart:
    """What starting pytest costs whoever has us installed."""

    def test_loads_nothing_but_pytest(self) -> None:
        """
        Importing the plugin loads neither lab nor config nor any dependency.
        """
        code = (
            "import pytest, sys; before = set(sys.modules); "
            f"import {PLUGIN}; "
            "print(sorted(m for m in set(sys.modules) - before))"
        )

        out = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

        inside = {name for name in eval(out) if name.startswith("oneiric_lab.")}
        outside = {name.split(".")[0] for name in eval(out)} - sys.stdlib_module_names
        assert {"oneiric_lab"} == outside
        assert {"oneiric_lab._lazy", "oneiric_lab.testing"} <= inside
        assert not {name for name in inside if not name.startswith("oneiric_lab.testing")} - {
            "oneiric_lab._lazy"
        }

    def test_is_registered_by_its_entry_point(self) -> None:
        """
        Installed, the plugin is found by pytest without being named.
        """
        table = tomllib.loads((ROOT / "pyproject.toml").read_text())

        assert table["project"]["entry-points"]["pytest11"] == {"oneiric_lab": PLUGIN}
