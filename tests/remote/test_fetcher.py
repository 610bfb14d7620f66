"""Fetching: what is taken, what is refused, what is tried again."""

from __future__ import annotations

import gzip
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import pytest

from oneiric_lab.errors import FetchError
from oneiric_lab.remote import Breaker, Buffer, Credentials, Request, SafeFetcher, origin_of
from oneiric_lab.remote._exchange import Head, exchange
from oneiric_lab.testing import Answer, Drip, FaultServer

from .conftest import QUICK, fetch

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

SECRET = "canary-4711"


class TestTaken:
    """What comes whole."""

    def test_the_bytes_of_an_address_come_with_what_the_server_calls_them(self) -> None:
        """
        The body is written to the sink as it is, and its etag is told.
        """
        with FaultServer({"/m": [Answer(body=b"hello", headers={"ETag": '"v1"'})]}) as server:
            found, data = fetch(Request(server.url + "m"))

        assert (data, found.etag, found.size, found.attempts) == (b"hello", '"v1"', 5, 1)

    def test_what_is_unchanged_brings_no_bytes(self) -> None:
        """
        A known etag is sent, and 304 is an answer of its own.
        """
        with FaultServer({"/m": [Answer(304, body=b"")]}) as server:
            found, data = fetch(Request(server.url + "m", etag='"v1"'))
            asked = server.requests[0]

        assert (found.unchanged, found.etag, data) == (True, '"v1"', b"")
        assert b'If-None-Match: "v1"' in asked

    def test_three_redirects_are_followed(self) -> None:
        """
        The body of the last address comes.
        """
        answers = {f"/{n}": [Answer(302, headers={"Location": f"/{n + 1}"})] for n in range(3)}
        with FaultServer({**answers, "/3": [Answer(body=b"there")]}) as server:
            assert fetch(Request(server.url + "0"))[1] == b"there"

    def test_requests_without_a_context_have_connections_of_their_own(self) -> None:
        """
        One that ends takes none from another that goes on.
        """
        came: dict[str, tuple[int, int]] = {}

        async def main(url: str) -> None:
            fetcher = SafeFetcher(QUICK)

            async def get(path: str) -> None:
                sink = Buffer()
                found = await fetcher.fetch(Request(url + path), sink)
                came[path] = len(sink.data), found.attempts

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(get, "slow")
                await anyio.sleep(0.1)
                tasks.start_soon(get, "fast")

        slow = Drip(Answer(body=bytes(8)))
        with FaultServer({"/slow": [slow], "/fast": [Answer(body=b"x")]}) as server:
            anyio.run(main, server.url)

        assert came == {"fast": (1, 1), "slow": (8, 1)}

    def test_a_file_keeps_no_loop_waiting(self, tmp_path: Path) -> None:
        """
        It may be large, and is read and written in a thread.
        """
        (tmp_path / "m").write_bytes(b"here")

        class Sink(Buffer):
            def begin(self) -> None:
                threads.append(threading.get_ident())
                super().begin()

        threads: list[int] = []

        async def main() -> None:
            rules = replace(QUICK, roots=(tmp_path,))
            await SafeFetcher(rules).fetch(Request((tmp_path / "m").as_uri()), Sink())

        anyio.run(main)
        assert threads
        assert threads != [threading.get_ident()]

    def test_a_file_below_an_allowed_root_comes_with_its_digest(self, tmp_path: Path) -> None:
        """
        The etag of a file is its digest, so an unchanged one brings no bytes.
        """
        (tmp_path / "m.json").write_bytes(b"{}")
        rules = replace(QUICK, roots=(tmp_path,))
        url = (tmp_path / "m.json").as_uri()

        found, data = fetch(Request(url), rules)
        again, nothing = fetch(Request(url, etag=found.etag), rules)

        assert (data, again.unchanged, nothing) == (b"{}", True, b"")


