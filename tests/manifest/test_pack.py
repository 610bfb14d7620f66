"""Packing: what people wrote becomes the bytes that are signed, or nothing is written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.canonical import decode, encode
from oneiric_lab.errors import FileAccessError, ManifestError, ParseError, UsageError
from oneiric_lab.manifest import (
    build,
    open_manifest,
    pack,
    read_document,
    read_manifest,
    validate,
)
from oneiric_lab.manifest._migrated import as_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Written = Callable[..., Path]

PACKED = "shop.oneiric.json"


def refused(path: Path | str) -> str:
    """Return the report with which *path* is not packed."""
    with pytest.raises(ManifestError) as caught:
        pack(path)
    return str(caught.value)


class TestPack:
    """From TOML and YAML to canonical JSON."""

    def test_what_is_written_is_what_will_be_read(self, folder: Path, written: Written) -> None:
        """
        The file holds the canonical form, and its digest is the one that was told.
        """
        found = pack(written('capabilities = ["kv"]').name)

        data = (folder / PACKED).read_bytes()
        assert data == encode(decode(data))
        assert found.file == PACKED
        assert found.manifest.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert read_manifest(data).entries[0]["capabilities"] == [{"name": "kv"}]

    @pytest.mark.parametrize("format", ["toml", "yaml"])
    def test_both_formats_give_the_same_bytes(
        self, folder: Path, whole: dict[str, Any], format: str
    ) -> None:
        """
        A manifest that says everything comes out the same, whoever wrote it.
        """
        del whole["entries"][0]["metadata"]["nothing"]  # TOML has no null
        del whole["entries"][1]["event"]["filters"][2]
        Path(f"shop.{format}").write_text(as_text(whole, format, {}))

        assert pack(f"shop.{format}").manifest.to_bytes() == encode(whole)

    def test_a_file_gives_its_digest_and_its_size(self, folder: Path, written: Written) -> None:
        """
        An artifact is named by its file; where nobody says where it is fetched, beside the
        manifest.
        """
        (folder / "dist").mkdir()
        data = os.urandom(3 * 1024 * 1024 + 5)
        (folder / "dist" / "a.whl").write_bytes(data)

        told: list[tuple[int, int, str]] = []
        found = pack(
            written('artifact = { path = "dist/a.whl" }'), done=lambda *step: told.append(step)
        )

        assert found.manifest.entries[0]["artifact"] == {
            "uri": "dist/a.whl",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
        assert told == [(1, 1, "dist/a.whl")]
        assert found.as_dict()["artifacts"] == 1

    def test_an_address_goes_with_a_file(self, folder: Path, written: Written) -> None:
        """
        The file gives digest and size, the address says where others fetch it.
        """
        (folder / "a.whl").write_bytes(b"x")
        file = written('artifact = { path = "a.whl", uri = "https://cdn.example.com/a.whl" }')

        artifact = pack(file).manifest.entries[0]["artifact"]

        assert (artifact["uri"], artifact["size"]) == ("https://cdn.example.com/a.whl", 1)

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("../secret", "is not below the manifest's folder"),
            ("/etc/passwd", "is not below the manifest's folder"),
            ("out", "is not below the manifest's folder"),
            ("inside/../../secret", "is not below the manifest's folder"),
            ("loop", "cannot read the artifact loop|is not below"),
            ("gone", "No such file or directory"),
            ("inside", "Is a directory"),
            ("nul\\u0000", "is not below the manifest's folder"),
            ("pipe", "it is no regular file"),
        ],
    )
    def test_no_path_leads_out(
        self, tmp_path: Path, written: Written, path: str, said: str
    ) -> None:
        """
        Steps upwards, absolute paths and links do not; what is no file is told.
        """
        import re

        secret = tmp_path.parent / "secret"
        secret.write_text("s")
        (tmp_path / "out").symlink_to(secret)
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "inside").mkdir()
        os.mkfifo(tmp_path / "pipe")

        report = refused(written(f'artifact = {{ path = "{path}" }}'))

        assert re.search(said, report)
        assert "shop.toml:12:" in report

    def test_a_link_inside_is_followed(self, folder: Path, written: Written) -> None:
        """
        It names what it leads to, which is below the folder too.
        """
        (folder / "real").write_bytes(b"x")
        (folder / "link").symlink_to("real")

        artifact = pack(written('artifact = { path = "link" }')).manifest.entries[0]["artifact"]

        assert artifact["uri"] == "real"

    def test_nothing_is_written_where_anything_is_wrong(
        self, folder: Path, written: Written
    ) -> None:
        """
        Not even the file that was there before changes.
        """
        pack(written())
        before = (folder / PACKED).read_bytes()

        report = refused(written("priority = 5000\nlicense = 'mit'"))

        assert report.count("error:") == 2
        assert (folder / PACKED).read_bytes() == before

    def test_the_same_again_changes_nothing(self, folder: Path, written: Written) -> None:
        """
        The file is not touched, and that is told.
        """
        assert pack(written()).changed
        stamp = (folder / PACKED).stat().st_mtime_ns

        again = pack(written())

        assert not again.changed
        assert again.warnings == ()
        assert (folder / PACKED).stat().st_mtime_ns == stamp
        assert "shop.oneiric.json is shop/stable 7, as before" in str(again)

    @pytest.mark.parametrize(("version", "warned"), [(8, False), (7, True), (6, True)])
    def test_a_version_that_does_not_grow_is_told(
        self, written: Written, version: int, warned: bool
    ) -> None:
        """
        The same version with other bytes, and a lower one, are refused by clients.
        """
        pack(written())

        found = pack(written('owner = "Shop"', version=version))

        assert bool(found.warnings) is warned
        if warned:
            assert "version 8" in str(found)
            assert found.as_dict()["warnings"]

    def test_another_file_in_its_place_is_no_matter(self, folder: Path, written: Written) -> None:
        """
        What is no manifest, or one of another channel, is replaced without a word.
        """
        (folder / PACKED).write_text("{")
        assert pack(written()).warnings == ()

        other = written().read_text().replace("stable", "beta")
        (folder / "shop.toml").write_text(other)
        assert pack("shop.toml").warnings == ()

    def test_where_to(self, folder: Path, written: Written) -> None:
        """
        A folder that is not there is made; the name ends as a packed manifest's does.
        """
        assert pack(written(), "build/a/x.oneiric.json").file == "build/a/x.oneiric.json"
        assert (folder / "build" / "a" / "x.oneiric.json").exists()
        for out in ("shop.json", "shop.toml"):
            with pytest.raises(UsageError, match=r"ends in \.oneiric\.json"):
                pack("shop.toml", out)
        (folder / "own.oneiric.json").write_text("{}")
        with pytest.raises(UsageError):
            pack("own.oneiric.json")

    def test_what_is_no_manifest(self, folder: Path, written: Written) -> None:
        """
        A missing file, another ending, a broken text and an older schema have their own words.
        """
        with pytest.raises(FileAccessError):
            pack("gone.toml")
        (folder / "a.txt").write_text("")
        assert "ends in .toml, .yaml, .yml, .json" in refused("a.txt")
        (folder / "b.toml").write_text("a = \n")
        with pytest.raises(ParseError):
            pack("b.toml")
        (folder / "c.yaml").write_text("source: x\nentries: []\n")
        assert "manifest migrate c.yaml" in refused("c.yaml")

    def test_json_with_half_a_surrogate_pair_is_told_by_its_place(self, folder: Path) -> None:
        """
        JSON can say what no text can hold.
        """
        (folder / "a.json").write_text(
            '{"schema": 3, "project": "a", "channel": "b", "version": 1,\n'
            ' "entries": [], "x-a": {"b": "\\ud800"}}'
        )

        assert "a.json:2:" in refused("a.json")


class TestBuild:
    """The manifest without a file."""

    def test_it_is_the_same_as_the_packed_one(self, folder: Path, written: Written) -> None:
        """
        And `open_manifest` takes either.
        """
        file = written()
        packed = pack(file)

        assert build(file).digest == packed.manifest.digest
        assert open_manifest("shop.toml").digest == open_manifest(PACKED).digest
        assert not (folder / "build").exists()

    def test_a_document_knows_its_places(self, written: Written) -> None:
        """
        Those who tell of a value can show where it was written.
        """
        document = read_document(written("priority = 5"))

        origin, excerpt = document.places.origin(("entries", 0, "priority"))

        assert (origin.line, origin.column) == (12, 12)
        assert excerpt is not None
        assert excerpt.text == "priority = 5"
        assert document.places.origin(("nothing",))[0].line == 1


class TestValidate:
    """Whether a file is one."""

    def test_each_kind_of_file_is_told(self, folder: Path, written: Written) -> None:
        """
        Packed, written and of older schemas.
        """
        pack(written())
        (folder / "old.yaml").write_text("source: x\nentries: []\n")
        (folder / "two.json").write_text('{"entries": [], "signatures": []}')

        found = {name: validate(name) for name in ("shop.toml", PACKED, "old.yaml", "two.json")}

        assert {name: v.schema for name, v in found.items()} == {
            "shop.toml": 3,
            PACKED: 3,
            "old.yaml": 1,
            "two.json": 2,
        }
        assert all(v.ok and v.exit_code == 0 for v in found.values())
        assert str(found["shop.toml"]) == "shop.toml is a manifest of schema 3: 1 entry"

    def test_faults_are_an_answer_and_no_error(self, folder: Path, written: Written) -> None:
        """
        The answer is no, in the one shape, whatever kind of fault it is.
        """
        (folder / PACKED).write_text("{ }")
        (folder / "b.toml").write_text("a = \n")
        found = [validate(written("priority = 5000")), validate(PACKED), validate("b.toml")]

        assert [v.exit_code for v in found] == [1, 1, 1]
        assert [len(v.faults) for v in found] == [1, 1, 1]
        for v in found:
            (fault,) = v.faults
            assert fault.origin is not None
            assert fault.origin.line

    def test_a_file_that_is_not_there_is_an_error(self, folder: Path) -> None:
        """
        Nothing can be said of it.
        """
        with pytest.raises(FileAccessError):
            validate("gone.toml")

    def test_hostile_text_does_not_act(self, folder: Path, written: Written) -> None:
        """
        Escapes and marks of direction in a manifest are drawn in its report.
        """
        found = validate(written('"\\u001b[31mred\\u202e" = 1'))

        for text in (str(found), found.to_html(), found.to_markdown()):
            assert "\x1b" not in text
            assert "\u202e" not in text
