"""What one load reads, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneiric_lab.config import Inputs, _formats, load
from oneiric_lab.errors import InvalidConfigError, ParseError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_load_reads_the_local_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has two doors, as a source of the profile's name and as a layer."""
    (tmp_path / "oneiric.toml").write_text("[app]\nname = 'shop'\n")
    (tmp_path / "oneiric.local.toml").write_text("[app]\ndebug = true\n")
    read: list[str] = []
    toml = _formats._toml

    def counted(source: _formats._Source, text: str, reader: _formats.Reader) -> dict[str, object]:
        read.append(source.name)
        return toml(source, text, reader)

    monkeypatch.setattr(_formats, "_toml", counted)

    assert load(Inputs(tmp_path, environ={})).settings.app.debug
    assert read == ["oneiric.toml", "oneiric.local.toml"]


def test_a_faulty_local_file_is_told_of_once(tmp_path: Path) -> None:
    """Nobody reads the same fault twice."""
    (tmp_path / "oneiric.local.toml").write_text("[app\n")

    with pytest.raises(InvalidConfigError) as caught:
        load(Inputs(tmp_path, environ={}))

    assert [str(fault.origin) for fault in caught.value.faults] == ["oneiric.local.toml:1:5"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_dots_are_counted_line_by_line(newline: str) -> None:
    """Many dots in many lines nest nothing."""
    lines = [f"a{n} = '{'.' * 60}'" for n in range(40)]

    tree = _formats.parse(newline.join(lines).encode(), format="toml", name="a", layer="x").tree

    assert len(tree) == len(lines)


def test_a_key_of_many_dots_is_refused_where_it_stands() -> None:
    """A dotted key nests as tables do."""
    text = "x = 1\n" + ".".join(["a"] * 150) + " = 1\n"

    with pytest.raises(ParseError, match="nests too deep"):
        _formats.parse(text.encode(), format="toml", name="deep.toml", layer="x")


@pytest.mark.parametrize("reader", ["tomllib", "auto"])
@pytest.mark.parametrize("key", ["a", "'b'", '"\\"c"'])
def test_a_key_of_200_000_parts(key: str, reader: _formats.Reader) -> None:
    """It is refused before tomllib takes hours over it, with its own line."""
    dots = "a." * 200
    head = f'x = """\n{dots}\n"""  # {dots}\ny = [{"1.5, " * 200}]\n'
    text = f"{head}{'.'.join([key] * 200_000)} = 1\n"

    with pytest.raises(ParseError, match="nests too deep") as caught:
        _formats.parse(text.encode(), format="toml", name="a.toml", layer="x", reader=reader)

    origin = caught.value.faults[0].origin
    assert origin is not None
    assert origin.line == 5


def test_dots_of_texts_and_numbers_are_no_levels() -> None:
    """Nor are those of a comment, or of a text with an escaped quote."""
    dots = "a." * 200
    lines = [
        f'x = "\\"{dots}"',
        f"y = '''{dots}\n{dots}'''",
        f"z = [{'1.5, ' * 200}] # {dots}",
    ]

    found = _formats.parse("\n".join(lines).encode(), format="toml", name="a", layer="x").tree

    assert found["y"] == f"{dots}\n{dots}"
