"""Fixtures for pytest: `lab`, the workspace under test, and `override`, values for one test.

The module is imported whenever pytest starts, so it imports nothing but pytest; a lab is
loaded when a test asks for one.

    def test_port(lab, override):
        override({"server.port": 0})
        assert lab.config.server.port == 0
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oneiric_lab.lab import Lab


class Override(Protocol):
    """Holds values in the session layer until the test ends."""

    def __call__(self, changes: Mapping[str, object], /) -> Lab[Any]:
        """Set each path of *changes* to its value and return the lab."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say which workspace the tests are about."""
    parser.addini(
        "oneiric_workspace", "folder of the workspace that `lab` opens, from the root", default="."
    )
    parser.addini("oneiric_profiles", "profiles that `lab` activates", type="args", default=())


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known to `--strict-markers`."""
    config.addinivalue_line(
        "markers",
        "oneiric(workspace=, **options): how `lab` is opened here; options are those of Lab.open",
    )


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Lab[Any]:
    """The workspace under test, opened for this test alone.

    It sees no environment, so that the machine's variables can not change a test, and its
    code may run, since testing it is what the test is for. Nothing is written unless the
    test saves; `Workspace` gives a workspace to write to. Ini options and the marker `oneiric`
    say which workspace and how.
    """
    from oneiric_lab.lab import Lab  # noqa: PLC0415 - pytest starts without it

    config = request.config
    options: dict[str, Any] = {
        "workspace": config.getini("oneiric_workspace"),
        "profiles": tuple(config.getini("oneiric_profiles")) or None,
        "environ": {},
        "trusted": True,
    }
    # The nearest marker goes before those of the class and of the module.
    for marker in reversed(list(request.node.iter_markers("oneiric"))):
        options.update(marker.kwargs)
    root = config.rootpath / Path(options.pop("workspace"))
    return Lab.open(root, **options)


@pytest.fixture
def override(lab: Lab[Any]) -> Iterator[Override]:
    """A function that holds values in `lab` until the test ends.

    Raises:
        InvalidConfigError: The values have problems; nothing was changed.
    """
    with ExitStack() as stack:

        def hold(changes: Mapping[str, object], /) -> Lab[Any]:
            return stack.enter_context(lab.override(changes))

        yield hold
