"""A sync against servers that misbehave: the last good release serves, and the reason is told."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from oneiric_lab.lab import Lab
from oneiric_lab.testing import Answer, Drip, FaultServer, ReleaseHouse

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

MANIFEST, BUNDLE, WHEEL = "/shop.oneiric.json", "/shop.oneiric-bundle.json", "/shop.whl"


class Shop:
    """A workspace that has release 1 of a server, which offers release 2."""

    def __init__(self, folder: Path, server: FaultServer, ca: Path | None = None) -> None:
        self.folder, self.server = folder, server
        self.house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        (folder / "trust.toml").write_text(f'root = "sha256:{self.house.root.sha256}"\n')
        self.ca = "" if ca is None else f'ca_file = "{ca}"\n'
        self.write(20)
        self.offer("p1")
        self.lab = self.open()
        assert self.lab.sync().ok
        self.offer("p2")

    def write(self, deadline: int) -> None:
        """Write the configuration; a short deadline is for what never ends."""
        (self.folder / "oneiric.toml").write_text(
            f'[remote]\nenabled = true\nmanifest_url = "{self.server.url}shop.oneiric.json"\n'
            "retry_base_delay = 0.01\nretry_max_delay = 0.02\nmax_retries = 2\n"
            f"deadline = {deadline}\nmax_manifest_bytes = 4194304\n{self.ca}"
            "[plugins]\nauto_load = false\n"
        )

    def hurry(self) -> None:
        """Wait for no more than a second from now on."""
        self.write(1)
        self.lab.reload()

    def offer(self, provider: str) -> None:
        """Publish a release of one entry with an artifact."""
        data = provider.encode() * 1000
        made = self.house.release(
            [
                {
                    "domain": "adapter",
                    "key": "cache",
                    "provider": provider,
                    "version": "1.0",
                    "factory": "shop:Cache",
                    "artifact": {
                        "uri": "shop.whl",
                        "sha256": hashlib.sha256(data).hexdigest(),
                        "size": len(data),
                    },
                }
            ]
        )
        self.whole = {MANIFEST: made.manifest, BUNDLE: made.bundle.encode(), WHEEL: data}
        self.server.answers = {path: [Answer(body=one)] for path, one in self.whole.items()}

    def open(self) -> Lab[Any]:
        """Open the workspace as a new process does."""
        return Lab.open(self.folder, environ={}, trusted=True)

    def serves(self, lab: Lab[Any] | None = None) -> set[str]:
        """Return the providers that are in force."""
        found = (lab or self.lab).registry.current.candidates()
        return {c.provider for c in found if c.source == "manifest"}

    def holds(self, outcome: str, *codes: str) -> None:
        """Sync, and prove that release 1 serves on, here and in a new process, with the reason."""
        generation = self.lab.registry.generation
        row = self.lab.sync().sources[0]

        code = row.faults[0].code
        assert (row.outcome, code in codes) == (outcome, True), row.faults
        assert row.release == "shop stable 1"
        assert self.lab.registry.generation == generation
        other = self.open()
        assert self.serves() == self.serves(other) == {"p1"}
        assert not other.problems
        standing = other.remote_status().sources[0]
        assert (standing.state, standing.attempts[-1].code) == ("failing", code)
        assert standing.attempts[-1].message
        objects = self.folder / ".oneiric" / "objects"
        assert not list(objects.rglob("*.tmp"))

    def recovers(self) -> None:
        """Prove that the next sync brings release 2, once the server is well."""
        self.write(20)
        self.lab.reload()
        self.server.answers = {path: [Answer(body=one)] for path, one in self.whole.items()}
        assert self.lab.sync().ok
        assert self.serves() == {"p2"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A workspace, and its server."""
    with FaultServer() as server:
        yield Shop(tmp_path, server)


STORM = {"Retry-After": "999999999999"}
LOOP = Answer(302, headers={"Location": MANIFEST})
BOMB = gzip.compress(bytes(50_000_000))


def body(data: bytes, **more: Any) -> Answer:
    """Return an answer that ends with its connection, so that nothing says how long it is."""
    return Answer(body=data, length=False, keep=False, **more)


