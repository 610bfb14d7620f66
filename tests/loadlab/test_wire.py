"""Kept connections: whose answer is whose, whatever a server does."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import MissingExtraError
from oneiric_lab.loadlab._target import target_of
from oneiric_lab.loadlab._wire import (
    HEAD_LIMIT,
    BadAnswerError,
    Connection,
    EndedEarlyError,
    Pool,
    TooLargeError,
)
from oneiric_lab.testing import Answer, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def calls(
    answer: Answer, work: Callable[[Pool], Awaitable[Any]], method: str = "GET", **options: Any
) -> tuple[Any, Pool, LoopbackServer]:
    """Do *work* with a pool of connections to a server that says *answer*."""

    async def main() -> tuple[Any, Pool]:
        pool = Pool(target_of(server.url, method), **options)
        try:
            return await work(pool), pool
        finally:
            await pool.close()

    with LoopbackServer({"/": answer}) as server:
        found, pool = asyncio.run(main())
    return found, pool, server


async def thrice(pool: Pool) -> list[int]:
    """Call three times, one after the other."""
    return [await pool.call() for _ in range(3)]


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "method", "connections"),
        [
            (Answer(body=b"x" * 100_000), "GET", 1),
            (Answer(body=b"x" * 100_000, chunks=999), "GET", 1),
            (Answer(204, b""), "GET", 1),
            (Answer(304, b"", length=False), "GET", 1),
            (Answer(body=b"x" * 5000), "HEAD", 1),
            (Answer(body=b"x" * 5000), "POST", 1),
            (Answer(503), "GET", 1),
            (Answer(before=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "GET", 1),
            (Answer(headers={"Connection": "close"}, keep=False), "GET", 3),
            (Answer(body=b"x" * 100_000, length=False, keep=False), "GET", 3),
            (Answer(keep=False), "GET", 3),
        ],
    )
    def test_each_call_gets_its_own(self, answer: Answer, method: str, connections: int) -> None:
        """
        However long its body is said to be, an answer ends where it ends, and what the server
        keeps is used again.
        """
        found, pool, server = calls(answer, thrice, method)

        assert found == [answer.status] * 3
        assert server.seen["/"] == 3
        assert server.connections == connections == pool.opened
        assert (pool.mixed, pool.unasked) == (0, 0)

    @pytest.mark.parametrize(
        ("answer", "kind", "words"),
        [
            (Answer(cut=0), EndedEarlyError, "before an answer"),
            (Answer(cut=10), EndedEarlyError, "in the middle"),
            (Answer(body=b"x" * 100, cut=90), EndedEarlyError, "in the middle"),
            (Answer(body=b"x" * 99, chunks=9, cut=120), EndedEarlyError, "in the middle"),
            (Answer(body=b"x" * 500_000, cut=400_000, reset=True), ConnectionError, None),
            (Answer(before=b"SSH-2.0-OpenSSH\r\n"), BadAnswerError, None),
            (
                Answer(headers={"X": "y" * 2 * HEAD_LIMIT, "Z": "y" * 400_000}),
                TooLargeError,
                "head",
            ),
            (Answer(body=b"x" * 2_000_000), TooLargeError, "more than 1,000,000 bytes"),
            (Answer(body=b"x" * 2_000_000, chunks=1000), TooLargeError, "more than 1,000,000"),
            (Answer(before=b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000), TooLargeError, None),
        ],
    )
    def test_what_is_no_answer(
        self, answer: Answer, kind: type[Exception], words: str | None
    ) -> None:
        """
        One that is cut, reset, too large or no HTTP fails, and says what happened.
        """
        with pytest.raises(kind, match=words):
            calls(answer, thrice, limit=1_000_000)

    def test_a_second_answer(self) -> None:
        """
        A server that answers twice is told of, and its second answer is nobody's.
        """
        found, pool, server = calls(Answer(copies=2), thrice)
        assert found == [200] * 3
        assert (pool.unasked, server.connections) == (3, 3)

        found, pool, _ = calls(
            Answer(body=b"ok", headers={"Content-Length": "1"}, length=False), thrice
        )
        assert found == [200] * 3
        assert pool.unasked == 3

    def test_nobody_listens(self) -> None:
        """
        A refused connection is what it is, on each address of `localhost`.
        """
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://localhost:{taken.getsockname()[1]}/"
            with pytest.raises(OSError, match=r"[Cc]onnect"):
                asyncio.run(Pool(target_of(url)).call())


class TestPool:
    def test_a_late_answer_is_nobodys(self) -> None:
        """
        A call that is given up takes its connection with it.
        """

        async def work(pool: Pool) -> int:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.call(), 0.05)
            await asyncio.sleep(0.15)
            return await pool.call()

        found, pool, server = calls(Answer(delay=0.1), work)
        assert found == 200
        assert (pool.mixed, pool.unasked, server.connections) == (0, 0, 2)

    @pytest.mark.parametrize("end", [None, ConnectionResetError("reset by peer")])
    def test_one_that_the_server_ended(self, end: Exception | None) -> None:
        """
        A kept connection that ended meanwhile is not used; one that ends under a call that may
        be sent again has it sent again, once.
        """

        async def work(pool: Pool) -> list[int]:
            first = await pool.call()
            ended = pool._idle[-1]
            for _ in range(100):
                await asyncio.sleep(0.01)
                if not ended.is_open:
                    break
            ended.is_open = True  # as if the end had not come yet
            ended.transport = Deaf(ended)
            return [first, await pool.call()]

        class Deaf:
            def __init__(self, connection: Connection) -> None:
                self.connection = connection

            def is_closing(self) -> bool:
                return False

            def write(self, data: bytes) -> None:
                asyncio.get_running_loop().call_soon(self.connection.connection_lost, end)

            def abort(self) -> None:
                """End."""

        found, pool, server = calls(Answer(keep=False), work)
        assert found == [200, 200]
        assert (pool.retried, server.connections) == (1, 2)
        with pytest.raises(ConnectionError):
            calls(Answer(keep=False), work, "POST")

    def test_at_most_so_many(self) -> None:
        """
        What is asked for beyond the bound waits for a connection.
        """

        async def work(pool: Pool) -> list[int]:
            return list(await asyncio.gather(*(pool.call() for _ in range(40))))

        _, _, few = calls(Answer(delay=0.002), work, most=3)
        assert few.connections == 3
        _, _, many = calls(Answer(delay=0.05), work)
        assert many.connections == 40

    def test_a_server_that_tires_of_waiting(self) -> None:
        """
        Its 408 is no answer to anything; any other byte on an idle connection is told of.
        """

        async def work(said: bytes) -> int:
            pool = Pool(target_of(server.url))
            await pool.call()
            pool._idle[-1].data_received(said)
            await pool.call()
            await pool.close()
            return pool.unasked

        with LoopbackServer() as server:
            assert asyncio.run(work(b"HTTP/1.1 408 Request Timeout\r\n\r\n")) == 0
            assert asyncio.run(work(b"HTTP/1.1 200 OK\r\n\r\n")) == 1

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It says what to install.
        """
        monkeypatch.setitem(sys.modules, "httptools", None)
        with pytest.raises(MissingExtraError, match="httptools"):
            Pool(target_of("http://127.0.0.1/"))


