"""Where an HTTP load may go, and the bytes of one call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab._target import target_of


class TestTargetOf:
    @pytest.mark.parametrize(
        ("url", "hosts", "port", "first"),
        [
            ("http://127.0.0.1:8000/a?b=1", ("127.0.0.1",), 8000, "GET /a?b=1 HTTP/1.1"),
            ("http://localhost", ("127.0.0.1", "::1"), 80, "GET / HTTP/1.1"),
            ("http://[::1]:81?q", ("::1",), 81, "GET /?q HTTP/1.1"),
            ("HTTP://127.9.9.9:1/ä", ("127.9.9.9",), 1, "GET /%C3%A4 HTTP/1.1"),
            ("http://LOCALHOST:1/%20#part", ("127.0.0.1", "::1"), 1, "GET /%20 HTTP/1.1"),
        ],
    )
    def test_this_machine(self, url: str, hosts: tuple[str, ...], port: int, first: str) -> None:
        """
        Loopback addresses are taken, and `localhost` without asking a resolver.
        """
        found = target_of(url)

        assert (found.hosts, found.port) == (hosts, port)
        assert found.request.decode().splitlines()[0] == first

    @pytest.mark.parametrize(
        "host",
        [
            "example.org",
            "10.0.0.1",
            "0.0.0.0",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "127.1",
            "0x7f000001",
            "2130706433",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[fe80::1]",
            "",
        ],
    )
    def test_nothing_else(self, host: str) -> None:
        """
        Whatever is not written as a loopback address is refused, and told why.
        """
        with pytest.raises(UsageError, match="is not this machine") as caught:
            target_of(f"http://{host}/")
        assert caught.value.faults[0].fix is not None

    @given(st.ip_addresses())
    def test_every_address(self, address: object) -> None:
        """
        An address is taken exactly where it is one of this machine.
        """
        shown = f"[{address}]" if ":" in str(address) else str(address)
        if address.is_loopback:  # type: ignore[attr-defined]  # of both kinds of address
            assert target_of(f"http://{shown}/").hosts == (str(address),)
        else:
            with pytest.raises(UsageError, match="is not this machine"):
                target_of(f"http://{shown}/")

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"url": None}, "http needs a URL"),
            ({"url": "https://127.0.0.1/"}, "plain http only"),
            ({"url": "ftp://127.0.0.1/"}, "expected an http URL"),
            ({"url": "127.0.0.1:8000"}, "expected an http URL"),
            ({"url": "http://127.0.0.1:99999/"}, "is no URL"),
            ({"url": "http://127.0.0.1:0/"}, "port 0"),
            ({"url": "http://[::1/"}, "is no URL"),
            ({"url": "http://ada:secret@127.0.0.1/"}, "user and password"),
            ({"url": "http://127.0.0.1/a b"}, "space or a control character"),
            ({"url": "http://127.0.0.1/\r\nX: y"}, "space or a control character"),
            ({"method": "GE T"}, "none of HTTP's"),
            ({"method": "CONNECT"}, "none of HTTP's"),
            ({"headers": "no colon"}, "header 'no colon'"),
            ({"headers": "X: a\x00"}, "header"),
            ({"headers": "Host: elsewhere"}, "not yours"),
            ({"headers": "content-length: 1"}, "not yours"),
        ],
    )
    def test_what_cannot_be_sent(self, given: dict[str, str], words: str) -> None:
        """
        Each part that cannot be is refused by name, and no password is shown.
        """
        with pytest.raises(UsageError, match=words) as caught:
            target_of(**{"url": "http://127.0.0.1/", **given})
        assert "secret" not in str(caught.value)

    def test_the_bytes(self) -> None:
        """
        Headers stand as they were said, and the length is that of the bytes.
        """
        found = target_of("http://127.0.0.1:8000/", "post", "ä", "X-A: 1\n\n Accept: */* ")

        assert found.request == (
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nX-A: 1\r\nAccept: */*\r\n"
            b"Content-Length: 2\r\n\r\n\xc3\xa4"
        )
        assert not found.is_idempotent
        assert b"Host: [::1]\r\n" in target_of("http://[::1]:80/").request
        assert b"Content-Length: 0\r\n" in target_of("http://[::1]:80/", "PUT").request
        assert not target_of("http://[::1]:80/", "HEAD").has_body
