"""Finding the sources of a workspace and reading each into a layer."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from oneiric_lab.errors import Fault, OneiricError, Origin, did_you_mean
from oneiric_lab.files import FileData, digest, read, stat_key

from . import _layers as rank
from ._environ import BUILT_IN_PREFIX, parse_dotenv, read_sets, read_variables
from ._formats import SUFFIXES, parse
from ._layers import Document, Layer, split_directives
from ._paths import drop, get, parse_path, put, render_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from ._inputs import Inputs
    from ._paths import Path
    from ._schema import SchemaInfo

PROJECT_FILES = ("oneiric.toml", "oneiric.yaml", "oneiric.yml", "oneiric.json")
NO_PROFILES = frozenset(
    [
        *(f"oneiric.local.{suffix}" for suffix in ("toml", "yaml", "yml", "json")),
        "oneiric.lock.json",
    ]
)
"""Files whose names look like those of a profile, and are none."""
_PROFILE_FILE = re.compile(r"oneiric\.([A-Za-z0-9_-]+)\.(?:toml|yaml|yml|json)\Z")


class Gathered(NamedTuple):
    """The layers of files.

    Attributes:
        below: Packages, system, user, project.
        profiles: Those of the active profiles.
        local: The local file, if there is one.
        names: Active profiles, in order.
        known: All profiles that the workspace defines.
    """

    below: list[Layer]
    profiles: list[Layer]
    local: list[Layer]
    names: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def all(self) -> list[Layer]:
        """All of them, low to high."""
        return [*self.below, *self.profiles, *self.local]


class Sources:
    """One gathering of all layers; faults are collected, not raised."""

    def __init__(self, inputs: Inputs, cache: Mapping[FilePath, Document]) -> None:
        self.inputs = inputs
        self.faults: list[Fault] = []
        self.documents: dict[FilePath, Document] = {}
        self._cache = cache

    # --- files --------------------------------------------------------------------------

    def shown(self, path: FilePath) -> str:
        """Return *path* relative to the workspace where it is inside."""
        try:
            return path.relative_to(self.inputs.root).as_posix()
        except ValueError:
            return path.as_posix()

    def file(self, path: FilePath, name: str, at: int, *, needed: bool = False) -> Layer | None:
        """Return the layer of one file, None where it is not there or has faults."""
        document = self._document(path, name, needed=needed)
        if document is None:
            return None
        return self._directed(Layer(name, at, document.parsed.tree, document))

    def _directed(self, layer: Layer) -> Layer:
        """Return *layer* with its directives followed; a bad one is a fault, not the end."""
        layer, faults = split_directives(layer)
        self.faults.extend(faults)
        return layer

    def _document(self, path: FilePath, layer: str, *, needed: bool) -> Document | None:
        # One gathering reads a file once, however many doors it has: the local file has two.
        known = self.documents.get(path)
        if known is not None:
            return known
        key = stat_key(path)
        known = self._cache.get(path)
        # A plan puts the file that it would write here, also one that is not there yet.
        if known is not None and known.is_fresh(key):
            self.documents[path] = known
            return known
        if key is None and not needed and not path.is_symlink():
            return None
        try:
            at = time.time_ns()
            shown = self.shown(path)
            document = self._parse(read(path, shown=shown), shown, layer, at)
        except OneiricError as error:
            self.faults.extend(_with_layer(fault, layer) for fault in error.faults)
            return None
        self.documents[path] = document
        return document

    def _parse(self, data: FileData, name: str, layer: str, at: int) -> Document:
        known = self._cache.get(data.path)
        found = data.digest
        if known is not None and known.digest == found:
            parsed = known.parsed
        else:
            form = SUFFIXES.get(data.path.suffix.lower(), "toml")
            parsed = parse(data.data, format=form, name=name, layer=layer)
        return Document(data.path, name, parsed, found, data.stat_key, at)

    def files(self) -> list[Layer]:
        """Return the layers below the profiles: packages, system, user, project."""
        inputs = self.inputs
        out: list[Layer | None] = []
        for given in inputs.package_defaults:
            name = f"package:{given.name}"
            try:
                parsed = parse(given.data, format="toml", name=given.file, layer=name)
            except OneiricError as error:
                self.faults.extend(error.faults)
                continue
            path = inputs.root / given.file
            document = Document(path, given.file, parsed, digest(given.data), None)
            out.append(Layer(name, rank.PACKAGE, parsed.tree, document))
        if inputs.system_dir is not None:
            out.append(self.file(inputs.system_dir / "oneiric.toml", "system", rank.SYSTEM))
        if inputs.user_dir is not None:
            out.append(self.file(inputs.user_dir / "oneiric.toml", "user", rank.USER))
        out.append(self.file(self.project_file(), "project", rank.PROJECT))
        return [layer for layer in out if layer is not None]

    def project_file(self) -> FilePath:
        """Return the workspace's own file, `oneiric.toml` where there is none yet."""
        for name in PROJECT_FILES:
            if (self.inputs.root / name).exists():
                return self.inputs.root / name
        return self.inputs.root / PROJECT_FILES[0]

    # --- profiles -----------------------------------------------------------------------

    def known_profiles(self, below: list[Layer]) -> dict[str, FilePath | None]:
        """Return each profile with its file, None where it has a table only."""
        out: dict[str, FilePath | None] = {}
        for layer in below:
            tables = layer.tree.get("profiles")
            if isinstance(tables, dict):
                out.update(dict.fromkeys(tables))
        root = self.inputs.root
        if root.is_dir():
            for name in sorted(os.listdir(root)):  # noqa: PTH208 - names are all that is asked
                match = _PROFILE_FILE.match(name)
                if match is not None and name not in NO_PROFILES:
                    out[match[1]] = root / name
        return out

    def active_profiles(self, layers: list[Layer]) -> tuple[tuple[str, ...], Origin | None]:
        """Return the names asked for, and where: argument, ONEIRIC_PROFILE, `profile.name`."""
        if self.inputs.profiles is not None:
            return self.inputs.profiles, Origin("set", name="--profile")
        variable = self.inputs.environ.get("ONEIRIC_PROFILE", "")
        names = tuple(name.strip() for name in variable.split(",") if name.strip())
        if names:
            return names, Origin("environment", name="ONEIRIC_PROFILE")
        for layer in reversed(layers):
            name = get(layer.tree, ("profile", "name"), None)
            if isinstance(name, str) and name not in {"", "default"}:
                return (name,), layer.origin(("profile", "name"))
        return (), None

    def profiles(
        self,
        below: list[Layer],
        names: tuple[str, ...],
        asked: Origin | None,
        known: Mapping[str, FilePath | None],
    ) -> list[Layer]:
        """Return the layers of the active profiles: tables, then the file, in order."""
        out: list[Layer] = []
        self._check_tables(below)
        for name in names:
            if name not in known:
                self.faults.append(
                    Fault(
                        "unknown-profile",
                        f"unknown profile `{name}`",
                        asked,
                        fix=did_you_mean(name, known) or f"write oneiric.{name}.toml",
                    )
                )
                continue
            layer_name = f"profile:{name}"
            for layer in below:
                tables = layer.tree.get("profiles")
                table = tables.get(name) if isinstance(tables, dict) else None
                if isinstance(table, dict):
                    base = (*layer.base, "profiles", name)
                    inner = Layer(
                        layer_name, rank.PROFILE, table, layer.document, base, parent=asked
                    )
                    out.append(self._directed(inner))
            path = known[name]
            own = None if path is None else self.file(path, layer_name, rank.PROFILE)
            if own is not None:
                out.append(replace(own, parent=asked))
        return [self._without_activation(layer) for layer in out]

    def _check_tables(self, below: list[Layer]) -> None:
        """Tell of what stands where the table of a profile belongs."""
        for layer in below:
            tables = layer.tree.get("profiles", {})
            wrong: list[Path] = [] if isinstance(tables, dict) else [("profiles",)]
            if isinstance(tables, dict):
                wrong = [("profiles", n) for n, t in tables.items() if not isinstance(t, dict)]
            self.faults += [
                Fault(
                    "bad-profile",
                    f"expected a table: {render_path(path)}",
                    layer.origin(path),
                    layer.excerpt(path),
                    fix="[profiles.NAME] holds what the profile changes",
                )
                for path in wrong
            ]

    def _without_activation(self, layer: Layer) -> Layer:
        """Tell of a profile that activates another, and go on without that."""
        for path in (("profile", "name"), ("profiles",)):
            if layer.holds(path):
                self.faults.append(
                    Fault(
                        "profile-activates-profile",
                        f"{layer.name} sets {'.'.join(path)}: a profile activates no profile",
                        layer.origin(path, key=True),
                        layer.excerpt(path, key=True),
                        fix="activate them together: --profile a --profile b",
                    )
                )
                layer = replace(layer, tree=drop(layer.tree, path))
        return layer

    def gather(self) -> Gathered:
        """Return the layers of files, and which profiles are active."""
        below = self.files()
        local = self.file(self.inputs.root / "oneiric.local.toml", "local", rank.LOCAL)
        own = [local] if local else []
        names, asked = self.active_profiles([*below, *own])
        known = self.known_profiles(below)
        profiles = self.profiles(below, names, asked, known)
        return Gathered(below, profiles, own, names, tuple(known))

    # --- above the profiles -------------------------------------------------------------

    def above(
        self, built_in: SchemaInfo, user: SchemaInfo | None, prefix: str, secrets: FilePath
    ) -> list[Layer]:
        """Return the layers above the profiles, low to high, policy left out."""
        inputs = self.inputs
        out: list[Layer | None] = [
            self.file(inputs.root / "oneiric.local.toml", "local", rank.LOCAL),
            *(
                self.file(path, f"file:{self.shown(path)}", rank.EXPLICIT, needed=True)
                for path in inputs.config_files
            ),
            self._secrets(secrets, built_in, user),
            self._dotenv(built_in, user, prefix),
        ]
        tree, names = self._variables(inputs.environ, built_in, user, prefix, "environment", None)
        out.append(Layer("environment", rank.ENVIRONMENT, tree, names=names))
        tree, names, faults = read_sets(inputs.sets, _Both(built_in, user))  # type: ignore[arg-type]  # has the one method that is used
        self.faults.extend(faults)
        out.append(Layer("set", rank.SET, tree, names=names))
        tree, names = {}, {}
        for value in inputs.session:
            path = parse_path(value.path)
            tree = put(tree, path, value.value)
            names[path] = value.name
        out.append(Layer("session", rank.SESSION, tree, names=names))
        return [
            layer
            for layer in out
            if layer is not None and (layer.tree or layer.unset or layer.document)
        ]

    def _variables(
        self,
        environ: Mapping[str, str],
        built_in: SchemaInfo,
        user: SchemaInfo | None,
        prefix: str,
        layer: str,
        file: str | None,
    ) -> tuple[dict[str, Any], dict[Path, str]]:
        tree, names, faults = read_variables(
            environ, BUILT_IN_PREFIX, built_in, layer=layer, file=file
        )
        self.faults.extend(faults)
        if user is not None and prefix and prefix != BUILT_IN_PREFIX:
            more, more_names, faults = read_variables(environ, prefix, user, layer=layer, file=file)
            tree, names = {**tree, **more}, {**names, **more_names}
            self.faults.extend(faults)
        return tree, names

    def _secrets(
        self, folder: FilePath, built_in: SchemaInfo, user: SchemaInfo | None
    ) -> Layer | None:
        if not folder.is_dir():
            return None
        tree: dict[str, Any] = {}
        names: dict[Path, str] = {}
        both = _Both(built_in, user)
        for file in sorted(folder.iterdir()):
            # Hidden entries are the machinery of mounts, such as Kubernetes' `..data`.
            if file.name.startswith(".") or not file.is_file():
                continue
            path = tuple(file.name.replace("__", ".").split("."))
            info = both.find(path)
            if len(path) < 2 or info is None:  # noqa: PLR2004 - a lone name is a secret's id
                continue
            if not info.secret:
                self.faults.append(
                    Fault(
                        "secret-in-plain-field",
                        f"{render_path(path)} would show a secret: the field is not secret",
                        Origin("secrets", self.shown(file)),
                        fix="declare the field as Secret[...], or write the value to another layer",
                    )
                )
                continue
            try:
                text = read(file, shown=self.shown(file)).data.decode().rstrip("\r\n")
            except (OneiricError, UnicodeDecodeError) as error:
                message = f"cannot read the secret {self.shown(file)}"
                self.faults.append(Fault("secret-unreadable", message, why=type(error).__name__))
                continue
            tree = put(tree, path, text)
            names[path] = self.shown(file)
        return Layer("secrets", rank.SECRETS, tree, names=names, secret=True) if tree else None

    def _dotenv(self, built_in: SchemaInfo, user: SchemaInfo | None, prefix: str) -> Layer | None:
        path = self.inputs.root / ".env"
        if stat_key(path) is None:
            return None
        shown = self.shown(path)
        try:
            pairs = parse_dotenv(read(path, shown=shown).data.decode())
        except ValueError as error:
            line, reason = error.args if len(error.args) == 2 else (1, "expected UTF-8")  # noqa: PLR2004 - our own pair
            self.faults.append(
                Fault(
                    "syntax",
                    f"not a dotenv file: {reason}",
                    Origin("dotenv", shown, line, 1),
                    fix='NAME="value"',
                )
            )
            return None
        except OneiricError as error:
            self.faults.extend(_with_layer(fault, "dotenv") for fault in error.faults)
            return None
        lines = {name: line for name, _, line in pairs}
        variables = {name: value for name, value, _ in pairs}
        tree, names = self._variables(variables, built_in, user, prefix, "dotenv", shown)
        named = {
            path: Origin("dotenv", shown, lines[name], 1, name=name) for path, name in names.items()
        }
        return Layer("dotenv", rank.DOTENV, tree, names=named)

    def policy(self) -> Layer | None:
        """Return the layer that locks values."""
        if self.inputs.policy is not None:
            return self.file(self.inputs.policy, "policy", rank.POLICY, needed=True)
        if self.inputs.system_dir is None:
            return None
        path = self.inputs.system_dir / "policy.toml"
        # Only root may lock what others set: a policy that anyone may write locks nothing.
        if stat_key(path) is None or path.stat().st_uid != 0:
            return None
        return self.file(path, "policy", rank.POLICY)


class _Both:
    """Two schemas asked as one: the built-in tables first."""

    def __init__(self, built_in: SchemaInfo, user: SchemaInfo | None) -> None:
        self._built_in, self._user = built_in, user

    def find(self, path: Path) -> Any:
        found = self._built_in.find(path)
        return found if found is not None or self._user is None else self._user.find(path)


def _with_layer(fault: Fault, layer: str) -> Fault:
    if fault.origin is None or fault.origin.layer:
        return fault
    return replace(fault, origin=replace(fault.origin, layer=layer))
