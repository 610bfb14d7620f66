"""What the documentation tells operators: metrics that exist, a unit that systemd takes."""

from __future__ import annotations

import importlib.util
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
DESIGNED = {
    "oneiric_lab_activity_inflight",
    "oneiric_lab_activity_state",
    "oneiric_lab_artifact_store_size_bytes",
    "oneiric_lab_build_info",
    "oneiric_lab_circuit_state",
    "oneiric_lab_event_deliveries_total",
    "oneiric_lab_event_queue_depth",
    "oneiric_lab_flag_evaluations_total",
    "oneiric_lab_health_checks_total",
    "oneiric_lab_instance_active",
    "oneiric_lab_instance_leaks_total",
    "oneiric_lab_key_expiry_timestamp_seconds",
    "oneiric_lab_log_entries",
    "oneiric_lab_log_verify_failures_total",
    "oneiric_lab_loop_lag_seconds",
    "oneiric_lab_manifest_expiry_timestamp_seconds",
    "oneiric_lab_manifest_rejections_total",
    "oneiric_lab_registry_candidates",
    "oneiric_lab_registry_generation",
    "oneiric_lab_resolve_calls_total",
    "oneiric_lab_resolve_duration_seconds",
    "oneiric_lab_retry_attempts_total",
    "oneiric_lab_run_active",
    "oneiric_lab_run_completed_total",
    "oneiric_lab_run_oldest_age_seconds",
    "oneiric_lab_secret_age_seconds",
    "oneiric_lab_secret_rotations_total",
    "oneiric_lab_step_duration_seconds",
    "oneiric_lab_step_replays_total",
    "oneiric_lab_store_batch_size",
    "oneiric_lab_store_commit_duration_seconds",
    "oneiric_lab_store_errors_total",
    "oneiric_lab_swap_attempts_total",
    "oneiric_lab_swap_duration_seconds",
    "oneiric_lab_sync_attempts_total",
    "oneiric_lab_sync_duration_seconds",
    "oneiric_lab_sync_interval_seconds",
    "oneiric_lab_sync_last_success_timestamp_seconds",
    "oneiric_lab_watch_mode",
    "oneiric_lab_watch_reloads_total",
}
"""What the design of the runtime asks for."""

AWAITED = {"oneiric_lab_log_entries", "oneiric_lab_log_verify_failures_total"}
"""Those of the transparency log, which no process here keeps yet."""

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
    def test_the_design_the_catalogue_and_the_page_agree(self) -> None:
        """
        Each metric that was asked for is there, but for those of what is not; the page of all
        metrics has a row for each, and none besides.
        """
        made = importlib.util.spec_from_file_location("made", ROOT / "docs/_ext/generated.py")
        assert made is not None
        assert made.loader is not None
        pages = importlib.util.module_from_spec(made)
        made.loader.exec_module(pages)
        rows = re.findall(r"^\| `(\w+)` \|", pages.metrics(), re.MULTILINE)

        assert DESIGNED - set(CATALOGUE) == AWAITED
        assert rows == list(CATALOGUE)

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
