"""One story told by the verbs of releases: every answer with the name of its published shape."""

from __future__ import annotations

import io
import json
import os
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneiric_lab.cli import main
from oneiric_lab.testing import Answer, FaultServer, ReleaseHouse
from oneiric_lab.trust import keep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Told = Iterator[tuple[str, Any]]

AT = ("--at", "2026-01-02T00:00:00Z")
ROOT = ("--root", "root.1.json")
MANIFEST = """\
schema = 3
project = "shop"
channel = "stable"
version = {version}

[[entries]]
domain = "adapter"
key = "cache"
provider = "redis"
version = "2.{version}.0"
priority = {version}0
factory = "shop_redis:Cache"
artifact = {{ path = "a.whl" }}
capabilities = [{{ name = "kv", security = {{ scopes = [{scope}] }} }}]
"""
UPSTREAM = """\
source: shop
entries:
- {domain: adapter, key: cache, provider: redis, factory: 'oneiric.cache:Redis', version: '1'}
- {domain: adapter, key: mail, provider: smtp, factory: 'shop.mail:Smtp', uri: 'x', note: 1}
"""


def ask(*words: str) -> Any:
    """Return the JSON of a real command line."""
    out = io.StringIO()
    with redirect_stdout(out):
        main([*words, "--json"])
    return json.loads(out.getvalue())


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """Go there and back."""
    before = os.getcwd()  # noqa: PTH109 - where pathlib asks as well
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def keys_and_roots() -> Told:
    """Keys of three people, a root, the next one, and what this place trusts."""
    for name in ("alice", "bob", "carol"):
        keep(ReleaseHouse.signer(name), Path(f"{name}.pem"), passphrase=None, shown="", done="")
    yield "key", ask("trust", "key", "new", "dave.pem", "--algorithm", "p256", "--no-passphrase")
    yield "key", ask("trust", "key", "import", "dave.pem", "--out", "e.pem", "--no-passphrase")
    yield "key", ask("trust", "key", "show", "alice.pem.pub")
    yield "keys", ask("trust", "key", "list")
    yield "written", ask("trust", "root", "init", "template.toml")
    signers = [w for n in ("alice", "bob", "carol") for w in ("--signer", f"{n}={n}.pem.pub")]
    yield "root", ask("trust", "root", "init", *signers, *AT)
    for name in ("alice", "bob"):
        yield "root", ask("trust", "root", "sign", "root.1.json", "--key", f"{name}.pem", *AT)
    yield "root-toml", ask("trust", "root", "show", "root.1.json", "--toml")
    yield "root", ask("trust", "root", "show", "root.1.json", "--at", "2030-01-01T00:00:00Z")
    change = ("--add", "dave=dave.pem.pub", "--grant", "dave=release")
    yield "root", ask("trust", "root", "rotate", "root.1.json", *change, *AT)
    yield "written", ask("trust", "policy", "pin", "root.1.json")
    chain = ("root.1.json", "root.2.json", "--policy", "trust.toml")
    yield "root-report", ask("trust", "root", "verify", *chain, *AT)
    yield "root-report", ask("trust", "root", "verify", "root.1.json", *AT)
    yield "policy", ask("trust", "policy", "show", *ROOT)
    yield "policy-value", ask("trust", "policy", "explain", "requirements.3.threshold", *ROOT)
    yield "policy-value", ask("trust", "policy", "explain", "channels")
    yield "policy-lint", ask("trust", "policy", "lint", *ROOT, *AT)


def lists() -> Told:
    """The first revocation list, put in force, and the next one."""
    yield "revocations", ask("trust", "crl", "new", "--first", *ROOT, *AT)
    for name in ("alice", "bob"):
        words = ("trust", "crl", "publish", "revocations.1.json", "--key", f"{name}.pem")
        yield "revocations", ask(*words, *ROOT, *AT)
    put = ("trust", "crl", "publish", "revocations.1.json", "--to", "revocations.json")
    yield "revocations", ask(*put, *ROOT, *AT)
    stolen = ("--reason", "keyCompromise", "--before", "revocations.1.json")
    yield "revocations", ask("trust", "revoke", "carol", *stolen, *ROOT, *AT)
    yield "revocations", ask("trust", "crl", "show", "revocations.json", *ROOT, *AT)


