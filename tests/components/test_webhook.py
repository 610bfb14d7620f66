"""Signed webhooks: what a receiver can rely on, with a real server in between."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oneiric_lab.components import Webhook, WebhookSettings, verify_webhook
from oneiric_lab.config import Secret, SecretRef
from oneiric_lab.errors import SecretError
from oneiric_lab.testing import Answer, LoopbackServer, Workspace

if TYPE_CHECKING:
    from pathlib import Path

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def secret(text: str | None) -> Secret[str]:
    """Return a reference to a secret."""
    return Secret(SecretRef("hook", lambda: text))


def received(request: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a request, as they came over the wire."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines), body


class TestSignature:
    """HMAC-SHA256 over id, time and body; as standardwebhooks.com says."""

    def test_the_known_example_holds(self) -> None:
        """The specification's own example: this secret, id, time and body, this signature."""
        headers = {
            "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "Webhook-Timestamp": "1614265330",
            "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }

        assert verify_webhook(KEY, headers, b'{"test": 2432232314}', now=1_614_265_330)

    def test_a_real_request_is_verified(self) -> None:
        """What a server gets verifies; each message has an id and a time of its own."""
        with LoopbackServer({"/hook": Answer(204, b"")}) as server:
            hook = Webhook(WebhookSettings(url=server.url + "hook", secret=secret(KEY)))
            assert hook("sold out", sku="boat")
            assert hook("sold out", sku="boat")
            first, second = map(received, server.requests)

        assert json.loads(first[1]) == {"message": "sold out", "facts": {"sku": "boat"}}
        assert all(verify_webhook(KEY, *one) for one in (first, second))
        assert len({one[0]["Webhook-Id"] for one in (first, second)}) == 2
        assert not verify_webhook("another", *first)

    def test_every_changed_byte_is_noticed(self) -> None:
        """Of the body, the id, the time and the signature, one bit at a time."""
        sent: list[tuple[dict[str, str], bytes]] = []

        def post(url: str, body: bytes, headers: Any, timeout: float) -> int:
            sent.append((dict(headers), body))
            return 200

        settings = WebhookSettings(url="https://x.example/", secret=secret("text"))
        Webhook(settings, post=post, clock=lambda: 1000.9)("m")
        headers, body = sent[0]
        assert headers["webhook-timestamp"] == "1000"
        assert verify_webhook("text", headers, body, now=1000)
        for n in range(len(body)):
            changed = body[:n] + bytes([body[n] ^ 1]) + body[n + 1 :]
            assert not verify_webhook("text", headers, changed, now=1000)
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            for n, letter in enumerate(headers[name]):
                text = headers[name][:n] + chr(ord(letter) ^ 1) + headers[name][n + 1 :]
                assert not verify_webhook("text", {**headers, name: text}, body, now=1000)

    @pytest.mark.parametrize(
        ("now", "good"), [(1000, True), (1300, True), (701, True), (1301, False), (699, False)]
    )
    def test_an_old_message_is_refused(self, now: float, *, good: bool) -> None:
        """Who recorded it cannot send it again later, nor one from the future."""
        headers = dict(self._headers("1000"))

        assert verify_webhook("k", headers, b"{}", now=now) is good

    @given(st.dictionaries(st.text(max_size=20), st.text(max_size=30), max_size=4), st.text())
    def test_whatever_comes_is_answered(self, headers: dict[str, str], key: str) -> None:
        """Hostile headers are a no, and never an error."""
        assert verify_webhook(key, headers, b"{}", now=0) is False

    @pytest.mark.parametrize("stamp", ["", "-1", "1e3", "٣", "9" * 400])
    def test_a_time_that_is_none_is_refused(self, stamp: str) -> None:
        """Only plain digits are a time."""
        assert not verify_webhook("k", dict(self._headers(stamp)), b"{}", now=1)

    def test_one_of_several_signatures_is_enough(self) -> None:
        """While a secret is rotated, the sender may sign with both."""
        headers = dict(self._headers("1000"))
        headers["webhook-signature"] = f"v1,x v2,y {headers['webhook-signature']} \ud800"

        assert verify_webhook("k", headers, b"{}", now=1000)

    @staticmethod
    def _headers(stamp: str) -> Any:
        from oneiric_lab.components._notifiers import _signature

        signed = _signature("k", "a", stamp, b"{}")
        return {"webhook-id": "a", "webhook-timestamp": stamp, "webhook-signature": signed}

    def test_a_secret_that_is_nowhere_sends_nothing(self) -> None:
        """Never unsigned instead."""
        sent: list[bytes] = []

        def post(url: str, body: bytes, headers: Any, timeout: float) -> int:
            sent.append(body)
            return 200

        hook = Webhook(WebhookSettings(url="https://x.example/", secret=secret(None)), post=post)
        with pytest.raises(SecretError):
            hook("m")

        assert sent == []

    def test_a_secret_is_a_reference_and_nothing_else(self) -> None:
        """A text in the configuration is refused, and not shown by the refusal."""
        with pytest.raises(ValidationError, match="a secret, such as") as caught:
            WebhookSettings.model_validate({"url": "https://x.example/", "secret": "s3cret"})

        assert "s3cret" not in str(caught.value.errors(include_input=False))
        settings = WebhookSettings(url="https://x.example/", secret=secret("s3cret"))
        assert "s3cret" not in repr(settings) + settings.model_dump_json()

    def test_a_key_that_only_looks_encoded_is_a_text(self) -> None:
        """`whsec_` and no base64 is somebody's own text."""
        from oneiric_lab.components._notifiers import _signature

        assert _signature("whsec_no!", "a", "1", b"") == _signature("whsec_no!", "a", "1", b"")
        assert _signature("whsec_no!", "a", "1", b"") != _signature("no!", "a", "1", b"")

    def test_a_redirect_is_not_followed(self) -> None:
        """What is meant for one address goes to no other."""
        with LoopbackServer(
            {"/hook": Answer(307, headers={"Location": "/other"}), "/other": Answer()}
        ) as server:
            assert not Webhook(WebhookSettings(url=server.url + "hook"))("m")
            assert server.seen["/other"] == 0


PROJECT = """
[plugins]
packages = ["oneiric_lab.components.actions"]
auto_load = false
[adapters.settings."notify.webhook"]
url = "{url}hook"
secret = "${{secret:hook}}"
[actions.settings."workflow.notify".routes.ops]
adapter = "notify.webhook"
channel = "#ops"
title = "$workflow failed"
extra_payload = {{ team = "shop" }}
attempts = 3
base_delay = 0.001
"""


class TestRoutes:
    """From `workflow.notify` to a receiver that checks the signature."""

    def test_a_message_goes_by_its_route(self, tmp_path: Path) -> None:
        """Facts of the route and of the message travel along; the secret is a reference only."""
        with LoopbackServer({"/hook": Answer(200)}) as server:
            lab = self._lab(tmp_path, server)
            payload = {"message": "no stock", "route": "ops", "context": {"workflow": "order"}}
            said = asyncio.run(lab.invoke("action:workflow.notify", payload))
            headers, body = received(server.requests[-1])

        assert said == {"ok": True, "route": "ops", "adapter": "notify.webhook", "attempts": 1}
        assert verify_webhook(KEY, headers, body)
        assert json.loads(body) == {
            "message": "no stock",
            "facts": {
                "team": "shop",
                "level": "info",
                "title": "order failed",
                "channel": "#ops",
                "context": {"workflow": "order"},
            },
        }
        assert KEY.encode() not in body
        assert KEY not in str(lab.snapshot.tree)

    def test_a_receiver_that_fails_is_asked_again(self, tmp_path: Path) -> None:
        """Three times here; then the answer is no, and the exit code 1."""
        with LoopbackServer({"/hook": Answer(503)}) as server:
            lab = self._lab(tmp_path, server)
            payload = {"message": "no stock", "route": "ops"}
            found = asyncio.run(lab.actions.invoke("workflow.notify", payload))
            assert server.seen["/hook"] == 3

        assert found.exit_code == 1
        assert found.value["why"] == "the notifier did not take it"

    def test_a_secret_that_is_missing_is_told_at_once(self, tmp_path: Path) -> None:
        """Another attempt would be none the wiser."""
        with LoopbackServer({"/hook": Answer(200)}) as server:
            workspace = Workspace(tmp_path).project(PROJECT.format(url=server.url))
            with pytest.raises(Exception, match="secret"):
                workspace.open(environ={})

    @staticmethod
    def _lab(tmp_path: Path, server: LoopbackServer) -> Any:
        text = PROJECT.format(url=server.url)
        return Workspace(tmp_path).project(text).open(environ={"ONEIRIC_SECRET_HOOK": KEY})
