"""The viewer of manifests and bundles: on a bare page, and opened in JupyterLab."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oneiric_lab.testing import ReleaseHouse

SHOW = """async ([path, files, pins, now]) => {
  const { ReleaseView } = await import("/static/viewer.mjs");
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  window.files = files;
  const read = async (name) => name in window.files
    ? Uint8Array.from(atob(window.files[name]), (c) => c.charCodeAt(0)) : null;
  window.view = new ReleaseView(root, path, { read, pins: () => pins, now: () => now });
  await window.view.refresh();
}"""


def show(
    page: Any, house: ReleaseHouse, files: dict[str, bytes], *, pinned: bool = True, **options: Any
) -> str:
    """Show a release, and return what stands on top."""
    pins = [house.root.sha256] if pinned else []
    given = {name: b64encode(data).decode() for name, data in files.items()}
    path = options.get("path", "out/shop.oneiric.json")
    page.evaluate(SHOW, [path, given, pins, house.now.timestamp() * 1000])
    said: str = page.get_by_role("status").first.inner_text()
    return said


def pair(release: Any, name: str = "shop") -> dict[str, bytes]:
    """Return both files of a release, by their paths."""
    return {
        f"out/{name}.oneiric.json": release.manifest,
        f"out/{name}.oneiric-bundle.json": release.bundle.encode(),
    }


@pytest.fixture(scope="module")
def house() -> ReleaseHouse:
    """Return a house with a release."""
    made = ReleaseHouse()
    made.release({"adapter:cache": "redis", "service:payment": "stripe"})
    return made


class TestStates:
    def test_matches_a_root_that_is_pinned(self, extension: Any, house: ReleaseHouse) -> None:
        """
        What holds is said in words with the root it holds against, and what verifying is.
        """
        page = extension()
        said = show(page, house, pair(house.releases[0]))

        assert said.startswith("✓ signatures match root")
        assert page.get_by_role("heading", level=1).inner_text() == "shop stable 1"
        text = page.get_by_role("region").inner_text()
        assert "Found by this browser alone" in text
        assert "manifest verify out/shop.oneiric.json --bundle out/shop" in text
        assert "verified" not in text.lower()
        assert page.get_by_role("group", name="entries").locator("tbody tr").count() == 2

    def test_the_bundle_shows_the_same(self, extension: Any, house: ReleaseHouse) -> None:
        """
        Whichever of the two files is opened, both are looked at.
        """
        path = "out/shop.oneiric-bundle.json"
        said = show(extension(), house, pair(house.releases[0]), path=path)

        assert said.startswith("✓ signatures match root")

    def test_without_a_pin(self, extension: Any, house: ReleaseHouse) -> None:
        """
        The digest of the root is there to compare, and no button that trusts it.
        """
        page = extension()
        said = show(page, house, pair(house.releases[0]), pinned=False)

        assert said == "⚠ signatures match the root inside this file, which is not trusted here"
        text = page.get_by_role("region").inner_text()
        assert f"sha256:{house.root.sha256}" in text
        names = page.get_by_role("button").all_inner_texts()
        assert not [name for name in names if "rust" in name or name[:2] == "in"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda f: {n: d.replace(b"redis", b"Redis") for n, d in f.items()}, "the manifest is"),
            (lambda f: {n: d for n, d in f.items() if "bundle" not in n}, "a manifest alone"),
            (lambda f: {n: d for n, d in f.items() if "bundle" in n}, "without its manifest"),
            (lambda f: {n: d + b"\n" for n, d in f.items()}, "canonical form"),
            (lambda f: {n: d[:-9] for n, d in f.items()}, "no JSON"),
            (lambda f: {n: d.replace(b'"sig":"', b'"sig":"AA') for n, d in f.items()}, "base64"),
        ],
        ids=["other-entry", "no-bundle", "no-manifest", "line-end", "cut", "signature"],
    )
    def test_what_was_tampered_with(
        self, extension: Any, house: ReleaseHouse, change: Any, words: str
    ) -> None:
        """
        The first thing that is not in order stands on top, in words.
        """
        page = extension()
        said = show(page, house, change(pair(house.releases[0])))

        assert said.startswith("✗ not in order: ")
        assert words in said
        assert page.locator("[data-tone=bad]").count() == 1

    def test_without_a_secure_context(self, extension: Any, house: ReleaseHouse) -> None:
        """
        Over plain http the entries are shown, and nothing is said about signatures.
        """
        page = extension("plain.test")
        said = show(page, house, pair(house.releases[0]))

        assert said.startswith("⚠ not checked here: this page has no secure context")
        assert "adapter:cache" in page.get_by_role("group", name="entries").inner_text()
        assert page.get_by_role("group", name="checks").count() == 0


class TestEntries:
    def test_many_and_hostile_ones(self, extension: Any, house: ReleaseHouse) -> None:
        """
        A thousand entries are filtered and shown in parts; a name is a text.
        """
        made = ReleaseHouse()
        many = {f"task:t{n:05}": "x" * 300 for n in range(1_000)}
        release = made.release({**many, "adapter:<img src=x onerror=alert(1)>": "<b>"})
        page = extension(width=500)
        show(page, made, pair(release))
        rows = page.get_by_role("group", name="entries").locator("tbody tr")

        assert rows.count() == 200
        page.get_by_role("button", name="Show 200 more").click()
        assert rows.count() == 400
        page.get_by_role("searchbox").fill("onerror")
        assert rows.count() == 1
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 500

    def test_compared_with_another_file(self, extension: Any, house: ReleaseHouse) -> None:
        """
        What came, left and changed, field by field, and where risks are judged.
        """
        made = ReleaseHouse()
        old = made.release({"adapter:cache": "redis", "service:payment": "stripe"})
        new = made.release(
            [
                {"domain": "adapter", "key": "cache", "provider": "redis", "version": "2.0.0"},
                {"domain": "task", "key": "mail", "provider": "smtp", "version": "1"},
            ]
        )
        page = extension()
        show(page, made, {**pair(new), **pair(old, "old")})
        page.get_by_label("file to compare with").fill("old")
        page.get_by_role("button", name="Compare").click()
        page.get_by_text("1 added, 1 removed, 1 changed, 0 the same").wait_for()

        text = page.get_by_role("group", name="differences").inner_text()
        assert "version: 1.0.0 → 2.0.0" in text
        assert "oneiric-lab manifest diff out/old.oneiric.json" in page.inner_text("body")
        page.get_by_label("file to compare with").fill("../../etc/passwd")
        page.keyboard.press("Enter")
        page.get_by_text("was not found beside this file").wait_for()


class TestInJupyterLab:
    def test_opens_both_kinds_of_files(self, workbench: Any, server: Any) -> None:
        """
        Both open the viewer; a root that is pinned in the settings is told, and so is a file that
        changed on disk.
        """
        made = ReleaseHouse(now=datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))
        release = made.release({"adapter:cache": "redis"})
        for name, data in pair(release).items():
            (server.folder / name.partition("/")[2]).write_bytes(data)
        page = workbench.page
        workbench.execute("docmanager:open", path="shop.oneiric-bundle.json")
        view = page.get_by_role("region", name="release shop.oneiric-bundle.json")
        view.get_by_text("which is not trusted here").wait_for()
        page.evaluate(
            "async (pin) => { const app = window.jupyterapp; const id ="
            " 'jupyterlab-oneiric:plugin'; await app.serviceManager.settings.save(id,"
            " JSON.stringify({ trustedRoots: [pin] })); }",
            f"sha256:{made.root.sha256}",
        )
        workbench.load()
        workbench.execute("oneiric:verify-file", path="shop.oneiric.json")
        view = page.get_by_role("region", name="release shop.oneiric.json")
        view.get_by_text("which is pinned in your settings").wait_for()

        (server.folder / "shop.oneiric.json").write_bytes(
            release.manifest.replace(b"redis", b"Redis")
        )
        page.evaluate("() => window.jupyterapp.shell.currentWidget.context.revert()")
        view.get_by_text("not in order: the manifest is").wait_for()