def manifests() -> Told:
    """Packed, checked, migrated, compared and explained."""
    Path("a.whl").write_bytes(b"wheel")
    for version, scope in ((1, '"read"'), (2, "")):
        name = f"m{version}"
        Path(f"{name}.toml").write_text(MANIFEST.format(version=version, scope=scope))
        yield "manifest-pack", ask("manifest", "pack", f"{name}.toml")
    yield "manifest-validate", ask("manifest", "validate", "m1.toml")
    Path("wrong.toml").write_text(MANIFEST.format(version=0, scope="").replace("cache", "c/d"))
    yield "manifest-validate", ask("manifest", "validate", "wrong.toml")
    Path("old.yaml").write_text(UPSTREAM)
    yield "manifest-migrate", ask("manifest", "migrate", "old.yaml")
    yield "manifest-diff", ask("manifest", "diff", "m1.oneiric.json", "m2.oneiric.json")
    yield "manifest-diff", ask("manifest", "diff", "m1.oneiric.json", "m1.oneiric.json")
    yield "manifest-diff", ask("manifest", "diff", "m1.toml", "m2.toml", "--only", "risky")
    before = ("--previous", "m1.oneiric.json")
    yield "acknowledged", ask("manifest", "acknowledge", "m2.oneiric.json", *before)
    yield "acknowledged", ask("manifest", "acknowledge", "m2.oneiric.json", *before, "--all")
    yield "acknowledged", ask("manifest", "acknowledge", "m1.oneiric.json", *before)
    yield "manifest-lines", ask("manifest", "textconv", "m1.oneiric.json")
    yield "manifest-explain", ask("manifest", "explain", "m1.oneiric.json", "adapter:cache")


def ceremony() -> Told:
    """Proposed, signed, put together, bundled, verified; then a former release returns."""
    around = (*ROOT, "--revocations", "revocations.json", *AT)
    yield "proposed", ask("manifest", "propose", "m1.oneiric.json", *around)
    proposal, answers = "m1.oneiric-proposal.json", []
    for name in ("alice", "bob"):
        signed = ask("manifest", "cosign", proposal, "--key", f"{name}.pem", *ROOT, *AT)
        yield "cosigned", signed
        answers.append(signed["file"])
        yield "assembly", ask("manifest", "assemble", proposal, *answers, *around)
    yield "cosigned", ask("manifest", "cosign", proposal, "--key", "bob.pem", "--dry-run", *AT)
    envelope, bundle = "m1.oneiric-envelope.json", "m1.oneiric-bundle.json"
    yield "bundle-make", ask("bundle", "make", envelope, *around)
    yield "bundle-show", ask("bundle", "show", bundle)
    proof = ("--bundle", bundle, *ROOT)
    yield "report", ask("bundle", "verify", bundle, *ROOT, *AT)
    yield "report", ask("manifest", "verify", "m2.oneiric.json", *proof, *AT)
    yield (
        "report",
        ask("manifest", "verify", "m1.oneiric.json", *proof, "--at", "2036-01-01T00:00:00Z"),
    )
    last = ("--state", "state.json", "--commit-state", *AT)
    yield "report", ask("manifest", "verify", "m1.oneiric.json", *proof, *last)
    again = ("m1.oneiric.json", "m2.oneiric.json", "--from", "1", *around)
    yield "proposed", ask("manifest", "repropose", *again)


def workspace() -> Told:
    """A workspace with a source of manifests: what it brought, and what it trusts now."""
    house = ReleaseHouse(now=datetime.now(UTC).replace(microsecond=0))
    with FaultServer() as server:
        Path("trust.toml").write_text(f'root = "sha256:{house.root.sha256}"\n')
        Path("oneiric.toml").write_text(
            f'[remote]\nenabled = true\nmanifest_url = "{server.url}shop.oneiric.json"\n'
            "retry_base_delay = 0.01\nmax_retries = 0\n"
        )
        made = house.release({"adapter:cache": "redis"})
        for name, body in (("", made.manifest), ("-bundle", made.bundle.encode())):
            server.answers[f"/shop.oneiric{name}.json"] = [Answer(body=body)]
        yield "remote-status", ask("remote", "status")
        yield "sync", ask("sync")
        yield "sync", ask("sync")
        yield "remote-status", ask("remote", "status")
        server.answers["/shop.oneiric.json"] = [Answer(500)]
        yield "sync", ask("sync")
        yield "remote-status", ask("remote", "status")
    yield "state", ask("trust", "state", "show")
    yield "manifest-export", ask("manifest", "export", "--project", "shop", "--out", "out.toml")


def load() -> Told:
    """A short run, kept, compared and listed."""
    short = ("--duration", "0.2s", "--warmup", "0s", "--rate", "100/s")
    yield "load-scenarios", ask("load", "list")
    yield "load-run", ask("load", "run", "resolve-storm", *short)
    missed = ("--objective", "resolve.response.p99 < 1us")
    yield "load-run", ask("load", "run", "resolve-storm", *short, *missed)
    listed = ask("load", "runs")
    yield "load-runs", listed
    yield "load-run", ask("load", "show", listed["runs"][0]["id"])
    names = [one["id"] for one in listed["runs"][:2]]
    yield "load-compare", ask("load", "compare", *names)


CHAPTERS: dict[str, tuple[Callable[[], Told], ...]] = {
    "releases": (keys_and_roots, lists, manifests, ceremony),
    "workspace": (workspace,),
    "load": (load,),
}
"""Name to what is told one after the other in one folder."""