class TestServer:
    """What a server can do wrong."""

    @pytest.mark.parametrize("path", [MANIFEST, BUNDLE, WHEEL])
    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (Answer(503), "fetch-status"),
            (Answer(429, headers=STORM), "fetch-status"),
            (Answer(404), "fetch-status"),
            (Answer(body=b"x" * 900, cut=500), "fetch-connection"),
            (Answer(headers={"Content-Length": "250"}, length=False, keep=False), None),
            (Drip(Answer(body=bytes(100_000)), 1, 0.05), "fetch-deadline"),
            (Answer(body=BOMB, headers={"Content-Encoding": "gzip"}), "fetch-encoding"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", None),
            (b"\x16\x03\x01 nonsense", None),
        ],
        ids=["503", "storm", "404", "cut", "length", "drip", "bomb", "chunk", "nonsense"],
    )
    def test_whatever_it_answers_the_last_good_release_serves(
        self, shop: Shop, path: str, answer: Any, code: str | None
    ) -> None:
        """
        For the manifest, its bundle and its artifact alike; when it is well again, all is.
        """
        if path == WHEEL and isinstance(answer, Answer) and answer.body == BOMB:
            code = "fetch-encoding"
        shop.server.answers[path] = [answer]
        if isinstance(answer, Drip):
            shop.hurry()

        shop.holds("unreachable", code or "fetch-connection")
        shop.recovers()

    @pytest.mark.parametrize(
        "location",
        [MANIFEST, "http://localhost:1/elsewhere", "ftp://example.com/x", "http://example.com/x"],
    )
    def test_where_it_must_not_send_us_we_do_not_go(self, shop: Shop, location: str) -> None:
        """
        Loops, other schemes, http to hosts that nobody allowed; another port of this machine is
        asked without credentials, and nobody listens there.
        """
        shop.server.answers[MANIFEST] = [Answer(302, headers={"Location": location})]
        row = shop.lab.sync().sources[0]

        assert row.outcome == "unreachable"
        assert shop.serves() == {"p1"}
        shop.recovers()

    @pytest.mark.parametrize(
        ("data", "what"),
        [
            (b"[" * 10_000 + b"]" * 10_000, "deep"),
            (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "deep"),
            (b'{"channel":"stable","entries":[' + b"{}," * 999_999 + b"{}]}", "many"),
            (b'{"channel":"stable","entries":[' + b"{}," * 5_000_000 + b"{}]}", "large"),
            (b"", "empty"),
            (bytes(1000), "zeros"),
        ],
        ids=["lists", "tables", "10^6 entries", "5*10^6 entries", "empty", "zeros"],
    )
    @pytest.mark.parametrize("path", [MANIFEST, BUNDLE])
    def test_a_document_that_would_hurt_is_refused(
        self, shop: Shop, path: str, data: bytes, what: str
    ) -> None:
        """
        By its size before it is whole, else before it is looked into; none takes long.
        """
        shop.server.answers[path] = [body(data)]
        start = time.process_time()
        row = shop.lab.sync().sources[0]

        # The machine is shared: a parse that runs away takes minutes.
        assert time.process_time() - start < 20
        assert row.outcome in {"refused", "unreachable"}
        assert shop.serves() == shop.serves(shop.open()) == {"p1"}
        assert shop.open().remote_status().sources[0].attempts[-1].message
        if what == "large" and path == MANIFEST:
            assert row.faults[0].code == "fetch-too-large"
        shop.recovers()

    def test_a_manifest_that_says_it_is_too_large_takes_no_memory(self, shop: Shop) -> None:
        """
        10 GB are refused by what the head says, a bomb by how it is encoded.
        """
        huge = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + bytes(1 << 20)
        for answer in (huge, Answer(body=BOMB, headers={"Content-Encoding": "gzip"})):
            shop.server.answers[MANIFEST] = [answer]
            tracemalloc.start()
            row = shop.lab.sync().sources[0]
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()

            assert row.outcome == "unreachable"
            # FaultServer keeps what it sends in this process too.
            assert peak < (16 << 20)

    def test_503_for_long_then_200(self, shop: Shop) -> None:
        """
        The breaker opens, the server is left alone, one probe closes it, the release enters:
        upstream's loop died at the first 503 (U3).
        """
        clock = [1000.0]
        shop.lab._remote._clock = lambda: clock[0]
        shop.lab._remote._breaker = None
        shop.server.answers[BUNDLE] = [Answer(503)]
        codes = []
        for _ in range(60):
            codes.append(shop.lab.sync().sources[0].faults[0].code)
            clock[0] += 30
        seen = shop.server.seen[BUNDLE]

        assert set(codes) == {"fetch-status", "fetch-breaker"}
        # Half an hour of 503 with a look each 30 s: most of them ask nobody.
        assert seen < 60
        assert shop.serves() == {"p1"}
        clock[0] += 61
        shop.recovers()

    def test_the_loop_outlives_what_upstreams_did_not(self, shop: Shop) -> None:
        """
        A 503, a bad signature and a document that is none, one after the other (U3).
        """
        good = shop.whole[MANIFEST]
        whole = Answer(body=shop.whole[BUNDLE])
        shop.server.answers[BUNDLE] = [Answer(503), Answer(503), Answer(503), whole]
        shop.server.answers[MANIFEST] = [
            Answer(body=good.replace(b'"p2"', b'"px"')),
            Answer(body=b"no json"),
            Answer(body=good),
        ]

        async def main() -> list[str]:
            found: list[str] = []
            clock = [0.0]

            def tick() -> float:
                clock[0] += 400
                return clock[0]

            shop.lab._remote._clock = tick
            loop = shop.lab._remote.loop(
                sleep=lambda _: anyio.lowlevel.checkpoint(), lot=lambda: 0.0
            )
            async for report in loop:
                found.append(report.sources[0].outcome)
                if len(found) == 5:
                    break
            await loop.aclose()
            return found

        assert anyio.run(main) == ["unreachable", "refused", "refused", "entered", "unchanged"]

    def test_half_a_manifest_is_never_registered(self, shop: Shop) -> None:
        """
        Upstream entered entries while it downloaded; an artifact that fails keeps all out, and
        a 404 or a wrong digest is asked for once (U11).
        """
        for answer in (Answer(404), Answer(body=b"p3" * 1000)):
            shop.server.answers[WHEEL] = [answer]
            before = shop.server.seen[WHEEL]
            assert not shop.lab.sync().ok
            assert shop.server.seen[WHEEL] == before + 1
            assert shop.serves() == {"p1"}
        shop.recovers()

    def test_credentials_are_for_one_origin(self, shop: Shop) -> None:
        """
        Neither a redirect to another origin nor an artifact elsewhere sees them (U11).
        """
        with (shop.folder / "oneiric.toml").open("a") as file:
            file.write('[remote.auth]\nheader_name = "X-Api-Key"\ntoken = "canary-0815"\n')
        shop.lab = shop.open()
        with FaultServer({"/m": [Answer(body=shop.whole[MANIFEST])]}) as other:
            shop.server.answers[MANIFEST] = [Answer(302, headers={"Location": other.url + "m"})]
            assert shop.lab.sync().ok
            asked = b"".join(other.requests)

        assert asked
        assert b"canary-0815" not in asked
        assert b"canary-0815" in b"".join(shop.server.requests)
        told = shop.lab.remote_status().to_json() + json.dumps(shop.lab.status().as_dict())
        assert "canary" not in told


