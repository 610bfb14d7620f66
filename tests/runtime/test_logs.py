"""Structured logs: one shape, no secret in it, and a ring of the last ones."""

from __future__ import annotations

import http.server
import io
import json
import logging
import stat
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.config import Settings
from oneiric_lab.errors import FileAccessError, UsageError
from oneiric_lab.runtime import (
    Redactor,
    Ring,
    choose_logs,
    handlers_of,
    logged,
    read_log_lines,
)
from oneiric_lab.runtime._logs import JsonLines, PlainLines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = 'pa"ss wörd/+1'


def record(message: str, *args: object, level: int = logging.INFO, **extra: Any) -> Any:
    """Return a record as a logger makes it."""
    made = logging.LogRecord("shop.cart", level, "x.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


def settings(**said: Any) -> Settings:
    """Return the built-in tables with `[logging]` as said."""
    return Settings.model_validate({"logging": said})


class TestShape:
    def test_a_record_is_one_line_of_json(self) -> None:
        """
        Who, when, how grave, what, and the fields that were given.
        """
        line = JsonLines(Redactor(), {"service": "shop"}).format(
            record("sold %d", 3, order={"id": 7, "tags": ["a"]}, level=logging.WARNING)
        )
        found = json.loads(line)

        assert "\n" not in line
        assert (found["event"], found["level"], found["logger"]) == (
            "sold 3",
            "warning",
            "shop.cart",
        )
        assert found["order"] == {"id": 7, "tags": ["a"]}
        assert found["service"] == "shop"
        assert found["timestamp"].endswith("+00:00")

    def test_a_field_does_not_hide_ours(self) -> None:
        """
        `event` as a field stands beside the event.
        """
        found = json.loads(JsonLines(Redactor()).format(record("a", event="b", level_="x")))

        assert (found["event"], found["event_"]) == ("a", "b")

    def test_people_get_one_line_without_signs_that_act(self) -> None:
        """
        A line end or an escape of what is logged does not forge a line or paint the terminal.
        """
        line = PlainLines(Redactor()).format(record("a\n99:99:99 info  forged \x1b[2J", where="b"))

        assert "\n" not in line
        assert "\x1b" not in line
        assert line.endswith("where=b")

    def test_what_cannot_be_said_is_logged_all_the_same(self) -> None:
        """
        Arguments that do not fit, and an object whose text raises.
        """

        class Bad:
            def __str__(self) -> str:
                raise OSError("no")

        found = json.loads(JsonLines(Redactor()).format(record("a %d", "b", thing=Bad())))

        assert found["event"] == "a %d"
        assert found["thing"] == "<Bad: OSError>"

    def test_an_error_is_told_with_its_traceback(self) -> None:
        """
        As fields in JSON, below the line for people; a secret is in neither.
        """
        try:
            raise OSError(f"cannot log in with {SECRET}")  # noqa: TRY301 - to have its traceback
        except OSError:
            made = record("it failed", level=logging.ERROR, exc_info=sys.exc_info())
        hide = Redactor(lambda: [SECRET])
        found = json.loads(JsonLines(hide).format(made))
        text = PlainLines(hide).format(made)

        assert found["error"] == "OSError: cannot log in with ***"
        assert "Traceback" in found["trace"]
        assert text.splitlines()[1].startswith("Traceback")
        assert SECRET not in text + found["trace"]


class TestRedactor:
    @given(st.text(min_size=4, max_size=30).filter(lambda t: t.strip() == t and "*" not in t))
    def test_a_secret_is_in_no_line(self, secret: str) -> None:
        """
        Whatever it is made of, and wherever it stands: text, field, key, list.
        """
        hide = Redactor(lambda: [secret])
        made = record("a %s b", secret, one=secret, two={secret: [secret]})

        line = JsonLines(hide).format(made)
        found = json.loads(line)
        texts = [found["event"], found["one"], *found["two"], *found["two"].values()]

        # A secret such as `***` or a part of the text around it may be what stands there.
        around = json.dumps(JsonLines(Redactor()).format(record("a *** b", one="***", two=["***"])))
        if secret not in around:
            assert not [text for text in texts if secret in str(text)]

    @pytest.mark.parametrize(
        "text",
        [
            "Authorization: Bearer abcd.efgh-1234",
            "fetching https://ada:hunter2@example.com/x",
            "basic YWRhOmh1bnRlcjI=",
        ],
    )
    def test_what_looks_like_one_is_taken_out_unknown(self, text: str) -> None:
        """
        Credentials in headers and in addresses.
        """
        shown = Redactor()(text)

        assert "***" in shown
        assert not [part for part in ("abcd", "hunter2", "YWRh") if part in shown]

    @pytest.mark.parametrize(
        "name", ["password", "db_password", "x-api-key", "AUTHORIZATION", "token"]
    )
    def test_a_field_that_names_one_is_hidden(self, name: str) -> None:
        """
        Whatever its value is.
        """
        assert Redactor().field(name, 7) == "***"
        assert Redactor().field("tokens_used", 7) == 7

    def test_a_rotated_secret_stays_one(self) -> None:
        """
        The old one may still be in a message.
        """
        now = ["first-secret"]
        hide = Redactor(lambda: now)
        now[0] = "second-secret"
        hide.refresh()

        assert hide("first-secret second-secret") == "*** ***"

    def test_a_short_text_is_not_looked_for(self) -> None:
        """
        Else every log would be full of stars.
        """
        assert Redactor(lambda: ["a", ""])("a banana") == "a banana"


class TestRing:
    def test_the_last_ones_are_kept_and_all_are_counted(self) -> None:
        """
        By level, without secrets.
        """
        ring = Ring(Redactor(lambda: [SECRET]), kept=2)
        for number in range(3):
            ring.emit(record(f"{number} {SECRET}"))
        ring.emit(record("bad", level=logging.ERROR))

        assert [row["event"] for row in ring.rows] == ["2 ***", "bad"]
        assert ring.counts == {"debug": 0, "info": 3, "warning": 0, "error": 1, "critical": 0}


ROWS = [{"event": f"e{n}", "level": one} for n, one in enumerate(["info", "error", "debug"])]


class TestChoosing:
    def test_by_level_text_and_number(self) -> None:
        """
        The last ones that fit; a level that nobody knows counts as info.
        """
        assert [r["event"] for r in choose_logs(ROWS, level="info").rows] == ["e0", "e1"]
        assert [r["event"] for r in choose_logs(ROWS, match="E2").rows] == ["e2"]
        last = choose_logs(ROWS, limit=1)
        assert ([r["event"] for r in last.rows], last.lost) == (["e2"], True)
        assert choose_logs(ROWS, limit=0).rows == ()
        assert len(choose_logs([{"level": "loud"}], level="info").rows) == 1

    def test_a_view_says_what_and_how_grave(self) -> None:
        """
        Or that there is nothing.
        """
        found = choose_logs([{"timestamp": "2026-01-01T00:00:00.000+00:00", **ROWS[1], "n": 1}])

        assert "2026-01-01 00:00:00Z  error" in str(found)
        assert "e1  n=1" in str(found)
        assert "nothing was logged" in str(choose_logs([]))

    def test_lines_that_are_none_are_passed_over(self) -> None:
        """
        A file that was cut, or that somebody wrote into.
        """
        assert read_log_lines(b'{"a": 1}\n{"b"\n[1]\n\xff\n{"c": 2}') == [{"a": 1}, {"c": 2}]


@pytest.fixture
def clean_root() -> Iterator[logging.Logger]:
    """The root logger, as it was afterwards."""
    root = logging.getLogger()
    before = list(root.handlers), root.level
    yield root
    assert (list(root.handlers), root.level) == before


class TestSinks:
    def test_a_file_rolls_over_and_is_its_users_own(
        self, tmp_path: Path, clean_root: logging.Logger
    ) -> None:
        """
        JSON lines below the workspace, readable by nobody else.
        """
        sink = {"target": "file", "path": "logs/host.log", "max_bytes": 600, "backup_count": 1}
        with logged("INFO", handlers_of(settings(sinks=[sink]), tmp_path, Redactor())):
            for number in range(6):
                logging.getLogger("shop").info("line %d", number)
        file = tmp_path / "logs" / "host.log"
        rows = [
            *read_log_lines(file.with_suffix(".log.1").read_bytes()),
            *read_log_lines(file.read_bytes()),
        ]

        assert rows[-1]["event"] == "line 5"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_levels_of_a_sink_and_of_all(
        self, tmp_path: Path, clean_root: logging.Logger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Both bound what is written; libraries that chatter are asked for warnings only.
        """
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        said = settings(sinks=[{"target": "stdout", "level": "WARNING"}])
        with logged("INFO", handlers_of(said, tmp_path, Redactor())):
            logging.getLogger("shop").info("no")
            logging.getLogger("shop").warning("yes")
        assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["yes"]
        chatty = settings(sinks=[{"target": "stdout"}])
        with logged("INFO", handlers_of(chatty, tmp_path, Redactor())):
            logging.getLogger("watchfiles.main").info("1 change")
        assert "1 change" not in out.getvalue()

    def test_people_get_lines_where_json_is_off(
        self, tmp_path: Path, clean_root: logging.Logger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        `logging.emit_json = false`, unless a program reads.
        """
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        said = settings(emit_json=False, sinks=[{"target": "stdout"}])
        for machine in (False, True):
            with logged("INFO", handlers_of(said, tmp_path, Redactor(), machine=machine)):
                logging.getLogger("shop").info("sold", extra={"n": 1})

        first, second = out.getvalue().splitlines()
        assert first.endswith("info     sold  n=1")
        assert json.loads(second)["n"] == 1

    def test_an_address_gets_them_in_batches(
        self, tmp_path: Path, clean_root: logging.Logger
    ) -> None:
        """
        As JSON lines by POST, in a thread; what is down costs records and no time.
        """
        got: list[bytes] = []

        class Taker(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Be quiet."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            url = f"http://127.0.0.1:{server.server_port}/logs"
            sinks = [
                {"target": "http", "endpoint": url},
                {"target": "http", "endpoint": "http://127.0.0.1:1"},
            ]
            handlers = handlers_of(settings(sinks=sinks), tmp_path, Redactor())
            with logged("INFO", handlers):
                for number in range(3):
                    logging.getLogger("shop").info("line %d", number)
            server.shutdown()
            thread.join()

        rows = read_log_lines(b"".join(got))
        assert [row["event"] for row in rows] == ["line 0", "line 1", "line 2"]
        assert [getattr(h, "lost", None) for h in handlers] == [0, 3]

    @pytest.mark.parametrize(
        "sink",
        [
            {"target": "file"},
            {"target": "http"},
            {"target": "http", "endpoint": "ftp://x"},
            {"target": "stdout", "level": "LOUD"},
        ],
    )
    def test_a_sink_that_lacks_something_is_refused(self, sink: Any, tmp_path: Path) -> None:
        """
        By its number, with how to write it.
        """
        with pytest.raises(UsageError, match=r"logging\.sinks\[0\]"):
            handlers_of(settings(sinks=[sink]), tmp_path, Redactor())

    def test_a_file_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        """
        With what to do.
        """
        sink = {"target": "file", "path": "/proc/host.log"}
        with pytest.raises(FileAccessError, match="cannot write logs"):
            handlers_of(settings(sinks=[sink]), tmp_path, Redactor())
