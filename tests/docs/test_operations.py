"""What the documentation tells operators: metrics that exist, a unit that systemd takes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from oneiric_lab.runtime import CATALOGUE

ROOT = Path(__file__).parents[2]
TEXTS = [
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts and not path.name.startswith("_")
]
_METRIC = re.compile(r"(?<![\w./-])(?:oneiric_lab|process)_[a-z_]+(?![\w./(])")
_ENDS = ("_bucket", "_sum", "_count")


def named(text: str) -> set[str]:
    """Return the metrics that a text names; what ends as a part of one does names that one."""
    out = set()
    for name in _METRIC.findall(text):
        base = next((name.removesuffix(e) for e in _ENDS if name.endswith(e)), name)
        out.add(name if name in CATALOGUE else base)
    return out


def binary(name: str, package: str) -> str:
    """Return a program of Debian's, or skip."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("ONEIRIC_CI"):
            pytest.fail(f"{name} is missing: apt-get install {package}")
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


def fenced(page: str, caption: str) -> str:
    """Return the block of a page that has that caption."""
    text = (ROOT / "docs" / "how-to" / page).read_text()
    match = re.search(
        rf"```{{code-block}} \w+\n:caption: {re.escape(caption)}\n\n(.*?)```", text, re.DOTALL
    )
    assert match is not None
    return match[1]


class TestMetrics:
    def test_pages_and_alerts_name_only_what_there_is(self) -> None:
        """
        Upstream's alerts used 17 base metrics, of which 13 were never emitted.
        """
        found = {path: named(path.read_text()) for path in TEXTS}

        assert sum(map(len, found.values())) > 10, "the search found nothing, so it proves nothing"
        unknown = {p.name: names - set(CATALOGUE) for p, names in found.items()}
        assert {name: names for name, names in unknown.items() if names} == {}

    def test_a_name_that_there_is_not_would_be_seen(self) -> None:
        """
        The search can fail.
        """
        text = "sum(rate(oneiric_lab_swap_duration_seconds_bucket[5m])) / oneiric_lab_made_up_total"

        assert named(text) - set(CATALOGUE) == {"oneiric_lab_made_up_total"}

    def test_the_rules_are_rules(self, tmp_path: Path) -> None:
        """
        Prometheus's own tool takes the page's alerts and its configuration.
        """
        promtool = binary("promtool", "prometheus")
        for kind, name in (("rules", "rules.yml"), ("config", "prometheus.yml")):
            file = tmp_path / name
            file.write_text(fenced("metrics.md", name))
            done = subprocess.run(
                [promtool, "check", kind, str(file)], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr


class TestUnit:
    def test_systemd_has_nothing_to_say_about_it(self, tmp_path: Path) -> None:
        """
        Standard error is empty: a key that is misspelt returns 0 and only says so there.
        """
        analyze = binary("systemd-analyze", "systemd")
        unit = tmp_path / "oneiric-lab@.service"
        unit.write_text(fenced("host.md", "/etc/systemd/system/oneiric-lab@.service"))
        done = subprocess.run(
            [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stderr) == (0, "")

    def test_it_is_given_no_more_than_it_needs(self, tmp_path: Path) -> None:
        """
        By systemd's own score, of which less is better; upstream's unit had 2.8.
        """
        analyze = binary("systemd-analyze", "systemd")
        unit = tmp_path / "oneiric-lab@.service"
        unit.write_text(fenced("host.md", "/etc/systemd/system/oneiric-lab@.service"))
        done = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=15", "--no-pager", str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stdout[-300:]