class TestRefused:
    """What is never taken, and never tried again."""

    @pytest.mark.parametrize(
        ("answer", "code", "says"),
        [
            (Answer(404), "fetch-status", "answers 404"),
            (Answer(401), "fetch-status", "remote.auth"),
            (Answer(500), "fetch-status", "answers 500"),
            (Answer(304), "fetch-status", "answers 304"),
            (Answer(206), "fetch-status", "answers 206"),
            (Answer(302), "fetch-redirect", "nowhere"),
            (Answer(302, headers={"Location": "ftp://x/"}), "fetch-address", "expected https"),
            (Answer(302, headers={"Location": "/m"}), "fetch-redirect", "more than 3"),
            (Answer(302, headers={"Location": "http://x.test/"}), "fetch-insecure", "allow_http"),
            (Answer(body=b"x" * 101), "fetch-too-large", "at most 100"),
            (Answer(body=b"x" * 101, chunks=10), "fetch-too-large", "at most 100"),
            (Answer(body=b"x" * 9999, length=False), "fetch-too-large", "at most 100"),
            (
                Answer(body=gzip.compress(bytes(99)), headers={"Content-Encoding": "gzip"}),
                "fetch-encoding",
                "'gzip'",
            ),
        ],
    )
    def test_an_answer_that_does_not_pass_is_asked_for_once(
        self, answer: Answer, code: str, says: str
    ) -> None:
        """
        The error has a code of its own and a next step; nothing is asked twice for the same.
        """
        with FaultServer({"/m": [answer]}) as server, pytest.raises(FetchError) as caught:
            fetch(Request(server.url + "m", limit=100))

        assert code == caught.value.code
        assert says in str(caught.value)
        assert caught.value.faults[0].fix
        assert server.seen["/m"] == (4 if "more than" in says else 1)

    def test_a_bomb_is_refused_before_a_byte_is_decoded(self) -> None:
        """
        A body of 60 kB that becomes 60 MB is refused by its head.
        """
        bomb = Answer(
            body=gzip.compress(bytes(60_000_000), 9), headers={"Content-Encoding": "gzip"}
        )
        with FaultServer({"/m": [bomb]}) as server, pytest.raises(FetchError, match="encodes"):
            fetch(Request(server.url + "m"))

    @pytest.mark.parametrize(
        "url",
        [
            "http://example.com/m",
            "https://me:canary-4711@example.com/m",
            "ftp://example.com/m",
            "https://",
            "https://example.com:99999/",
            "https://exämple.com/",
            "https://example.com/\x1b[2J",
            "",
            "file:///etc/passwd",
            "file://host/etc/passwd",
        ],
    )
    def test_an_address_that_must_not_be_asked_is_told_without_its_secrets(self, url: str) -> None:
        """
        Nothing goes out, and neither a password nor a control character is repeated.
        """
        with pytest.raises(FetchError) as caught:
            fetch(Request(url))

        assert SECRET not in str(caught.value)
        assert "\x1b" not in str(caught.value)

    def test_a_link_does_not_lead_out_of_a_root(self, tmp_path: Path) -> None:
        """
        Links are followed before it is judged where the file lies.
        """
        inside = tmp_path / "inside"
        inside.mkdir()
        (tmp_path / "secret").write_bytes(b"x")
        (inside / "m").symlink_to(tmp_path / "secret")

        with pytest.raises(FetchError, match="outside"):
            fetch(Request((inside / "m").as_uri()), replace(QUICK, roots=(inside,)))

    def test_a_query_may_be_a_token_and_is_not_shown(self) -> None:
        """
        What stands behind the question mark is never repeated.
        """
        with FaultServer() as server, pytest.raises(FetchError) as caught:
            fetch(Request(server.url + "m?token=" + SECRET))

        assert SECRET not in str(caught.value)


