"""Git itself asks for differences of manifests: as its diff driver, and line by line."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from oneiric_lab.manifest import pack

ROOT = Path(__file__).parents[2]
ENTRY = """
[[entries]]
domain = "adapter"
key = "cache"
provider = "redis"
version = "2.1.0"
factory = "shop_redis:Cache"
"""


class Repository:
    """A git repository with a manifest in it, whose diff driver is ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q")
        self.git("config", "user.email", "a@example.com")
        self.git("config", "user.name", "A")

    def git(self, *words: str) -> str:
        """Return what git prints."""
        env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(self.folder)}
        return subprocess.run(
            ["git", *words], cwd=self.folder, env=env, check=True, capture_output=True, text=True
        ).stdout

    def configure(self, name: str, words: str) -> None:
        """Take a verb of ours as *name* of git's."""
        line = f"{shlex.quote(sys.executable)} -m oneiric_lab manifest {words}"
        self.git("config", f"diff.oneiric.{name}", line)
        (self.folder / ".gitattributes").write_text("*.oneiric.json diff=oneiric\n")

    def write(self, version: int, entries: str = ENTRY) -> None:
        """Pack a manifest."""
        source = self.folder / "shop.toml"
        source.write_text(
            f'schema = 3\nproject = "shop"\nchannel = "stable"\nversion = {version}\n{entries}'
        )
        pack(source)

    def commit(self) -> None:
        """Commit all."""
        self.git("add", "-A")
        self.git("commit", "-qm", "one")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return an empty repository."""
    return Repository(tmp_path)


class TestGit:
    def test_driver(self, repository: Repository) -> None:
        """
        `git diff` shows the risks where it showed one line of JSON.
        """
        repository.configure("command", "diff --git")
        repository.write(7)
        repository.commit()
        repository.write(8, ENTRY.replace("shop_redis:Cache", "shop_redis:Other"))

        text = repository.git("diff", "--", "shop.oneiric.json")

        assert text.startswith("shop.oneiric.json: shop/stable 7 -> 8: 1 risk (1 grave)")
        assert "factory-changed" in text

    def test_driver_for_what_is_new_or_gone(self, repository: Repository) -> None:
        """
        A side that is not there is a manifest without entries.
        """
        repository.configure("command", "diff --git")
        repository.commit()
        repository.write(7)
        repository.git("add", "-A")
        assert "entry: 1 added" in repository.git("diff", "--cached", "--", "shop.oneiric.json")
        repository.commit()

        (repository.folder / "shop.oneiric.json").unlink()

        assert "entry: 1 removed" in repository.git("diff", "--", "shop.oneiric.json")

    def test_driver_for_what_is_no_manifest(self, repository: Repository) -> None:
        """
        A broken file does not end git's work: it is told why it cannot be compared.
        """
        repository.configure("command", "diff --git")
        repository.write(7)
        repository.commit()
        (repository.folder / "shop.oneiric.json").write_text('{"a": 1}')

        text = repository.git("diff")

        assert "shop.oneiric.json: it cannot be compared" in text
        assert "whitespace" in text

    def test_textconv(self, repository: Repository) -> None:
        """
        Line by line, also in `git log -p`; a broken file in between is text.
        """
        repository.configure("textconv", "textconv")
        repository.write(7)
        repository.commit()
        (repository.folder / "shop.oneiric.json").write_text("broken\n")
        repository.commit()
        repository.write(8, ENTRY.replace("2.1.0", "2.2.0"))
        repository.commit()

        text = repository.git("log", "-p", "--", "shop.oneiric.json")
        between = repository.git("diff", "HEAD~2", "HEAD", "--", "shop.oneiric.json")

        assert "+# no manifest:" in text
        assert "-version = 2.1.0\n+version = 2.2.0" in between
        assert "-shop/stable 7\n+shop/stable 8" in between
