"""What holds for every test: an environment of its own, and no silent skips in CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

pytest_plugins = ["pytester"]

ALONE = (
    "browser",
    "cli/test_run.py",
    "cli/test_two_processes.py",
    "commands/test_load",
    "docs/test_examples.py",
    "faults",
    "jobs",
    "lab/test_host.py",
    "lab/test_load.py",
    "lab/test_probe_and_watch.py",
    "lab/test_running.py",
    "lifecycle",
    "loadlab",
    "notebook",
    "remote",
    "runtime",
    "testing",
)
"""Where the clock of this machine counts: these do not run beside others; see `make test`."""

_KEPT = {"ONEIRIC_CI", "ONEIRIC_GOLDEN"}


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide what the developer's machine says, and keep out of what it remembers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("ONEIRIC_") and n not in _KEPT]:
            patch.delenv(name)
        patch.setenv("ONEIRIC_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what must run alone."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(
            ALONE
        ):
            item.add_marker(pytest.mark.alone)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the benchmarks out unless they are named: `make bench` brings what they need."""
    if collection_path.name != "bench" or any("bench" in given for given in config.args):
        return None
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed (`ONEIRIC_CI`), a skipped test is a failed one.

    What no machine can install is exempt: vectors that stand outside this repository, and
    what a platform lacks (a reason that starts with `only on`).
    """
    report = yield
    if os.environ.get("ONEIRIC_CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if "vectors" not in reason and not reason.startswith("only on"):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, which CI takes as a failure: {reason}"
    return report