class TestTls:
    """What a server can do wrong before it says anything."""

    @pytest.mark.parametrize("harm", ["expired", "wrong host", "self-signed", "http", "stalls"])
    def test_who_does_not_prove_its_name_brings_nothing(
        self,
        tmp_path: Path,
        certify: Callable[..., tuple[ssl.SSLContext, Path]],
        harm: str,
    ) -> None:
        """
        Refused once, never tried again, but for the handshake that stalls, which may pass.
        """
        good, ca = certify()
        with FaultServer(tls=good) as server, FaultServer() as plain:
            shop = Shop(tmp_path, server, ca)
            seen = server.seen[MANIFEST]
            if harm == "expired":
                server._tls = certify("localhost", days=-1)[0]
            elif harm == "wrong host":
                server._tls = certify("other.test")[0]
            elif harm == "self-signed":
                server._tls = certify()[0]
            elif harm == "http":
                plain.answers["/b"] = [Answer(body=shop.whole[BUNDLE])]
                server.answers[BUNDLE] = [Answer(302, headers={"Location": plain.url + "b"})]
            else:
                server._stalls = True
                shop.hurry()

            codes = {
                "http": ("fetch-redirect",),
                # One handshake takes the whole time, or the last of several its rest.
                "stalls": ("fetch-timeout", "fetch-deadline"),
            }
            shop.holds("unreachable", *codes.get(harm, ("fetch-tls",)))

            assert server.seen[MANIFEST] == seen
            assert not plain.requests
            server._tls, server._stalls = good, False
            shop.recovers()
