"""`sync` and `remote status`, in processes of their own, against a server that misbehaves."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.testing import Answer, Drip, FaultServer, ReleaseHouse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ENTRY = {
    "domain": "adapter",
    "key": "cache",
    "provider": "remote",
    "version": "1.0.0",
    "factory": "shop.remote:Cache",
}


class Shop:
    """A workspace and a server of releases for it."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.folder, self.server = folder, server
        self.house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        folder.joinpath("trust.toml").write_text(f'root = "sha256:{self.house.root.sha256}"\n')
        self.write()

    def write(self, more: str = "") -> None:
        """Write the configuration."""
        self.folder.joinpath("oneiric.toml").write_text(
            f'[remote]\nenabled = true\nmanifest_url = "{self.server.url}shop.oneiric.json"\n'
            f"retry_base_delay = 0.01\n{more}"
        )

    def offer(
        self, *entries: dict[str, Any], manifest: list[Answer | Drip | bytes] | None = None
    ) -> None:
        """Publish a release; *manifest* is what comes instead of its manifest."""
        made = self.house.release(list(entries) or [ENTRY])
        etag = {"ETag": f'"{made.statement.sha256}"'}
        self.server.answers["/shop.oneiric.json"] = manifest or [
            Answer(body=made.manifest, headers=etag)
        ]
        self.server.answers["/shop.oneiric-bundle.json"] = [Answer(body=made.bundle.encode())]

    def start(self, *words: str, limit: int | None = None) -> subprocess.Popen[str]:
        """Start a verb."""
        prelude = "import sys; from oneiric_lab.cli import main; "
        if limit is not None:
            prelude += (
                "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
                f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
            )
        return subprocess.Popen(
            [sys.executable, "-c", f"{prelude}sys.exit(main(sys.argv[1:]))", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, limit: int | None = None) -> tuple[int, Any]:
        """Run a verb; return its exit code and its JSON."""
        process = self.start(*words, "--json", limit=limit)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return process.returncode, json.loads(out)

    def remote(self) -> list[str]:
        """Return the providers of adapter:cache that came from elsewhere, in a new process."""
        listing = self.run("list", "adapter")[1]
        return [r["provider"] for r in listing["components"] if r["source"] == "manifest"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A workspace, and a server beside it."""
    with FaultServer() as server:
        yield Shop(tmp_path, server)


class TestSync:
    """The verb."""

    def test_a_release_is_there_for_the_next_process(self, shop: Shop) -> None:
        """
        503 passes, the release enters, an unchanged one is told so, and the status is sound.
        """
        shop.offer()
        shop.server.answers["/shop.oneiric.json"][:0] = [Answer(503), Answer(503)]

        assert shop.run("remote", "status")[0] == 1
        assert shop.run("sync", "--dry-run")[1]["sources"][0]["outcome"] == "would enter"
        code, said = shop.run("sync")
        assert (code, said["sources"][0]["outcome"]) == (0, "entered")
        assert shop.run("sync")[1]["sources"][0]["outcome"] == "unchanged"
        code, said = shop.run("remote", "status")
        assert (code, said["sources"][0]["state"]) == (0, "fresh")
        assert shop.remote() == ["remote"]

    def test_dry_run_and_watch_exclude_each_other(self, shop: Shop) -> None:
        """
        It is a fault of usage.
        """
        assert shop.run("sync", "--dry-run", "--watch")[0] == 2

    def test_watch_tells_each_sync_until_it_is_interrupted(self, shop: Shop) -> None:
        """
        A refusal first, then the release: the loop goes on.
        """
        shop.write("refresh_interval = 0.2\n")
        shop.offer()
        shop.server.answers["/shop.oneiric.json"].insert(0, Answer(404))
        process = shop.start("sync", "--watch", "--json")
        seen: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            seen.append(json.loads(line)["sources"][0]["outcome"])
            if len(seen) == 3:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

        assert seen == ["unreachable", "entered", "unchanged"]
        assert process.returncode == 130

    def test_a_process_that_is_killed_during_a_sync_changes_nothing(self, shop: Shop) -> None:
        """
        What drips is cut off with it; the last good release stays, and the next sync is whole.
        """
        shop.offer()
        assert shop.run("sync")[0] == 0
        body = shop.house.manifest([dict(ENTRY, provider="next")], version=2)
        shop.offer(dict(ENTRY, provider="next"), manifest=[Drip(Answer(body=body), 4, 0.05)])
        process = shop.start("sync")
        while shop.server.seen["/shop.oneiric.json"] < 2:
            assert process.poll() is None
        process.kill()
        process.communicate(timeout=20)

        assert shop.remote() == ["remote"]
        shop.offer(dict(ENTRY, provider="next"))
        assert shop.run("sync")[0] == 0
        assert shop.remote() == ["next"]

    def test_a_full_disk_keeps_the_last_good_release(self, shop: Shop) -> None:
        """
        The limit of the size of a file stands for the disk; the reason is told.
        """
        shop.offer()
        assert shop.run("sync")[0] == 0
        many = [dict(ENTRY, provider=f"p{n}", summary="x" * 400) for n in range(1000)]
        shop.offer(*many)

        code, said = shop.run("sync", limit=300_000)

        assert (code, said["sources"][0]["outcome"]) == (1, "refused")
        assert said["sources"][0]["faults"][0]["code"] == "object-unwritable"
        assert shop.remote() == ["remote"]
        assert not list(shop.folder.rglob("*.tmp"))
        assert shop.run("sync")[0] == 0

    def test_processes_that_sync_at_once_agree(self, shop: Shop) -> None:
        """
        Each succeeds, and what they leave is one whole release.
        """
        shop.offer()
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(shop.run("sync")[0])) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert found == [0, 0, 0, 0]
        assert shop.remote() == ["remote"]
        assert not list(shop.folder.rglob("*.tmp"))