class TestCredentials:
    """They are bound to one origin."""

    def test_only_their_origin_sees_them(self) -> None:
        """
        A redirect to another port loses them; upstream sent them to every host.
        """
        with FaultServer({"/b": [Answer(body=b"there")]}) as other:
            home = FaultServer({"/a": [Answer(302, headers={"Location": other.url + "b"})]})
            with home:
                mine = Credentials(origin_of(home.url), "X-Api-Key", SECRET)
                fetch(Request(home.url + "a", credentials=mine, etag='"v1"'))

        assert SECRET.encode() in home.requests[0]
        assert SECRET.encode() not in other.requests[0]
        assert b"If-None-Match" not in other.requests[0]
        assert SECRET not in repr(mine)

    def test_a_cookie_is_not_sent_back(self) -> None:
        """
        What one answer sets, the next request does not have.
        """
        said = {"Location": "/b", "Set-Cookie": "a=b"}
        with FaultServer({"/a": [Answer(302, headers=said)], "/b": [Answer()]}) as server:
            fetch(Request(server.url + "a"))

        assert all(b"ookie" not in request for request in server.requests)


class TestTls:
    """Who does not prove its name is not believed."""

    def test_an_authority_of_ones_own_is_believed_when_it_is_named(
        self, certify: Callable[..., tuple[ssl.SSLContext, Path]]
    ) -> None:
        """
        `ca_file` is enough.
        """
        context, ca = certify()
        with FaultServer({"/m": [Answer(body=b"safe")]}, tls=context) as server:
            assert fetch(Request(server.url + "m"), replace(QUICK, ca_file=ca))[1] == b"safe"

    @pytest.mark.parametrize(
        ("name", "days", "named"),
        [("localhost", 1, False), ("localhost", -1, True), ("other.test", 1, True)],
        ids=["self-signed", "expired", "wrong host"],
    )
    def test_a_bad_certificate_is_refused_and_never_tried_again(
        self,
        certify: Callable[..., tuple[ssl.SSLContext, Path]],
        name: str,
        days: int,
        *,
        named: bool,
    ) -> None:
        """
        The code is `fetch-tls`, and no request was seen.
        """
        context, ca = certify(name, days=days)
        rules = replace(QUICK, ca_file=ca if named else None)
        breaker = Breaker(threshold=1)

        async def main(url: str) -> None:
            async with SafeFetcher(rules, breaker=breaker) as fetcher:
                await fetcher.fetch(Request(url), Buffer())

        with FaultServer({"/m": [Answer()]}, tls=context) as server:
            with pytest.raises(FetchError) as caught:
                anyio.run(main, server.url + "m")

            assert (caught.value.code, server.seen["/m"]) == ("fetch-tls", 0)
        assert breaker.state("localhost") == "closed"

    def test_from_https_to_http_is_refused(
        self, certify: Callable[..., tuple[ssl.SSLContext, Path]]
    ) -> None:
        """
        Even to this machine.
        """
        context, ca = certify()
        with FaultServer({"/b": [Answer()]}) as plain:
            said = Answer(302, headers={"Location": plain.url + "b"})
            with (
                FaultServer({"/a": [said]}, tls=context) as server,
                pytest.raises(FetchError, match="from https to http"),
            ):
                fetch(Request(server.url + "a"), replace(QUICK, ca_file=ca))

        assert not plain.requests

    def test_who_proves_no_name_gets_no_credentials(
        self, certify: Callable[..., tuple[ssl.SSLContext, Path]]
    ) -> None:
        """
        With `verify_tls` off the bytes come, and with credentials nothing is asked.
        """
        context, _ = certify()
        rules = replace(QUICK, verify_tls=False)
        with FaultServer({"/m": [Answer(body=b"any")]}, tls=context) as server:
            assert fetch(Request(server.url + "m"), rules)[1] == b"any"
            mine = Credentials(origin_of(server.url), value=SECRET)
            with pytest.raises(FetchError, match="proves no name"):
                fetch(Request(server.url + "m", credentials=mine), rules)

        assert all(SECRET.encode() not in request for request in server.requests)

    def test_a_handshake_that_stalls_can_pass(self) -> None:
        """
        It is a timeout, tried again, and never a certificate's fault.
        """
        rules = replace(QUICK, connect_timeout=0.1, attempts=2)
        with FaultServer(stalls=True) as server, pytest.raises(FetchError) as caught:
            fetch(Request(f"https://localhost:{server.port}/"), rules)

        assert caught.value.code == "fetch-timeout"


