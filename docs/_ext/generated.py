"""Pages that are made from the code: verbs, variables, tables, error codes, tutorials."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*\Z")


def write_all() -> None:
    """Write every generated page; an unchanged one keeps its time, so builds stay quick."""
    for name, text in {
        "reference/_verbs.md": verbs(),
        "reference/_variables.md": variables(),
        "reference/_tables.md": tables(),
        "reference/_codes.md": codes(),
        "reference/_trust_checks.md": trust_checks(),
        "reference/_manifest_risks.md": manifest_risks(),
        "reference/_scenarios.md": scenarios(),
        "reference/_actions.md": actions(),
        "reference/_metrics.md": metrics(),
        "tutorials/_contents.md": tutorials(),
        "explanation/_contents.md": explanations(),
    }.items():
        path = DOCS / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|") or " "


def _rows(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# --- verbs ------------------------------------------------------------------------------


def verbs() -> str:
    """Return a section for each verb, from the one definition that both doors use."""
    import click

    from oneiric_lab.commands import VERBS, root

    ctx = root.make_context("oneiric-lab", [], resilient_parsing=True)
    assert isinstance(root, click.Group)
    out = ["## Options of every verb\n", _options(root), str(root.epilog) + "\n"]
    for name in VERBS:
        out += _verb(root, ctx, name, "##")
    return "\n".join(out)


def _verb(group: click.Group, above: click.Context, name: str, marks: str) -> Iterator[str]:
    """Yield the section of one verb, then those of the verbs below it."""
    import click

    command = group.get_command(above, name)
    assert command is not None, name
    ctx = command.make_context(name, [], parent=above, resilient_parsing=True)
    words = ctx.command_path
    usage = " ".join(command.collect_usage_pieces(ctx))
    path = words.partition(" ")[2]
    yield from (
        f"(verb-{path.replace(' ', '-')})=",
        f"{marks} {path}\n",
        f"```shell\n{words} {usage}\n```\n",
        _paragraphs(command.help or ""),
        _options(command),
    )
    if isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            yield from _verb(command, ctx, below, marks + "#")


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(p.split()) for p in text.split("\n\n")) + "\n"


def _options(command: click.Command) -> str:
    rows: list[tuple[object, ...]] = []
    for param in command.params:
        info = param.to_info_dict()
        if info["param_type_name"] != "option":
            continue
        spelled = ", ".join(f"`{o}`" for o in [*param.opts, *param.secondary_opts])
        if not info.get("is_flag"):
            spelled += f" {param.metavar or getattr(param.type, 'name', '').upper()}"
        notes = [info.get("help") or ""]
        if info.get("multiple"):
            notes.append("May be given several times.")
        rows.append((spelled, " ".join(notes)))
    return _rows(("option", "meaning"), rows) if rows else ""


# --- configuration ----------------------------------------------------------------------


def variables() -> str:
    """Return the variables with a meaning of their own."""
    from oneiric_lab.config import OWN_MEANING

    return _rows(("variable", "meaning"), [(f"`{k}`", v) for k, v in OWN_MEANING.items()])


def tables() -> str:
    """Return the built-in tables with type and default of each key."""
    from oneiric_lab.config import Settings

    rows: list[tuple[object, ...]] = []
    for path, kind, default, text in _fields(Settings, ()):
        rows.append((f"`{'.'.join(path)}`", f"`{kind}`", f"`{default}`", text))
    return _rows(("path", "takes", "default", "meaning"), rows)


def _fields(model: Any, lead: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    from pydantic import BaseModel

    from oneiric_lab.config import field_texts

    for name, field in model.model_fields.items():
        path = (*lead, field.alias or name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, path)
            continue
        default = field.get_default(call_default_factory=True)
        shown = (
            ""
            if default is None
            else str(default).lower()
            if isinstance(default, bool)
            else default
        )
        if isinstance(shown, list) and any(isinstance(i, BaseModel) for i in shown):
            shown = "one, to stderr"
        word = _kind(kind)
        said = field.description or field_texts(model).get(name, "")
        yield path, word, str(shown) or "nothing", said


def _kind(kind: Any) -> str:
    """Return a type as people say it: bounds and `None` are told elsewhere."""
    from typing import Annotated, Literal, Union, get_args, get_origin

    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _kind(args[0])
    if origin is Literal:
        return " or ".join(str(a) for a in args)
    if origin in {Union, UnionType}:
        return " or ".join(_kind(a) for a in args if a is not NoneType)
    if args[1:] == (...,):
        return f"list[{_kind(args[0])}]"
    name = str(getattr(kind, "__name__", kind))
    return f"{name}[{', '.join(map(_kind, args))}]" if args else name


# --- errors -----------------------------------------------------------------------------


def codes() -> str:
    """Return every code that a fault can have, with its message, from the sources."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "oneiric_lab").rglob("*.py")):
        for code, message in _faults(ast.parse(file.read_text())):
            messages = found.setdefault(code, [])
            if message not in messages:
                messages.append(message)
    rows: list[tuple[object, ...]] = [
        (f"`{code}`", "; ".join(m for m in messages if m) or " ")
        for code, messages in sorted(found.items())
    ]
    return _rows(("code", "messages"), rows)


