"""`${path}`, `${env:X}`, `${secret:id}`, and `$${` for a literal: a closed set, no code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, did_you_mean

from ._paths import get, leaves, parse_path, put, render_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneiric_lab.errors import Excerpt, Origin

    from ._paths import Path
    from ._secrets import SecretRef

DEEPEST: Final = 50
"""Expressions that lead to one another."""
MOST_VALUES: Final = 100_000
"""Values that an expression gives: a list of two that each lead to such a list doubles."""
LONGEST: Final = 1 << 20
"""Letters of a text with expressions in it, which doubles likewise."""

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
        self._counts: dict[int, tuple[object, int]] = {}
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
        if len(chain) == DEEPEST:
            self._too_much(path, f"more than {DEEPEST} expressions lead to one another")
            return value
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

        found = _PIECE.sub(part, value)
        if len(found) <= LONGEST:
            return found
        self._too_much(path, f"the text has more than {LONGEST:,} letters")
        return value

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
        result = self._resolve(target, found, chain)
        if self._count(result) <= MOST_VALUES:
            return result
        self._too_much(path, f"${{{expression}}} gives more than {MOST_VALUES:,} values")
        return expression

    def _count(self, value: object) -> int:
        """Return how many values are in *value*; what stands in it twice is gone through once."""
        if not isinstance(value, list | dict):
            return 1
        if id(value) not in self._counts:
            inner = value if isinstance(value, list) else value.values()
            # Held with its number, so that no other one comes to have it.
            self._counts[id(value)] = value, sum(map(self._count, inner))
        return self._counts[id(value)][1]

    def _too_much(self, path: Path, what: str) -> None:
        fix = "write a plain value, or lead to fewer others"
        self._fault(path, "interpolation-size", f"interpolation grows too large: {what}", fix)

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
