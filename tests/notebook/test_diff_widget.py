"""The diff without a browser: its rows, what refuses, and its snapshot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.canonical import encode
from oneiric_lab.errors import UsageError
from oneiric_lab.lab import Lab
from oneiric_lab.manifest import Manifest, read_manifest
from oneiric_lab.views import MIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")


def entry(target: str, provider: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """Return an entry of a manifest."""
    domain, _, key = target.partition(":")
    factory = f"shop_{provider}:Made"
    named = {"domain": domain, "key": key, "provider": provider, "version": version}
    return {**named, "factory": factory, **more}


def artifact(host: str, digit: str) -> dict[str, Any]:
    """Return where an entry comes from."""
    return {"uri": f"https://{host}/a.whl", "sha256": digit * 64, "size": 10}


def manifest(version: int, *entries: dict[str, Any]) -> Manifest:
    """Return a manifest with these entries."""
    return read_manifest(document(version, *entries))


def document(version: int, *entries: Any) -> bytes:
    """Return the bytes of a manifest with these entries."""
    head = {"schema": 3, "project": "shop", "channel": "stable", "version": version}
    return encode({**head, "entries": list(entries)})


CACHE = {"requires_dist": ["redis>=5"], "artifact": artifact("dist.example", "a")}
OLD = manifest(
    6,
    entry("adapter:cache", "redis", "2.1.0", priority=1, **CACHE),
    entry("service:mail", "smtp"),
    entry("task:sweep", "cron"),
)
NEW = manifest(
    7,
    entry("adapter:cache", "redis", "2.1.0", priority=2, **{**CACHE, "requires_dist": ["hi"]}),
    entry("service:search", "fast"),
    entry("task:sweep", "cron"),
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab[Any]]:
    """Return a workspace that takes what the manifests name."""
    text = '[plugins]\nauto_load = false\nallow_factories = ["shop_redis", "shop_fast"]\n'
    (tmp_path / "oneiric.toml").write_text(text)
    with Lab.open(tmp_path, environ={}) as made:
        yield made


def table(found: Any, *kinds: str) -> list[tuple[Any, ...]]:
    """Return kind, name, old, new and risks of the rows of these kinds."""
    from oneiric_lab.notebook.widgets._diff import rows

    picked = [row for row in rows(found.diff) if not kinds or row[0] in kinds]
    return [(*row[:4], row[6]) for row in picked]


class TestRows:
    def test_the_gravest_first(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Risks, then the workspace, the manifest, the entries with their values, and the rest.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        shown = diff(lab, OLD, NEW)
        kinds = list(dict.fromkeys(row[0] for row in table(shown)))
        assert kinds == ["risk", "winner", "header", "entry", "field", "kept"]
        risks = table(shown, "risk")
        assert {row[1] for row in risks} == {risk.target for risk in shown.diff.risks}
        assert [row[4] for row in risks] == [(risk.code,) for risk in shown.diff.risks]
        assert table(shown, "header") == [("header", "version", "6", "7", ())]
        entries = {name: codes for _, name, _, _, codes in table(shown, "entry")}
        assert list(entries) == [
            "~ adapter:cache (redis 2.1.0)",
            "+ service:search (fast 1.0.0)",
            "- service:mail (smtp 1.0.0)",
        ]
        about = {code for row in risks if row[1] == "adapter:cache" for code in row[4]}
        assert about == {*entries["~ adapter:cache (redis 2.1.0)"]}
        fields = [row[1:4] for row in table(shown, "field")]
        assert ("priority", "1", "2") in fields
        assert ("requires_dist", "redis>=5", "hi") in fields
        assert ("factory", None, "shop_fast:Made") in fields
        assert ("factory", "shop_smtp:Made", None) in fields
        assert table(shown, "kept") == [("kept", "task:sweep (cron 1.0.0)", None, None, ())]

    def test_the_first_rows_travel_with_it(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Risks stand on top of them; all rows follow when the page asks, and how many differ is
        known before.
        """
        from oneiric_lab.notebook.widgets._diff import FIRST, diff

        old = [entry(f"task:t{n}", "cron", priority=1) for n in range(FIRST)]
        new = [{**one, "priority": 2} for one in old]
        shown = diff(lab, manifest(6, *old), manifest(7, *new))
        first = shown.get_state("sheet")["sheet"]
        assert (first["count"], first["begun"], first["domains"]) == (FIRST, True, ["task"])
        page = wire.made[-1]
        page.click({"do": "whole"})
        whole = page.told("whole")[-1]
        assert whole["begun"] is False
        assert whole["count"] == len(table(shown)) > 2 * FIRST
        differs = sum(kind not in {"field", "kept"} for kind, *_ in table(shown))
        assert first["differs"] == whole["differs"] == differs
        kinds = next(one for one in first["columns"] if one["name"] == "kind")
        assert kinds["values"] == ["risk"]

    def test_what_changes_here(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Who provides what, who may not, and what is wrong then.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        rows = [row[1:4] for row in table(diff(lab, OLD, NEW), "winner")]
        assert any(name == "service:search" and "fast" in new for name, _, new in rows)
        assert any("may not win here" in name for name, _, _ in rows)

    def test_values_of_all_kinds(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Long values show where they differ; what is only in another order says so.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        long = "x" * 2000
        old = manifest(1, entry("task:a", "b", metadata={"k": long + "1", "l": [1, 2], "n": 1}))
        new = manifest(
            2, entry("task:a", "b", metadata={"k": long + "2", "l": [2, 1], "m": "\u202e"})
        )
        rows = {row[1]: row[2:4] for row in table(diff(lab, old, new), "field")}
        was, now = rows["metadata.k"]
        assert (was[-1], now[-1]) == ("1", "2")
        assert max(len(was), len(now)) <= 400
        assert rows["metadata.n"] == ("1", None)
        assert rows["metadata.m"] == (None, "·")

    def test_only_a_part(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        A part of a diff is shown as it is, without what is the same.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        shown = diff(None, lab.diff(OLD, NEW).only(domain="adapter"))
        assert {row[0] for row in table(shown)} <= {"risk", "winner", "entry", "field"}
        assert shown.whole()["domains"] == ["adapter"]

    def test_nothing(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        The same twice has no difference and travels all the same.
        """
        from oneiric_lab.notebook.widgets._diff import Diff, diff

        assert diff(lab, OLD, OLD).whole()["differs"] == 0
        found = manifest(1)
        assert Diff(lab.diff(found, found), "x").whole()["count"] == 0


class TestTravels:
    def test_all_at_once(self, wire: type[Wire], lab: Lab[Any], tmp_path: Path) -> None:
        """
        Rows are columns of codes in one buffer, and can be asked for again.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        for name, found in (("a", OLD), ("b", NEW)):
            (tmp_path / f"{name}.oneiric.json").write_bytes(document(found.version, *found.entries))
        left, right = (str(tmp_path / f"{name}.oneiric.json") for name in "ab")
        shown = diff(lab, left, right)
        page = wire.made[-1]
        sheet = page.state("sheet")[0]
        assert sheet["code"] == f"lab.diff({left!r}, {right!r})"
        assert sheet["summary"] == shown.diff.view().title
        columns = {column["name"]: column for column in sheet["columns"]}
        assert columns["risks"]["kind"] == "tags"
        kind = columns["kind"]
        codes = bytes(page.buffers[0][0])[kind["at"] :][: sheet["count"]]
        assert [kind["values"][code] for code in codes] == [row[0] for row in table(shown)]
        assert set(sheet["asks"]) == {risk.code for risk in shown.diff.risks}
        page.click({"do": "whole"})
        assert page.told("whole")[0]["columns"] == sheet["columns"]

    def test_the_bundle_of_a_release(self, wire: type[Wire], lab: Lab[Any], tmp_path: Path) -> None:
        """
        A release may be named by its bundle: its manifest lies beside it.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        (tmp_path / "a.oneiric.json").write_bytes(document(6, *OLD.entries))
        found = diff(lab, str(tmp_path / "a.oneiric-bundle.json"), NEW)
        assert found.diff.old.digest == OLD.digest
        assert found.code.endswith("a.oneiric-bundle.json', …)")

    def test_the_verb_sees_files_from_the_notebook(
        self, wire: type[Wire], lab: Lab[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What is copied as code names them from the workspace, as `lab` takes them.
        """
        from oneiric_lab.commands import Interaction, run
        from oneiric_lab.lab import Offer, _ui
        from oneiric_lab.notebook.widgets._diff import diff

        monkeypatch.setitem(_ui._offers, "diff", Offer("", diff))
        (tmp_path / "books").mkdir()
        monkeypatch.chdir(tmp_path / "books")
        for name, found in (("a", OLD), ("b", NEW)):
            made = document(found.version, *found.entries)
            (tmp_path / "books" / f"{name}.oneiric.json").write_bytes(made)

        shown = run(["-C", "..", "ui", "diff", "a.oneiric.json", "b.oneiric.json"], Interaction())

        assert shown.code == "lab.diff('books/a.oneiric.json', 'books/b.oneiric.json')"  # type: ignore[union-attr]  # a widget
        assert lab.diff("books/a.oneiric.json", "books/b.oneiric.json").exit_code == 1
        assert run(["-C", "..", "ui", "diff", "now", "b.oneiric.json"], Interaction()) is not None

    def test_configurations_are_compared_elsewhere(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        It says where, and what is missing.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        with pytest.raises(UsageError, match=r"lab\.ui\.configuration\(\) compares profiles"):
            diff(lab, "now", "now")
        with pytest.raises(UsageError, match="no lab to compare in"):
            diff(None, OLD, NEW)

    def test_its_snapshot(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        It is that of the diff, and small, whatever differs.
        """
        from oneiric_lab.notebook.widgets._diff import diff

        many = [entry("task:t", f"p{n}", metadata={"k": "v" * 300}) for n in range(2000)]
        shown = diff(lab, manifest(1), manifest(2, *many))
        found = shown._repr_mimebundle_()

        assert len(json.dumps(found)) <= 24 * 1024
        assert set(found) >= {MIME, "text/html", "text/plain"}
        assert "the live diff needs the kernel" in str(found["text/plain"])
        assert "<script" not in str(found["text/html"])
        assert shown.as_dict() == shown.diff.as_dict()
        assert repr(shown).startswith("<Diff: shop/stable 1 -> 2")
