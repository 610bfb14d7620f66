"""A fault says what is wrong, where, why, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._origin import Excerpt, Origin

Severity = Literal["error", "warning", "note"]

# Asides such as `(layer profile:prod)` start in this column where the text leaves room.
_ASIDE = 57


@dataclass(frozen=True, slots=True)
class Because:
    """One reason in a chain, with an aside that tells where it is known from."""

    text: str
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    `str(fault)` is the form that people read; `as_dict()` is the one that programs read.

    Attributes:
        code: Stable kebab-case name, such as `unknown-key`.
        message: What is wrong: expected first, then what was found.
        origin: Where.
        excerpt: The line of source with the span at fault.
        notes: Facts that help, such as what the value shadows.
        because: Reasons in order, when there are several.
        so: What follows from the reasons, when that is not the message itself.
        why: The reason in a sentence, when there is one.
        fix: A next step that works.
        severity: `error` unless it only warns.
        layer: Whether the layer is named beside the place.
    """

    code: str
    message: str
    origin: Origin | None = None
    excerpt: Excerpt | None = None
    notes: tuple[str, ...] = ()
    because: tuple[Because, ...] = ()
    so: str | None = None
    why: str | None = None
    fix: str | None = None
    severity: Severity = "error"
    layer: bool = True

    def __str__(self) -> str:
        """Render as people read it, without a final line end."""
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the lines of the rendering."""
        first, *more = self.message.splitlines() or [""]
        out = [f"{self.severity}: {first}", *(f"  {line}" for line in more)]
        if self.origin is not None:
            out.append(with_aside(f"  --> {self.origin}", self._layer_aside()))
        if self.excerpt is not None:
            out.extend(self.excerpt.render())
        lead = "because"
        for reason in self.because:
            out.append(with_aside(f"  {lead:<7} {reason.text}", reason.aside))
            lead = "and"
        if self.so:
            out.append(f"  so      {self.so}")
        if self.why:
            out.append(f"  why: {self.why}")
        out.extend(f"  note: {note}" for note in self.notes)
        if self.fix:
            out.append(f"  help: {self.fix}")
        return [line if line.isprintable() else _drawn(line) for line in out]

    def _layer_aside(self) -> str:
        origin = self.origin
        # `oneiric.toml` is the project layer to every reader; naming it adds nothing.
        if origin is None or not self.layer or origin.layer in {"", "project"}:
            return ""
        if origin.file is None and origin.layer in {"set", "session"}:
            return ""
        return f"layer {origin.layer}"

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape: `code`, `message`, `where`, `why`, `fix`, `severity`."""
        why = self.why
        if self.because:
            reasons = "; ".join(
                f"{reason.text} ({reason.aside})" if reason.aside else reason.text
                for reason in self.because
            )
            why = f"{why}; {reasons}" if why else reasons
        elif why is None and self.notes:
            why = "; ".join(self.notes)
        return {
            "code": self.code,
            "message": self.message,
            "where": [] if self.origin is None else [self.origin.as_dict()],
            "why": why,
            "fix": self.fix,
            "severity": self.severity,
        }


def _drawn(line: str) -> str:
    # Keys and names come from files: an escape sequence in one would act on the terminal.
    return "".join(c if c.isprintable() or c in "\t\n" else "·" for c in line)


def with_aside(text: str, aside: str) -> str:
    """Put *aside* in parentheses in the column of asides, or two blanks behind a long text."""
    if not aside:
        return text
    return f"{text:<{_ASIDE - 2}}  ({aside})"


def render_faults(faults: Iterable[Fault]) -> str:
    """Render faults one below the other, in the order given."""
    return "\n".join(str(fault) for fault in faults)
