"""`${path}`, `${env:X}`, `${secret:id}`, and `$${` for a literal: a closed set, no code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, did_you_mean

from ._paths import get, leaves, parse_path, put, render_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.errors import Excerpt, Origin

    from ._paths import Path
    from ._secrets import SecretRef

_PIECE = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_MISSING = object()


class Interpolation:
    """One run over one merged tree."""

    def __init__(
        self,
        tree: dict[str, Any],
        environ: Mapping[str, str],
        secret: Callable[[str], SecretRef],
        place: Callable[[Path], tuple[Origin | None, Excerpt | None]],
        default: Callable[[Path], object],
    ) -> None:
        self._tree = tree
        self._environ = environ
        self._secret = secret
        self._place = place
        self._default = default
        self._done: dict[Path, object] = {}
        self.faults: list[Fault] = []
        self.targets: dict[Path, list[Path]] = {}
        self.failed: set[Path] = set()

    def run(self) -> dict[str, Any]:
        """Return the tree with every expression replaced."""
        out = self._tree
        for path, value in leaves(self._tree):
            if not _mentions(value):
                continue
            out = put(out, path, self._resolve(path, value, ()))
        return out

    def _resolve(self, path: Path, value: object, chain: tuple[Path, ...]) -> object:
        if isinstance(value, list):
            return [self._resolve((*path, i), item, chain) for i, item in enumerate(value)]
        if isinstance(value, dict):
            return {k: self._resolve((*path, k), item, chain) for k, item in value.items()}
        if not isinstance(value, str) or "${" not in value:
            return value
        if path in chain:
            around = " -> ".join(render_path(p) for p in (*chain[chain.index(path) :], path))
            self._fault(
                path,
                "interpolation-cycle",
                f"interpolation closes a circle: {around}",
                f"write a plain value at {render_path(path)}",
            )
            return value
        if path in self._done:
            return self._done[path]
        result = self._text(path, value, (*chain, path))
        self._done[path] = result
        return result

    def _text(self, path: Path, value: str, chain: tuple[Path, ...]) -> object:
        whole = _PIECE.fullmatch(value)
        if whole is not None and whole[1] is not None:
            # An expression that is the whole value keeps its type.
            return self._piece(path, whole[1], chain)

        def part(match: re.Match[str]) -> str:
            if match[1] is None:
                return "${"
            piece = self._piece(path, match[1], chain)
            if not isinstance(piece, str | int | float | bool):
                kind = "a secret" if match[1].startswith("secret:") else "a table or list"
                self._fault(
                    path,
                    "interpolation-type",
                    f"${{{match[1]}}} gives {kind}, which cannot stand inside a text",
                    "let the expression be the whole value",
                )
                return match[0]
            return str(piece).lower() if isinstance(piece, bool) else str(piece)

        return _PIECE.sub(part, value)

    def _piece(self, path: Path, expression: str, chain: tuple[Path, ...]) -> object:
        kind, colon, rest = expression.partition(":")
        if colon and kind == "env":
            if rest not in self._environ:
                self._fault(
                    path,
                    "interpolation-missing",
                    f"${{env:{rest}}}: the variable {rest} is not set",
                    f"export {rest}=...",
                )
            return self._environ.get(rest, "")
        if colon and kind == "secret":
            return self._secret(rest)
        if colon:
            self._fault(
                path,
                "interpolation-kind",
                f"${{{expression}}} is of an unknown kind `{kind}`",
                "use ${path}, ${env:NAME} or ${secret:id}; write $${ for a literal ${",
            )
            return expression
        return self._target(path, expression, chain)

    def _target(self, path: Path, expression: str, chain: tuple[Path, ...]) -> object:
        try:
            target = parse_path(expression)
        except Exception as error:  # noqa: BLE001 - only UsageError comes from parse_path
            self._fault(
                path, "interpolation-kind", str(error).splitlines()[0].removeprefix("error: "), None
            )
            return expression
        self.targets.setdefault(path, []).append(target)
        found = get(self._tree, target, _MISSING)
        if found is _MISSING:
            found = self._default(target)
        if found is _MISSING or found is None:
            known = [render_path(p) for p, _ in leaves(self._tree)]
            self._fault(
                path,
                "interpolation-missing",
                f"${{{expression}}} names no value",
                did_you_mean(expression, known, limit=3),
            )
            return expression
        return self._resolve(target, found, chain)

    def _fault(self, path: Path, code: str, message: str, fix: str | None) -> None:
        self.failed.add(path)
        origin, excerpt = self._place(path)
        fault = Fault(code, message, origin, excerpt, fix=fix)
        if fault not in self.faults:
            self.faults.append(fault)


def _mentions(value: object) -> bool:
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, list):
        return any(map(_mentions, value))
    return isinstance(value, dict) and any(map(_mentions, value.values()))