class TestTriedAgain:
    """What can pass, under one deadline."""

    @pytest.mark.parametrize(
        "fault",
        [
            Answer(503),
            Answer(429, headers={"Retry-After": "0"}),
            Answer(503, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
            Answer(503, headers={"Retry-After": "soon"}),
            Answer(body=b"x" * 1000, cut=200),
            Answer(body=b"", headers={"Content-Length": "1000"}, length=False, keep=False),
            b"",
            b"HTTP/1.1 200 OK\r\nContent-",
            b"nonsense\r\n\r\n",
        ],
    )
    def test_a_fault_that_passes_leaves_no_trace(self, fault: Answer | bytes) -> None:
        """
        What came before the last attempt is void.
        """
        with FaultServer({"/m": [fault, fault, Answer(body=b"whole")]}) as server:
            found, data = fetch(Request(server.url + "m"))

        assert (data, found.attempts) == (b"whole", 3)

    def test_it_ends_with_the_attempts(self) -> None:
        """
        The last fault is told.
        """
        with FaultServer({"/m": [Answer(503)]}) as server, pytest.raises(FetchError) as caught:
            fetch(Request(server.url + "m"))

        assert (server.seen["/m"], caught.value.code) == (4, "fetch-status")

    @pytest.mark.parametrize("wish", ["86400", "9" * 40, "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_an_absurd_wish_is_not_waited_for(self, wish: str) -> None:
        """
        A wait that ends behind the deadline is not begun: the error says so at once.
        """
        storm = Answer(429, headers={"Retry-After": wish})
        start = time.monotonic()
        with FaultServer({"/m": [storm]}) as server, pytest.raises(FetchError, match="asks to"):
            fetch(Request(server.url + "m"))

        assert server.seen["/m"] == 1
        assert time.monotonic() - start < QUICK.deadline

    @pytest.mark.parametrize(
        "answer", [Drip(Answer(body=bytes(9999))), Answer(delay=30)], ids=["drip", "silence"]
    )
    def test_the_deadline_ends_what_drips(self, answer: Answer | Drip) -> None:
        """
        No read ever waits long, and all the same it ends in time; the breaker counts it.
        """
        rules = replace(QUICK, deadline=0.5, read_timeout=10)
        breaker = Breaker(threshold=1)

        async def main(url: str) -> None:
            await SafeFetcher(rules, breaker=breaker).fetch(Request(url), Buffer())

        start = time.monotonic()
        with FaultServer({"/m": [answer]}) as server:
            with pytest.raises(FetchError, match=r"within 0\.5 s"):
                anyio.run(main, server.url + "m")
            assert 0.45 < time.monotonic() - start < 3
        assert breaker.state("127.0.0.1") == "open"

    def test_nobody_listens(self) -> None:
        """
        A refused connection is tried again and told with its address.
        """
        with FaultServer() as server:
            port = server.port
        with pytest.raises(FetchError, match=f"127.0.0.1:{port}") as caught:
            fetch(Request(f"http://127.0.0.1:{port}/m"))

        assert caught.value.code == "fetch-connection"


class TestThisMachine:
    """A server elsewhere has no business here."""

    @pytest.mark.parametrize(
        "host",
        ["localhost", "x.localhost", "127.0.0.2", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"],
    )
    def test_a_redirect_from_elsewhere_to_this_machine_is_refused(self, host: str) -> None:
        """
        However it is written; from here to here one is followed, without TLS too.
        """
        now = datetime.now(UTC)
        steps = exchange(Request("https://example.com/m"), QUICK, now)
        next(steps)
        with pytest.raises(FetchError, match="a server elsewhere sent us to this machine"):
            steps.send(Head(302, {"location": f"https://{host}/m"}))

        steps = exchange(Request("http://127.0.0.1/m"), QUICK, now)
        next(steps)
        hop = steps.send(Head(302, {"location": f"http://{host}:8/m"}))
        assert hop.address.origin == f"http://{host}:8"
