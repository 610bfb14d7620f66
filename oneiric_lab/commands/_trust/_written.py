"""A file that people will edit, as it was written."""

from __future__ import annotations

from dataclasses import dataclass

from oneiric_lab.views import Code, Note, Result, View


@dataclass(frozen=True, slots=True, repr=False)
class Written(Result):
    """A file of text that was written.

    Attributes:
        file: Where.
        text: What.
        then: What to do next.
    """

    file: str
    text: str
    then: str

    def as_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {"file": self.file, "text": self.text, "next": self.then}

    def view(self) -> View:
        """Return the text, and what to do next."""
        return View("written", f"wrote {self.file}", (Code(self.text, "toml"), Note(self.then)))
