"""Letters to customers: put into the outbox, from which the mail server takes them."""

from __future__ import annotations

from email.message import EmailMessage
from typing import TYPE_CHECKING

from .settings import Table

if TYPE_CHECKING:
    from .files import LocalFiles, MemoryFiles


class MailSettings(Table):
    """Settings of `service:mail`."""

    sender: str = "orders@paperboat.example"


class Outbox:
    """Writes each letter as an `.eml` file."""

    def __init__(self, settings: MailSettings, *, files: LocalFiles | MemoryFiles) -> None:
        self._settings = settings
        self._files = files

    def send(self, to: str, subject: str, text: str) -> str:
        """Put a letter into the outbox; return its name."""
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self._settings.sender, to, subject
        letter.set_content(text)
        number = sum(name.startswith("outbox/") for name in self._files.names()) + 1
        name = f"outbox/{number:06}.eml"
        self._files.write(name, letter.as_bytes())
        return name
