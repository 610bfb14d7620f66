"""The server that answers what it was told."""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from oneiric_lab.testing import Answer, LoopbackServer


class TestLoopbackServer:
    def test_answers_by_path(self) -> None:
        """
        What was told is said, chunks included; an unknown path is 404; calls are counted.
        """
        answers = {"/a": Answer(body=b"x" * 1000, chunks=7), "/b": Answer(503, b"no")}
        with LoopbackServer(answers) as server:
            with urllib.request.urlopen(server.url + "a") as answer:
                assert answer.read() == b"x" * 1000
            for path, status in (("b", 503), ("c", 404)):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    urllib.request.urlopen(server.url + path)
                caught.value.close()
                assert caught.value.code == status
            assert server.seen == {"/a": 1, "/b": 1, "/c": 1}

    def test_keeps_a_connection(self) -> None:
        """
        Several calls go over one, a body among them.
        """
        with LoopbackServer() as server:
            client = http.client.HTTPConnection(urlsplit(server.url).netloc)
            for _ in range(3):
                client.request("POST", "/", b"body")
                assert client.getresponse().read() == b"ok"
            client.close()
            assert server.connections == 1
            assert server.requests[-1].endswith(b"\r\n\r\nbody")

    def test_ends_with_its_block(self) -> None:
        """
        Nothing listens afterwards, and connections that were open are ended.
        """
        with LoopbackServer() as server:
            host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
            kept = socket.create_connection((host, port))
        with kept:
            kept.settimeout(5)
            with suppress(ConnectionResetError):
                assert kept.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, port))