class TestConnection:
    @given(
        bodies=st.lists(
            st.tuples(st.binary(max_size=50), st.integers(0, 9)), min_size=1, max_size=5
        ),
        cuts=st.lists(st.integers(1, 40), min_size=1),
    )
    def test_however_the_bytes_come(self, bodies: list[tuple[bytes, int]], cuts: list[int]) -> None:
        """
        Cut anywhere, each answer is whole exactly when its last byte is there.
        """
        from httptools import HttpResponseParser

        class Wire:
            def write(self, data: bytes) -> None:
                """Send."""

            def abort(self) -> None:
                raise AssertionError("nothing is wrong")

        async def main() -> None:
            connection = Connection(HttpResponseParser, 1 << 20, has_body=True)
            connection.connection_made(Wire())
            for number, (body, chunks) in enumerate(bodies):
                answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                connection.ask(b"", answer)
                data = Answer(200 + 10 * number, body, chunks=chunks).as_bytes()
                at = step = 0
                while at < len(data):
                    assert not answer.done()
                    size = cuts[step % len(cuts)]
                    connection.data_received(data[at : at + size])
                    at, step = at + size, step + 1
                assert answer.result() == 200 + 10 * number
            assert connection.begun == connection.ended == len(bodies)

        asyncio.run(main())
