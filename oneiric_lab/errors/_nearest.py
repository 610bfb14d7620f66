"""The nearest known name, for "did you mean"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], n: int = 1) -> list[str]:
    """Return up to *n* names of *known* that *word* may have meant, best first.

    Case and the difference between `-`, `_` and `.` do not count. A known name that
    differs from *word* by no more than about a third of its letters is near.

    Example:
        >>> nearest("tiemout", ["timeout", "port", "host"])
        ['timeout']
        >>> nearest("zebra", ["timeout", "port"])
        []
    """
    from difflib import SequenceMatcher  # noqa: PLC0415 - 7 ms, paid only by a mistake

    def fold(text: str) -> str:
        return text.casefold().replace("-", "_").replace(".", "_")

    wanted = fold(word)
    matcher = SequenceMatcher()
    matcher.set_seq2(wanted)
    scored: list[tuple[float, str]] = []
    for name in dict.fromkeys(known):
        matcher.set_seq1(fold(name))
        # The two bounds are cheap and cut most of a long list before ratio() runs.
        if matcher.real_quick_ratio() < 0.6 or matcher.quick_ratio() < 0.6:  # noqa: PLR2004
            continue
        score = matcher.ratio()
        if score >= 0.6:  # noqa: PLR2004 - difflib's own default for "close"
            scored.append((-score, name))
    return [name for _, name in sorted(scored)[:n]]


def did_you_mean(word: str, known: Iterable[str], *, limit: int = 8) -> str | None:
    """Return `did you mean ...?` with the known names, or None when nothing is known.

    Example:
        >>> did_you_mean("redsi", ["redis", "memory"])
        'did you mean `redis`? known: memory, redis'
    """
    names = sorted(set(known))
    if not names:
        return None
    near = nearest(word, names)
    shown = ", ".join(names[:limit])
    if len(names) > limit:
        shown += f", … ({len(names)} in all)"
    return f"did you mean `{near[0]}`? known: {shown}" if near else f"known: {shown}"