def _faults(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                target = getattr(item, "targets", [getattr(item, "target", None)])[0]
                if getattr(target, "id", "") == "default_code" and isinstance(
                    getattr(item, "value", None), ast.Constant
                ):
                    about = (ast.get_docstring(node) or "").splitlines()[0]
                    yield str(item.value.value), about  # type: ignore[attr-defined]  # checked above
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if not called.lower().endswith("fault") or called.endswith("default"):
            continue
        texts = [a for a in node.args[:3] if isinstance(a, ast.Constant | ast.JoinedStr)]
        if texts and isinstance(texts[0], ast.Constant) and isinstance(texts[0].value, str):
            code = texts[0].value
            if _CODE.match(code):
                yield code, _message(texts[1]) if len(texts) > 1 else ""


def _message(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return f"“{node.value}”"
    parts = [
        str(p.value) if isinstance(p, ast.Constant) else "…" for p in getattr(node, "values", [])
    ]
    return "“" + "".join(parts).replace("`", "") + "”"


def trust_checks() -> str:
    """Return the checks of a verification, in their order."""
    from oneiric_lab.trust import KINDS

    rows: list[tuple[object, ...]] = [
        (f"`{kind.code}`", kind.says, kind.stops, "age" if kind.age else "trust") for kind in KINDS
    ]
    return _rows(("code", "what is so when it passes", "what it stops", "kind"), rows)


def manifest_risks() -> str:
    """Return the kinds of risks of a manifest diff, in their order."""
    from oneiric_lab.manifest import RISKS

    tones = {"bad": "grave", "warn": "to look at"}
    rows: list[tuple[object, ...]] = [
        (f"`{kind.code}`", tones[kind.tone], kind.says, kind.ask) for kind in RISKS
    ]
    return _rows(("code", "how grave", "what is so", "what a reviewer asks"), rows)


def metrics() -> str:
    """Return every metric of the catalogue, in its order."""
    from oneiric_lab.runtime import CATALOGUE

    rows: list[tuple[object, ...]] = [
        (
            f"`{one.name}`",
            one.kind,
            ", ".join(
                f"`{name}`" + (f" {{{', '.join(known)}}}" if known else "")
                for name, known in one.labels.items()
            ),
            f"{one.says}.",
        )
        for one in CATALOGUE.values()
    ]
    return _rows(("metric", "kind", "labels", "what it says"), rows)


# --- scenarios --------------------------------------------------------------------------


def scenarios() -> str:
    """Return a section for each scenario that comes with us: parameters, and what must hold."""
    from oneiric_lab.loadlab import BUILT_IN

    out = []
    for name, (kind, usual) in BUILT_IN.items():
        meanings = _arguments(kind.__doc__ or "")
        params: list[tuple[object, ...]] = [
            (
                f"`{key}`",
                "nothing" if value is None or value == "" else f"`{value!r}`",
                meanings[key],
            )
            for key, value in kind.defaults.items()
        ]
        wrongs: list[tuple[object, ...]] = [
            (f"`{n}`", getattr(kind, n).__doc__ or "") for n in kind.invariants()
        ]
        drives = f"{kind.summary[0].upper()}{kind.summary[1:]}"
        operations = ", ".join(f"`{o.name}`" for o in kind.operations())
        out += [
            f"(scenario-{name})=\n## {name}\n",
            f"{drives}; {usual['users']:,} users where nobody says. Operations: {operations}.\n",
            _rows(("parameter", "default", "meaning"), params),
            _rows(("what must hold", "in words"), wrongs),
        ]
    return "\n".join(out)


def _arguments(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each argument."""
    part = docstring.partition("Args:\n")[2]
    return {m[1]: m[2] for m in re.finditer(r"^ +(\w+): (.*)$", part, re.MULTILINE)}


# --- actions ----------------------------------------------------------------------------


def actions() -> str:
    """Return a section for each action that comes with us: its payload and its settings."""
    from oneiric_lab.components import actions as package
    from oneiric_lab.registry import NAME, load_factory, load_named, read_descriptor

    folder = Path(package.__file__).parent
    name = package.__name__
    data = (folder / NAME).read_bytes()
    found = read_descriptor(data, shown=NAME, source="package", package=name).candidates
    out = []
    for one in found:
        settings = load_named(one, one.settings_model, "settings model")
        payload = getattr(load_factory(one), "payload_model", None)
        about = (load_factory(one).__doc__ or "").strip().splitlines()[0]
        out.append(f"## {one.target}\n\n{about}\n\nProvider `{one.provider}`.\n")
        for what, model in (("payload", payload), ("settings", settings)):
            rows: list[tuple[object, ...]] = (
                [
                    (f"`{'.'.join(path)}`", kind, default.replace("PydanticUndefined", ""), meaning)
                    for path, kind, default, meaning in _fields(model, ())
                ]
                if model is not None
                else []
            )
            if rows:
                out.append(_rows((what, "type", "default", "meaning"), rows))
    return "\n".join(out)


# --- tutorials --------------------------------------------------------------------------


def tutorials() -> str:
    """Copy the notebooks beside the pages, and return their table of contents."""
    folder = DOCS / "tutorials"
    names = []
    for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb")):
        target = folder / notebook.name
        if not target.exists() or target.read_bytes() != notebook.read_bytes():
            shutil.copyfile(notebook, target)
        names.append(notebook.stem)
    for old in folder.glob("*.ipynb"):
        if old.stem not in names:
            old.unlink()
    if not names:
        return "The notebooks stand in the folder `notebooks/` of a checkout.\n"
    return "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"


def explanations() -> str:
    """Return the table of contents; the figures stand in it once they were measured."""
    names = ["layers", "precedence", "plans", "allow", "trust", "verdicts"]
    measured = ("performance", "performance-browser")
    names += [name for name in measured if (DOCS / "explanation" / f"{name}.md").exists()]
    names.append("decisions/index")
    return "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(names) + "\n```\n"
